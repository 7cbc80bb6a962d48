using AdaptThenUnlearn.Publishing.Hosts;
using static AdaptThenUnlearn.Cli.Sharding.ShardPlan;

namespace AdaptThenUnlearn.Cli.Sharding;

/// <summary>GitLab CI: a job with <c>parallel</c> measures, and a job that needs it judges.</summary>
/// <remarks>By <see href="https://docs.gitlab.com/ci/yaml/"/>.</remarks>
public sealed class GitLabEngine : IShardEngine
{
    /// <inheritdoc/>
    public string Name => "gitlab";

    /// <inheritdoc/>
    public string Title => "GitLab";

    /// <inheritdoc/>
    public string Variable => "CI_NODE_INDEX";

    /// <inheritdoc/>
    /// <remarks>The most jobs of <c>parallel</c>.</remarks>
    public int MostShards => 200;

    /// <inheritdoc/>
    public bool HasOwnCheckout => true;

    /// <inheritdoc/>
    public Shard ReadShard(EnvironmentSnapshot environment) => Shard.FromEngine(
        Shard.ReadNumber(environment, Variable), Shard.ReadNumber(environment, "CI_NODE_TOTAL"));

    /// <inheritdoc/>
    public string Write(ShardPlan plan)
    {
        var atu = plan.Command ?? InstalledAtu;
        var (parts, folder) = (plan.PartsFolder, plan.EvidenceFolder);
        var measure = ShellLine(atu, plan.MeasureArguments(parts));
        var judge = ShellLine(atu, plan.JudgeArguments(parts, EnvironmentDefaults.Out));

        // GitLab starts no parallel job for one part.
        var parallel = plan.Shards == 1
            ? "  variables: { CI_NODE_INDEX: \"1\", CI_NODE_TOTAL: \"1\" }"
            : FormattableString.Invariant($"  parallel: {plan.Shards}");
        return FormattableString.Invariant($$"""
            # {{plan.Sentence}}
            # Take it into .gitlab-ci.yml with `include`.
            .atu-{{plan.PolicyName}}:
              image: {{QuoteForYaml(plan.Image ?? "mcr.microsoft.com/dotnet/sdk:10.0")}}
            """)
            + (plan.NeedsGpu ? "\n  tags: [gpu]   # of your runner with a GPU" : "")
            + (plan.Command is null ? "\n" + FormattableString.Invariant($$"""
                  before_script:
                    - {{plan.InstallLines[0]}}
                    - {{QuoteForYaml(plan.InstallLines[1])}}
                """) : "")
            + "\n" + FormattableString.Invariant($$"""

                measure-{{plan.PolicyName}}:
                  extends: .atu-{{plan.PolicyName}}
                {{parallel}}
                  script:
                    - rm -rf {{parts}}   # what a checkout brings was not measured by this job
                    - {{QuoteForYaml(measure)}}
                  retry: { max: 2, exit_codes: [{{ExitCodes.NotFinished}}] }   # it could not finish: again
                  artifacts:
                    paths: [{{QuoteForYaml(parts)}}]

                judge-{{plan.PolicyName}}:
                  extends: .atu-{{plan.PolicyName}}
                  needs: [measure-{{plan.PolicyName}}]
                  script:
                    - rm -rf {{folder}}   # what a checkout brings is not a verdict of this job
                    - {{QuoteForYaml(judge)}}
                  artifacts:
                    when: always
                    paths:
                      - {{folder}}/run.json
                      - {{folder}}/report.*
                """) + "\n";
    }
}
