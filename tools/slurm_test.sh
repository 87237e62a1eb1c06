#!/usr/bin/env bash
# Tests on a cluster that Slurm manages.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/slurm.sh"

[ $# -ge 4 ] ||
    usage 'slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [arguments of tools/test.py]'
run_slurm "$1" "$2" test.py "${@:3}"
