#!/bin/sh
# Writes requirements.lock and requirements-dev.lock from pyproject.toml: exact versions with hashes, for every
# platform and Python that Sotto supports. Versions stay as they are where they still fit; `--upgrade` renews them.
set -eu
cd "$(dirname "$0")/.."

uv_venv=$(mktemp -d)
trap 'rm -rf "$uv_venv"' EXIT
.venv/bin/python -m venv "$uv_venv"
"$uv_venv/bin/python" -m pip install --quiet --disable-pip-version-check "uv>=0.8"

compile() {
    "$uv_venv/bin/uv" pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
        --no-annotate --no-emit-index-url --custom-compile-command "make lock" "$@"
}
compile --output-file requirements.lock "$@"
compile --extra dev --constraint requirements.lock --output-file requirements-dev.lock "$@"

if grep -n '://' requirements.lock requirements-dev.lock; then
    echo "error: the locks must not name where packages were downloaded from" >&2
    exit 1
fi
