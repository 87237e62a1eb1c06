# Finds or makes the Python that runs the project. The scripts in this folder source it:
#
#   source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
#   use_environment runtime sample      # names of the files requirements/*.txt that are needed
#
# Then ROOT is the checkout and PYTHON a Python that has all of it: the active one (virtualenv,
# conda, or whatever 'python' is) if it does, else that of ROOT/.venv, made at the first call.
# shellcheck shell=bash

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"

fail() {
    echo "error: $*" >&2
    exit 1
}

# active_python NAME...: prints the active Python if it has the requirements
active_python() {
    local path prefix
    path="$(command -v python || command -v python3)" || return
    prefix="$("$path" -c 'import sys; print(sys.prefix)' 2>/dev/null)" || return
    if [ "$prefix" -ef "$ROOT/.venv" ]; then
        return 1 # environment.py knows whether it is complete
    fi
    "$path" "$ROOT/tools/check_requirements.py" "$@" >/dev/null 2>&1 && echo "$path"
}

# Prints a Python that can make a virtual environment; the tested version first.
base_python() {
    local name without_venv=''
    for name in python3.11 python3.12 python3.10 python3.9 python3 python; do
        "$name" -c 'import sys; sys.exit(not (3, 9) <= sys.version_info[:2] < (3, 13))' \
            >/dev/null 2>&1 || continue
        if "$name" -c 'import ensurepip, venv' >/dev/null 2>&1; then
            echo "$name"
            return
        fi
        without_venv="$name"
    done
    if [ -n "$without_venv" ]; then
        fail "$without_venv has no venv module; install it" \
            "(Debian and Ubuntu: apt-get install python3-venv) and run this again"
    fi
    fail "no Python 3.9 to 3.12 found; install one (3.11 is tested most) and run this again"
}

use_environment() {
    local base
    if PYTHON="$(active_python "$@")"; then
        echo "environment: using the active $PYTHON"
    else
        # Said aloud, since 'set -e' does not hold where a caller tests this function's success.
        base="$(base_python)" || exit
        "$base" "$ROOT/tools/environment.py" || exit
        PYTHON="$ROOT/.venv/bin/python"
    fi
    # This checkout goes before a masasr_mm that is installed from elsewhere.
    export PYTHONPATH="$ROOT${PYTHONPATH:+:$PYTHONPATH}"
}
