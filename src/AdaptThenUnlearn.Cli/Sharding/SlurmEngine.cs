using AdaptThenUnlearn.Publishing.Hosts;
using static AdaptThenUnlearn.Cli.Sharding.ShardPlan;

namespace AdaptThenUnlearn.Cli.Sharding;

/// <summary>Slurm: a job array measures, and a job that depends on it judges.</summary>
/// <remarks>
/// By <see href="https://slurm.schedmd.com/job_array.html"/> and <see href="https://slurm.schedmd.com/sbatch.html"/>.
/// </remarks>
public sealed class SlurmEngine : IShardEngine
{
    private const string End = "END_OF_SCRIPT";

    /// <inheritdoc/>
    public string Name => "slurm";

    /// <inheritdoc/>
    public string Title => "Slurm";

    /// <inheritdoc/>
    public string Variable => "SLURM_ARRAY_TASK_ID";

    /// <inheritdoc/>
    /// <remarks>MaxArraySize is 1001 unless the cluster's administrators change it (slurm.conf).</remarks>
    public int MostShards => 1000;

    /// <inheritdoc/>
    public bool HasOwnCheckout => false;

    /// <inheritdoc/>
    /// <remarks>The numbers of an array may begin anywhere, and may leave out others between them.</remarks>
    public Shard ReadShard(EnvironmentSnapshot environment)
    {
        var (id, count) = (Number(Variable), Number("SLURM_ARRAY_TASK_COUNT"));
        var (first, last) = (Number("SLURM_ARRAY_TASK_MIN"), Number("SLURM_ARRAY_TASK_MAX"));
        var step = Shard.ReadNumber(environment, "SLURM_ARRAY_TASK_STEP", usual: 1);
        var isEven = step >= 1 && id >= first && (id - first) % step == 0 && (last - first) / step + 1 == count;
        return Shard.FromEngine((id - first) / Math.Max(1, step) + 1, count, isEven);

        int Number(string name) => Shard.ReadNumber(environment, name);
    }

    /// <inheritdoc/>
    public string Write(ShardPlan plan)
    {
        plan.RequireFirstGpu(this);
        if (plan.Image is not null)
            throw new BadArgumentException("--image is for kubernetes and gitlab; for slurm, name what runs atu with --command");

        var atu = plan.Command ?? "atu";
        var resources = FormattableString.Invariant($"--cpus-per-task={plan.Threads} --mem={plan.Memory}G")
            + (plan.NeedsGpu ? " --gpus=1" : "");
        return FormattableString.Invariant($$"""
            #!/usr/bin/env bash
            # {{plan.Sentence}}
            # Start it with bash in the folder that these paths are relative to. All nodes need that folder, and atu.
            set -euo pipefail
            mkdir -p {{plan.PartsFolder}}

            # What an earlier run concluded is no verdict on this one.
            rm -f {{plan.EvidenceFolder}}/run.json {{plan.EvidenceFolder}}/report.*

            measure=$(sbatch --parsable --job-name=atu-measure-{{plan.PolicyName}} --array=1-{{plan.Shards}} {{resources}} \
                --requeue --open-mode=append --output={{plan.PartsFolder}}%a.log <<'{{End}}'
            #!/bin/bash
            {{ShellLine(atu, plan.MeasureArguments(plan.PartsFolder))}}
            code=$?

            # 3: it could not finish, so try again. Other codes would come again.
            if [ "$code" -eq {{ExitCodes.NotFinished}} ] && [ "${SLURM_RESTART_COUNT:-0}" -lt 3 ]; then
                scontrol requeue "$SLURM_JOB_ID" && sleep 600   # until Slurm ends this task
            fi
            exit "$code"
            {{End}}
            )
            measure=${measure%%;*}   # without the cluster's name

            # Without all parts there is no verdict: if a task fails, this job never starts.
            judge=$(sbatch --parsable --job-name=atu-judge-{{plan.PolicyName}} --dependency="afterok:$measure" \
                --kill-on-invalid-dep=yes {{resources}} --output={{plan.PartsFolder}}judge.log <<'{{End}}'
            #!/bin/bash
            {{ShellLine(atu, plan.JudgeArguments(plan.PartsFolder, EnvironmentDefaults.Out))}}
            {{End}}
            )

            echo "measuring: job $measure; judging: job ${judge%%;*}, whose exit code is the verdict's"
            echo "logs: {{plan.PartsFolder}}*.log; evidence: {{plan.EvidenceFolder}}/run.json"
            """) + "\n";
    }
}
