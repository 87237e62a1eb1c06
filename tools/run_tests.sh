#!/usr/bin/env bash
# Runs the tests, in an environment that it finds or makes.
#
#   bash tools/run_tests.sh [arguments for pytest]   unit, golden and integration tests
#   bash tools/run_tests.sh --all                    the release tests as well
#   bash tools/run_tests.sh -n 0 FILE                one file in one process, for a debugger
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
use_environment runtime sample tests peers
cd "$ROOT"
arguments=(--ignore tests/release)
if [ "${1:-}" = --all ]; then
    arguments=()
    shift
fi
# One process a core, each with one thread: what the tests compute is small. Tests of a file stay
# together, so that what they share is made once.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
# Without bytecode every process compiles 2,400 modules anew, for half a minute.
unset PYTHONDONTWRITEBYTECODE
exec "$PYTHON" -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder ${arguments[@]+"${arguments[@]}"} "$@"
