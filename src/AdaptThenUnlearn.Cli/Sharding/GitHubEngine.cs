using AdaptThenUnlearn.Publishing.Hosts;
using static AdaptThenUnlearn.Cli.Sharding.ShardPlan;

namespace AdaptThenUnlearn.Cli.Sharding;

/// <summary>GitHub Actions: a matrix of jobs measures, and a job that needs it judges.</summary>
/// <remarks>
/// By <see href="https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax"/>. A matrix has no variable of
/// its own, so the workflow sets <c>ATU_SHARD</c>, as the jobs of any other engine can.
/// </remarks>
public sealed class GitHubEngine : IShardEngine
{
    private const string Expression = "${{";

    /// <inheritdoc/>
    public string Name => "github";

    /// <inheritdoc/>
    public string Title => "GitHub Actions";

    /// <inheritdoc/>
    public string Variable => EnvironmentDefaults.ShardVariable;

    /// <inheritdoc/>
    /// <remarks>The most jobs of a matrix.</remarks>
    public int MostShards => 256;

    /// <inheritdoc/>
    public bool HasOwnCheckout => true;

    /// <inheritdoc/>
    public Shard ReadShard(EnvironmentSnapshot environment) => Shard.Parse(environment[Variable]!);

    /// <inheritdoc/>
    public string Write(ShardPlan plan)
    {
        if (plan.Image is not null)
            throw new BadArgumentException("--image is for kubernetes and gitlab; on GitHub Actions, name atu with --command");
        if (plan.Overrides.Append(plan.PolicyPath).Append(plan.Command ?? "")
            .FirstOrDefault(text => text.Contains(Expression, StringComparison.Ordinal)) is { } unsafeText)
            throw new BadArgumentException($"'{unsafeText}' has {Expression}, which GitHub Actions would replace");

        var atu = plan.Command ?? InstalledAtu;
        var parts = plan.PartsFolder;
        var measure = ShellLine(atu, plan.MeasureArguments(parts));
        var judge = ShellLine(atu, plan.JudgeArguments(parts, EnvironmentDefaults.Out));
        var runner = plan.NeedsGpu ? "[self-hosted, gpu]   # your runner with a GPU" : "ubuntu-latest";
        var numbers = string.Join(", ", Enumerable.Range(1, plan.Shards).Select(part => FormattableString.Invariant($"{part}")));
        var folder = plan.EvidenceFolder;
        var setUp = SetUp(plan);
        return FormattableString.Invariant($$$"""
            # {{{plan.Sentence}}}
            # Save it in .github/workflows/.
            name: atu {{{plan.PolicyName}}}
            on: workflow_dispatch
            permissions:
              contents: read
            concurrency: atu-{{{plan.PolicyName}}}
            jobs:
              measure:
                runs-on: {{{runner}}}
                timeout-minutes: 360
                strategy:
                  matrix:
                    part: [{{{numbers}}}]
                steps:
            {{{setUp}}}
                  - name: Measure a part
                    env:
                      ATU_SHARD: ${{ matrix.part }}/{{{plan.Shards}}}
                    run: |
                      rm -rf {{{parts}}}   # what a checkout brings was not measured by this job
                      for attempt in 1 2 3; do
                        code=0
                        {{{measure}}} || code=$?
                        [ "$code" -eq {{{ExitCodes.NotFinished}}} ] || exit "$code"   # that one is: it could not finish
                      done
                      exit "$code"
                  - uses: actions/upload-artifact@v6
                    with:
                      name: {{{plan.PolicyName}}}-part-${{ matrix.part }}
                      path: {{{parts}}}
                      if-no-files-found: error
              judge:
                needs: measure
                runs-on: {{{runner}}}
                timeout-minutes: 60
                steps:
            {{{setUp}}}
                  - uses: actions/download-artifact@v7
                    with:
                      pattern: {{{plan.PolicyName}}}-part-*
                      path: {{{parts}}}
                      merge-multiple: true
                  - name: Judge the whole
                    run: |
                      rm -rf {{{folder}}}   # what a checkout brings is not a verdict of this job
                      {{{judge}}}
                  - uses: actions/upload-artifact@v6
                    if: always()
                    with:
                      name: {{{plan.PolicyName}}}-evidence
                      path: |
                        {{{folder}}}/run.json
                        {{{folder}}}/report.*
            """) + "\n";
    }

    private static string SetUp(ShardPlan plan)
    {
        const string Checkout = """
                  - uses: actions/checkout@v5
                    with:
                      persist-credentials: false
            """;
        return plan.Command is not null ? Checkout : Checkout + "\n" + $"""
                  - uses: actions/setup-dotnet@v5
                    with:
                      dotnet-version: 10.0.x
                  - name: Install atu
                    run: |
                      {plan.InstallLines[0]}
                      {plan.InstallLines[1]}
            """;
    }
}
