#!/usr/bin/env bash
# Makes COUNT images of SEED in the folder OUT, one PNG file each. Replace the last line by your own program.
set -euo pipefail
seed=$1 count=$2 out=$3
exec atu sample "${GENERATOR:-../../models/mnist/stylegan2.safetensors}" --noise random --seed "$seed" --count "$count" --images "$out"
