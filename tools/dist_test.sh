#!/usr/bin/env bash
# Tests in N processes on this machine, or on NNODES machines with N processes each.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/distributed.sh"

[ $# -ge 3 ] && [[ "$3" =~ ^[1-9][0-9]*$ ]] ||
    usage 'dist_test.sh CONFIG CHECKPOINT N [arguments of tools/test.py]'
run_distributed "$3" test.py "$1" "$2" "${@:4}"
