# Finds or makes the Python that runs the project. The scripts in this folder source it:
#
#   source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
#   use_environment runtime sample      # names of the files requirements/*.txt that are needed
#
# Then ROOT is the checkout and PYTHON a Python that has all of it: the active one if it does, else
# that of ROOT/.venv, which is made at the first call and used until the requirements change. The
# variables VENV and PYTHON choose another folder and the Python that it is made with.
# shellcheck shell=bash

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
VENV="${VENV:-$ROOT/.venv}"
CHOSEN="${PYTHON:-}"
STATE="$VENV/masasr_mm.state" # 'building', or the fingerprint of what was installed

fail() {
    echo "error: $*" >&2
    exit 1
}

# Prints a number that changes with the requirements and with the place of the checkout.
fingerprint() {
    { echo "$ROOT" && cat "$ROOT/setup.cfg" "$ROOT"/requirements/*.txt; } | cksum
}

# fits PYTHON [MODULE...]: whether it is of a version that is supported and has these modules
fits() {
    "$1" -c "import sys${2:+, $2}; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 14))" \
        >/dev/null 2>&1
}

# satisfies PYTHON NAME...: whether pip would have nothing to install for these requirements
satisfies() {
    local python="$1" mmcv files=() plan
    fits "$python" || return
    for name in "${@:2}"; do files+=(-r "$ROOT/requirements/$name.txt"); done
    for mmcv in lite full; do
        plan="$("$python" -m pip install --dry-run --no-index --disable-pip-version-check \
            "${files[@]}" -r "$ROOT/requirements/$mmcv.txt" 2>/dev/null)" &&
            [[ "$plan" != *'Would install'* ]] && return
    done
    return 1
}

# Prints a Python that can make a virtual environment; the version that is tested most comes first.
base_python() {
    local name
    for name in ${CHOSEN:-python3.11 python3.12 python3.13 python3.10 python3 python}; do
        fits "$name" 'ensurepip, venv' && echo "$name" && return
    done
    fail "no Python 3.10 to 3.13 with the module venv found${CHOSEN:+ at $CHOSEN}; install one" \
        "(Debian and Ubuntu: apt-get install python3-venv) and run this again"
}

# Makes VENV, or brings it up to date.
install() {
    local base extras=sample,tests,export,openvino,demo,peers log="$VENV/install.log" reason
    if ! [ -e "$STATE" ] || [ "$(cat "$STATE")" = building ] || ! fits "$VENV/bin/python"; then
        base="$(base_python)" || exit
        base="$("$base" -c 'import os, sys; print(os.path.realpath(sys.executable))')"
        echo "environment: creating .venv with $("$base" --version)"
        rm -rf "$VENV" && mkdir "$VENV" && echo building >"$STATE" &&
            "$base" -m venv "$VENV" || fail "no virtual environment can be made in $VENV"
    fi
    # mmcv and mmcv-lite overwrite each other: full mmcv, put in by hand, stays.
    "$VENV/bin/python" -c 'import importlib.metadata as m; m.version("mmcv")' 2>/dev/null ||
        extras="lite,$extras"
    echo "environment: installing, for some minutes; the log is $log"
    echo building >"$STATE"
    if ! (cd "$ROOT" && "$VENV/bin/python" -m pip install --no-input --disable-pip-version-check \
        --progress-bar=off --no-compile -c requirements/constraints.txt -e ".[$extras]") \
        >"$log" 2>&1; then
        reason="$(grep '^ERROR: ' "$log" | tail -n 1)"
        grep -q 'Retrying (Retry(' "$log" && reason="no package registry can be reached; $reason"
        fail "pip failed: $reason (all of it: $log)"
    fi
    # Compiled here, once, it is not compiled anew by every process of the tests.
    env -u PYTHONDONTWRITEBYTECODE "$VENV/bin/python" -c 'import masasr_mm.components, pytest' \
        >/dev/null 2>&1 || true
    fingerprint >"$STATE"
}

use_environment() {
    PYTHON="$VENV/bin/python"
    if [ "$(cat "$STATE" 2>/dev/null)" = "$(fingerprint)" ] && fits "$PYTHON"; then
        echo "environment: using $VENV"
    elif [ -z "$CHOSEN" ] && PYTHON="$(command -v python || command -v python3)" &&
        satisfies "$PYTHON" "$@"; then
        echo "environment: using the active $PYTHON"
    else
        PYTHON="$VENV/bin/python"
        if [ -e "$VENV" ] && ! [ -e "$STATE" ]; then
            satisfies "$PYTHON" "$@" || fail "$VENV was made by hand and lacks requirements:" \
                "activate it and run pip install -e '.[lite,sample,tests]', or remove it"
        else
            install
        fi
    fi
    # This checkout goes before a masasr_mm that is installed from elsewhere.
    export PYTHONPATH="$ROOT${PYTHONPATH:+:$PYTHONPATH}"
}
