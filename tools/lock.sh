#!/bin/sh
# Writes requirements.lock, requirements-dev.lock, requirements-gpu.lock and requirements-train.lock from pyproject.toml:
# exact versions with hashes, for every platform and Python that Sotto supports. Versions stay as they are where they
# still fit; `--upgrade` renews them.
set -eu
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
.venv/bin/python -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "uv>=0.8"

compile() {
    "$work/venv/bin/uv" pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
        --no-annotate --no-emit-index-url --custom-compile-command "make lock" "$@"
}
compile --extra oidc --extra otel --output-file requirements.lock "$@" # what a deployment may switch on is in the image
compile --extra dev --constraint requirements.lock --output-file requirements-dev.lock "$@"

# What the extra `gpu` adds to requirements.lock: the CUDA libraries of the image's target `cuda`.
cp requirements-gpu.lock "$work/gpu.lock" 2>/dev/null || true # the versions to stay with
compile --extra gpu --constraint requirements.lock --output-file "$work/gpu.lock" "$@"
awk '/^[^ ]/ { kept = /^(#|nvidia-[a-z0-9-]+==)/ } kept' "$work/gpu.lock" >requirements-gpu.lock

# torch comes from elsewhere (requirements-torch.txt), and its build for CPUs without the CUDA packages.
sed 's/+cpu//' requirements-torch.txt >"$work/torch.txt"
cp requirements-train.lock "$work/train.lock" 2>/dev/null || true # the versions to stay with
compile --extra dev --extra train --extra voices --constraint requirements-dev.lock --constraint "$work/torch.txt" \
    --output-file "$work/train.lock" "$@"
awk '/^[^ ]/ { kept = !/^(torch|triton|nvidia-[a-z0-9-]+|cuda-[a-z]+)==/ } kept' "$work/train.lock" >requirements-train.lock

if grep -n '://' requirements*.lock; then
    echo "error: the locks must not name where packages were downloaded from" >&2
    exit 1
fi
