#!/usr/bin/env bash
# Where a training step's time goes: samples the steps of the benchmark `endurance` with perf (Debian: linux-perf) and sums the samples by kind.
# Usage, after building the benchmarks:  OMP_NUM_THREADS=1 benchmarks/kernel-share.sh [seconds]
set -euo pipefail
cd "$(dirname "$0")/.."
command -v perf > /dev/null || { echo "perf is not installed (Debian: apt-get install linux-perf)" >&2; exit 2; }

program=benchmarks/AdaptThenUnlearn.Benchmarks/bin/Release/net10.0/AdaptThenUnlearn.Benchmarks.dll
data=$(mktemp)
trap 'kill "$job" 2> /dev/null; rm -f "$data"' EXIT
dotnet "$program" endurance 1000000 > /dev/null &
job=$!
sleep 8   # start, and the first steps
perf record -e cpu-clock -F 499 -o "$data" -p "$job" -- sleep "${1:-20}" > /dev/null 2>&1

# oneDNN generates its kernels at run time: they are the samples in anonymous executable memory.
# Samples are counted, not percentages: those of single addresses round to nothing.
perf report -i "$data" --show-nr-samples --sort dso,symbol --stdio 2> /dev/null | awk '
    /^ *[0-9.]+%/ {
        all += $2
        if ($0 ~ /\[JIT\]|dnnl::|mkl_|gemm|jit_/) kind = "convolution and matrix kernels"
        else if ($0 ~ /libc\.so|libc10/) kind = "allocating and copying memory"
        else if ($0 ~ /at::native|cascade_sum|vectorized|TensorIterator/) kind = "elementwise operations and sums"
        else if ($0 ~ /libtorch|libLibTorchSharp|libstdc/) kind = "autograd and dispatch"
        else kind = ".NET, kernel and the rest"
        sum[kind] += $2
    }
    END { for (kind in sum) printf "%5.1f %%  %s\n", 100 * sum[kind] / all, kind }' | sort -rn
