#!/bin/sh
# Builds and tries the container image with buildah and podman, where Docker or an image registry is not at hand:
#   image.sh base                    makes stand-ins for the base images with mmdebstrap, from Debian's packages
#   image.sh build cpu|cuda [OPTION…]  builds sotto:cpu or sotto:cuda on them; options go to `buildah build`
#   image.sh demo [OPTION…]          runs `sotto demo` in sotto:cpu with a read-only root; options go to `podman run`
# Needs root and Debian's packages buildah, podman, crun and mmdebstrap.
set -eu
cd "$(dirname "$0")/.."

python_image=localhost/sotto-base-python:bookworm
node_image=localhost/sotto-base-node:bookworm

usage() {
    sed -n 's/^#   //p' "$0" >&2
    exit 2
}

# A Debian with some packages as an image, for `FROM`.
make_base() {
    image=$1 packages=$2
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    mmdebstrap --quiet --variant=minbase --include="$packages" --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' bookworm "$work/root.tar"
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$work/root.tar" / >/dev/null
    buildah commit --quiet --rm "$container" "$image" >/dev/null
    rm -rf "$work"
    trap - EXIT
    echo "$image"
}

case ${1:-} in
    base)
        make_base $python_image ca-certificates,python3,python3-venv
        make_base $node_image ca-certificates,nodejs,npm
        ;;
    build)
        target=${2:-}
        case $target in cpu | cuda) shift 2 ;; *) usage ;; esac
        buildah build --pull-never --layers --format docker --target "$target" --tag "sotto:$target" \
            --build-arg PYTHON_IMAGE=$python_image --build-arg NODE_IMAGE=$node_image "$@" .
        podman image list --format '{{.Repository}}:{{.Tag}} {{.Size}}' "sotto:$target"
        ;;
    demo)
        shift
        podman run --rm --read-only --cap-drop all --security-opt no-new-privileges "$@" sotto:cpu demo
        ;;
    *) usage ;;
esac
