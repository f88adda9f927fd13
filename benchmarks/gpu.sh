#!/bin/sh
# All that is measured on a CUDA device, in three minutes: tests, kernels, a shard, a network.
#
#     sh benchmarks/gpu.sh [FOLDER]
#
# From the root of the checkout, with aimcsim[gpu,dev] installed. FOLDER (benchmarks/results) gets
# the JSON; GPU.md says what came out where this was run.
set -eu
folder=${1:-benchmarks/results}
mkdir -p "$folder"
# One process: jobs on a device wait for each other.
python -m pytest -n 0 -m gpu tests/gpu tests/training
for inputs in orthogonal uniform; do
    python -m benchmarks.gpu_roofline --inputs $inputs --json "$folder/gpu_$inputs.json"
done
python -m benchmarks.gpu_shard --json "$folder/gpu_shard.json"
python -m benchmarks.gpu_networks --kernels --json "$folder/gpu_networks.json"
