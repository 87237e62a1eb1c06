#!/usr/bin/env bash
# Runs the test suite, in an environment that it finds or makes.
#
#   bash tools/run_tests.sh [arguments for pytest]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
use_environment runtime sample tests
cd "$ROOT"
exec "$PYTHON" -m pytest "$@"
