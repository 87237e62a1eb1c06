# Starts one of the Python tools through Slurm. slurm_train.sh and slurm_test.sh source it.
# shellcheck shell=bash
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

# usage SCRIPT ARGUMENTS: says how a script is called and ends it
usage() {
    echo "usage: [GPUS=8 GPUS_PER_NODE=8 CPUS_PER_TASK=5 SRUN_ARGS='...'] bash tools/$*" >&2
    exit 2
}

# run_slurm PARTITION JOB_NAME TOOL ARGUMENTS...: one process for each of GPUS GPUs
run_slurm() {
    local partition="$1" job="$2" tool="$3" gpus="${GPUS:-8}" per_node
    shift 3
    per_node="${GPUS_PER_NODE:-$((gpus < 8 ? gpus : 8))}"
    use_environment runtime
    # SRUN_ARGS holds several words.
    # shellcheck disable=SC2086
    exec srun --partition="$partition" --job-name="$job" --gres="gpu:$per_node" --ntasks="$gpus" \
        --ntasks-per-node="$per_node" --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 \
        ${SRUN_ARGS:-} "$PYTHON" -u "$ROOT/tools/$tool" "$@" --launcher slurm
}
