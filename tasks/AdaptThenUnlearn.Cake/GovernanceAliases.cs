using Cake.Core;
using Cake.Core.Annotations;
using Cake.Core.IO;

namespace AdaptThenUnlearn.Cake;

/// <summary>Governs image generators by policy and publishes the results, from a Cake script or a Cake.Frosting host.</summary>
/// <remarks>
/// <c>atu</c> decides everything, in a separate process. Where it fails, the <see cref="CakeException"/> has its exit code:
/// 1 the gate failed, 2 the policy or an argument is wrong, 3 the run could not finish, 4 the report was not published,
/// 130 cancelled.
/// </remarks>
[CakeAliasCategory("AdaptThenUnlearn")]
[CakeNamespaceImport("AdaptThenUnlearn.Cake")]
public static class GovernanceAliases
{
    /// <summary>Measures a generator, unlearns what its policy bans, and fails unless the result meets the policy.</summary>
    /// <example><code>GovernModels("policies/no-digit-8.json", new GovernModelsSettings { NoTrain = true });</code></example>
    /// <param name="context">The context.</param>
    /// <param name="policy">The policy file.</param>
    /// <param name="settings">How to run; the defaults of <c>atu govern</c> when not given.</param>
    /// <exception cref="CakeException">The gate failed, or there is no verdict; message and exit code say which.</exception>
    [CakeMethodAlias]
    public static void GovernModels(this ICakeContext context, FilePath policy, GovernModelsSettings? settings = null) =>
        GovernModels(context, [policy], settings);

    /// <summary>
    /// The same for several policies. Each is governed, also after one that failed; one failure fails the build.
    /// </summary>
    /// <example><code>GovernModels(GetFiles("policies/no-*.json"));</code></example>
    /// <param name="context">The context.</param>
    /// <param name="policies">The policy files; an empty list is an error.</param>
    /// <param name="settings">How to run; the defaults of <c>atu govern</c> when not given.</param>
    /// <exception cref="CakeException">A gate failed, or there is no verdict; message and exit code say which.</exception>
    [CakeMethodAlias]
    public static void GovernModels(
        this ICakeContext context, IEnumerable<FilePath> policies, GovernModelsSettings? settings = null) =>
        Run(context, policies, settings ?? new GovernModelsSettings());

    /// <summary>Publishes the report of a run: pull-request comment, check run and job summary.</summary>
    /// <example>
    /// <code>PublishGovernanceReport("artifacts/no-digit-8/run.json", new PublishGovernanceReportSettings { RequirePublish = true
    /// });</code>
    /// </example>
    /// <param name="context">The context.</param>
    /// <param name="runRecord">The <c>run.json</c> that <c>atu govern</c> wrote.</param>
    /// <param name="settings">Where to publish; the pipeline's environment when not given.</param>
    /// <exception cref="CakeException">It failed; message and exit code say why.</exception>
    [CakeMethodAlias]
    public static void PublishGovernanceReport(
        this ICakeContext context, FilePath runRecord, PublishGovernanceReportSettings? settings = null) =>
        PublishGovernanceReport(context, [runRecord], settings);

    /// <summary>The same for several runs.</summary>
    /// <example><code>PublishGovernanceReport(GetFiles("artifacts/*/run.json"));</code></example>
    /// <param name="context">The context.</param>
    /// <param name="runRecords">The <c>run.json</c> files; an empty list is an error.</param>
    /// <param name="settings">Where to publish; the pipeline's environment when not given.</param>
    /// <exception cref="CakeException">It failed; message and exit code say why.</exception>
    [CakeMethodAlias]
    public static void PublishGovernanceReport(
        this ICakeContext context, IEnumerable<FilePath> runRecords, PublishGovernanceReportSettings? settings = null) =>
        Run(context, runRecords, settings ?? new PublishGovernanceReportSettings());

    private static void Run(ICakeContext context, IEnumerable<FilePath> files, AtuSettings settings)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(files);
        new AtuTool(context, settings).Run([.. files]);
    }
}
