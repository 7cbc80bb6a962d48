#!/usr/bin/env bash
# Written by `atu plan`: measures policies/my-policy.json in 16 parts, and judges the whole.
# Start it with bash in the folder that these paths are relative to. All nodes need that folder, and atu.
set -euo pipefail
mkdir -p parts/no-digit-8/

# What an earlier run concluded is no verdict on this one.
rm -f artifacts/no-digit-8/run.json artifacts/no-digit-8/report.*

measure=$(sbatch --parsable --job-name=atu-measure-no-digit-8 --array=1-16 --cpus-per-task=1 --mem=4G \
    --requeue --open-mode=append --output=parts/no-digit-8/%a.log <<'END_OF_SCRIPT'
#!/bin/bash
atu measure policies/my-policy.json --shard auto --out parts/no-digit-8/ --device cpu --threads 1
code=$?

# 3: it could not finish, so try again. Other codes would come again.
if [ "$code" -eq 3 ] && [ "${SLURM_RESTART_COUNT:-0}" -lt 3 ]; then
    scontrol requeue "$SLURM_JOB_ID" && sleep 600   # until Slurm ends this task
fi
exit "$code"
END_OF_SCRIPT
)
measure=${measure%%;*}   # without the cluster's name

# Without all parts there is no verdict: if a task fails, this job never starts.
judge=$(sbatch --parsable --job-name=atu-judge-no-digit-8 --dependency="afterok:$measure" \
    --kill-on-invalid-dep=yes --cpus-per-task=1 --mem=4G --output=parts/no-digit-8/judge.log <<'END_OF_SCRIPT'
#!/bin/bash
atu govern policies/my-policy.json --no-train --measured 'parts/no-digit-8/no-digit-8.*-of-16.safetensors' --out artifacts --device cpu --threads 1
END_OF_SCRIPT
)

echo "measuring: job $measure; judging: job ${judge%%;*}, whose exit code is the verdict's"
echo "logs: parts/no-digit-8/*.log; evidence: artifacts/no-digit-8/run.json"
