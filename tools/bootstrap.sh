#!/bin/sh
# Makes .venv and installs the locked packages and Sotto itself: `bootstrap.sh runtime` for what serving needs,
# `bootstrap.sh dev` for tests and checks as well, `bootstrap.sh train` for the tests of training too. Needs Python 3.11
# or newer; does nothing when nothing changed.
set -eu

level=${1:?usage: bootstrap.sh runtime|dev|train}
cd "$(dirname "$0")/.."

case $level in
    runtime) lock=requirements.lock ;;
    dev | train) lock=requirements-$level.lock ;;
    *) echo "usage: bootstrap.sh runtime|dev|train" >&2; exit 2 ;;
esac

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

can_make_venvs() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null
}

# The first Python that can make environments; else the first that is new enough.
find_python() {
    found=
    for python in python3 python3.11 python3.12 python3.13 python3.14 /usr/bin/python3; do
        is_new_enough "$python" || continue
        if can_make_venvs "$python"; then
            echo "$python"
            return
        fi
        found=${found:-$python}
    done
    echo "$found"
}

# Debian and Ubuntu keep ensurepip in a package of its own.
install_venv_module() {
    package=$("$1" -c 'import sys; print("python3.%d-venv" % sys.version_info.minor)')
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing $package"
        apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$package"
    else
        fail "$1 cannot make virtual environments. On Debian and Ubuntu type: sudo apt-get install $package"
    fi
}

make_venv() {
    python=$(find_python)
    [ -n "$python" ] || fail "no Python 3.11 or newer was found. On Debian 12, Ubuntu 24.04 and newer" \
        "type: sudo apt-get install python3 python3-venv"
    can_make_venvs "$python" || install_venv_module "$python"
    echo "Making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
}

# One stamp for each level; the packages of `train` include those of `dev`, and those the ones of `runtime`.
wanted_stamp() {
    case $1 in
        runtime) set -- requirements.lock ;;
        dev) set -- requirements-dev.lock ;;
        train) set -- requirements-train.lock requirements-torch.txt ;;
    esac
    { echo "$PWD"; cat "$@" pyproject.toml; } | sha256sum
}

is_installed() {
    for enough in train dev runtime; do
        [ "$(cat ".venv/.installed-$enough" 2>/dev/null)" = "$(wanted_stamp $enough)" ] && return
        [ $enough != "$level" ] || return 1
    done
}

works() {
    .venv/bin/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# The page is a comfort: without npm, or when its build fails, everything else works.
build_page() {
    if ! command -v npm >/dev/null; then
        [ -e service/gateway/page/index.html ] || echo "The web page at /app/ is not built: npm was not found (make web)"
    elif ! tools/web.sh; then
        echo "The web page at /app/ is not built: see above (make web)"
    fi
}

if is_installed && works; then
    build_page
    exit 0
fi
works || make_venv

quiet=--quiet
if [ -t 1 ]; then quiet=; fi # on a terminal pip shows how the downloads go
# first, so that a machine that cannot have torch keeps what it has
if [ "$level" = train ]; then
    echo "Installing torch into .venv"
    .venv/bin/python -m pip install $quiet --disable-pip-version-check --no-deps -r requirements-torch.txt ||
        fail "no build of torch for CPUs was found where pip looks: see requirements-torch.txt"
fi
echo "Installing the packages of $lock into .venv"
rm -f .venv/.installed-*
.venv/bin/python -m pip install $quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: -r "$lock"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
wanted_stamp "$level" >".venv/.installed-$level"
build_page
