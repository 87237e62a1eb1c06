# Starts one of the Python tools in several processes. dist_train.sh and dist_test.sh source it.
# shellcheck shell=bash
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

# usage SCRIPT ARGUMENTS: says how a script is called and ends it
usage() {
    echo "usage: [NNODES=1 NODE_RANK=0 MASTER_ADDR=127.0.0.1 PORT=29500 MAX_RESTARTS=0]" \
        "bash tools/$*" >&2
    exit 2
}

# Prints 29500, the port of torch.distributed, or a free one if that is taken on this machine.
free_port() {
    "$PYTHON" - <<'PYTHON'
import socket

for port in (29500, 0):
    with socket.socket() as server:
        try:
            server.bind(('127.0.0.1', port))
        except OSError:
            continue
        print(server.getsockname()[1])
        break
PYTHON
}

# run_distributed N TOOL ARGUMENTS...: N processes on this node; the other nodes run the same command
run_distributed() {
    local processes="$1" tool="$2" nodes="${NNODES:-1}" cores
    shift 2
    use_environment runtime
    if [ "$nodes" -eq 1 ]; then
        PORT="${PORT:-$(free_port)}"
    fi
    cores="$(getconf _NPROCESSORS_ONLN)"
    if [ "$cores" -lt "$processes" ]; then
        cores="$processes"
    fi
    export OMP_NUM_THREADS="${OMP_NUM_THREADS:-$((cores / processes))}"
    local address="${MASTER_ADDR:-127.0.0.1}" port="${PORT:-29500}" rendezvous
    rendezvous=(--node_rank "${NODE_RANK:-0}" --master_addr "$address" --master_port "$port")
    if [ "${MAX_RESTARTS:-0}" -gt 0 ]; then
        # Both the fixed rendezvous of torch 2.14 and a store that torchrun shares between attempts
        # may hand restarted processes the addresses of dead ones.
        export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1
        rendezvous=(--rdzv_backend c10d --rdzv_endpoint "$address:$port" --rdzv_id "$port")
    fi
    exec "$PYTHON" -m torch.distributed.run --nnodes "$nodes" "${rendezvous[@]}" \
        --nproc_per_node "$processes" --max_restarts "${MAX_RESTARTS:-0}" \
        "$ROOT/tools/$tool" "$@" --launcher pytorch
}
