#!/usr/bin/env bash
# Trains on a cluster that Slurm manages.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/slurm.sh"

[ $# -ge 3 ] || usage 'slurm_train.sh PARTITION JOB_NAME CONFIG [arguments of tools/train.py]'
run_slurm "$1" "$2" train.py "${@:3}"
