#!/bin/bash
# Run a study on the nodes of a Slurm allocation, from the folder of this repository:
#
#     sbatch [--nodes=4 --gpus-per-node=4] deploy/slurm.sh SPEC [more arguments of vss-orch submit]
#
# All nodes start Ray, and the first one runs the submit. At the time limit the job queues itself
# again; the next run resumes every trial from its checkpoint. So does another sbatch after a crash.
#SBATCH --job-name=vss-orch
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --exclusive
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@120
set -euo pipefail

PATH=$SLURM_SUBMIT_DIR/.venv/bin:$PATH

# Without a token, everybody who reaches the nodes could run code as this user.
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=${RAY_AUTH_TOKEN_PATH:-$HOME/.ray/auth_token}
if [ ! -s "$RAY_AUTH_TOKEN_PATH" ]; then
    mkdir -p "$(dirname "$RAY_AUTH_TOKEN_PATH")"
    (umask 077 && od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n' >"$RAY_AUTH_TOKEN_PATH")
fi
export RAY_USAGE_STATS_ENABLED=0
export RAY_SYMMETRIC_RUN_CLUSTER_WAIT_TIMEOUT=300 # seconds; the nodes read Python from a shared disk

# This script runs on the first node. An address, as gRPC looks names up in its own way.
name=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
ip=$(getent ahostsv4 "$name" | awk '$1 !~ /^127\./ {print $1; exit}')
HEAD_IP=${ip:-$(hostname -I | cut -d " " -f 1)}
HEAD_PORT=$((20000 + SLURM_JOB_ID % 10000))
export HEAD_IP HEAD_PORT

# The first node runs the submit once all nodes have joined. The others leave when its Ray has ended,
# which their own Ray notices a minute later, and takes for a failure.
head_answers() { (: <"/dev/tcp/$HEAD_IP/$HEAD_PORT") 2>/dev/null; }
start_node() {
    local options=(--num-cpus "$SLURM_CPUS_PER_TASK" --object-store-memory 200000000)
    if [ "$SLURM_NODEID" = 0 ]; then
        exec ray symmetric-run --address "$HEAD_IP:$HEAD_PORT" --min-nodes "$SLURM_JOB_NUM_NODES" \
            "${options[@]}" -- vss-orch submit "$@" --address "$HEAD_IP:$HEAD_PORT"
    fi
    until head_answers; do sleep 1; done
    ray start --address "$HEAD_IP:$HEAD_PORT" "${options[@]}" >/dev/null
    while head_answers || { sleep 5 && head_answers; }; do sleep 5; done
    ray stop &>/dev/null
}
export -f head_answers start_node

requeue() {
    echo "the time limit is near: job $SLURM_JOB_ID queues itself again"
    scontrol requeue "$SLURM_JOB_ID"
}
trap requeue USR1

srun --kill-on-bad-exit=1 bash -e -c 'start_node "$@"' bash "$@" &
wait $! # unlike srun itself, it lets the trap run
