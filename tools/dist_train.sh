#!/usr/bin/env bash
# Trains in N processes on this machine, or on NNODES machines with N processes each.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/distributed.sh"

[ $# -ge 2 ] && [[ "$2" =~ ^[1-9][0-9]*$ ]] ||
    usage 'dist_train.sh CONFIG N [arguments of tools/train.py]'
run_distributed "$2" train.py "$1" "${@:3}"
