using System.Globalization;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Publishing.Admission;
using AdaptThenUnlearn.Publishing.Targets;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;
using static AdaptThenUnlearn.Reports.ReportText;

namespace AdaptThenUnlearn.Publishing.Pages;

/// <summary>The content of a check run, or of the commit status in its place.</summary>
/// <param name="Name">
/// Name that is the same for every run of a policy and generator, so that branch protection can require it.
/// </param>
/// <param name="Conclusion">Success, neutral (waived, only warned, only advice, or not proven) or failure.</param>
/// <param name="Title">The verdict in one line.</param>
/// <param name="Summary">Summary in Markdown; at most 65,535 bytes.</param>
/// <param name="Text">Details in Markdown; at most 65,535 bytes.</param>
/// <param name="Annotations">Remarks at the policy's lines.</param>
public sealed record CheckPage(
    string Name, Conclusion Conclusion, string Title, string Summary, string Text, IReadOnlyList<Annotation> Annotations)
{
    private const int MaxTitleLength = 200;
    private const int MaxMessageLength = 2000;

    /// <summary>Whether a commit status is green, which has no neutral state.</summary>
    /// <remarks>Waivers, warnings and advice are decisions to go on, so they are green; what is not proven is not.</remarks>
    public bool StatusPasses { get; private init; }

    /// <summary>Makes the page of a run.</summary>
    public static CheckPage Create(PublishedRun run, PublishContext context) => new(
        NameOf(run, context.Key),
        run.OutcomeWithAdvisory(context.Advisory) switch
        {
            Outcome.Passed => Conclusion.Success,
            Outcome.PassedWithWaivers or Outcome.PassedWithWarnings or Outcome.NotEnforced or Outcome.Advisory
                or Outcome.NotProven => Conclusion.Neutral,
            _ => Conclusion.Failure,
        },
        MarkdownText.Clip(TitleOf(run, context), MaxTitleLength),
        RunPages.CheckSummary(run, context),
        RunPages.CheckText(run, context),
        AnnotationsOf(run, context))
    {
        StatusPasses = run.OutcomeWithAdvisory(context.Advisory)
            is Outcome.Passed or Outcome.PassedWithWaivers or Outcome.PassedWithWarnings or Outcome.NotEnforced
                or Outcome.Advisory,
    };

    /// <summary>
    /// The check's name, <c>atu / POLICY / GENERATOR</c>, where the last part is the checkpoint's file name without extension.
    /// A key is one more part.
    /// </summary>
    public static string NameOf(PublishedRun run, string? key = null)
    {
        var generator = Path.GetFileNameWithoutExtension(run.Policy.Generator.SourceName.Replace('\\', '/'));
        return MarkdownText.Clip($"atu / {run.Policy.Name} / {generator}", 100) + (key is null ? "" : $" / {key}");
    }

    private static string TitleOf(PublishedRun run, PublishContext context)
    {
        var outcome = run.OutcomeWithAdvisory(context.Advisory);
        var reason = run.Verification.Problems.Count > 0
            ? run.Verification.Problems[0]
            : outcome switch
            {
                Outcome.Passed => Met(run.Verification.Verdict.Findings),
                Outcome.NotEnforced => "every rule only warns",
                Outcome.NotProven when run is { JudgedByTrustedPolicy: true, UnpinnedPaths.Count: 0 } =>
                    "the build chose the accepted run that it was compared with",
                Outcome.NotProven when run.JudgedByTrustedPolicy => $"the policy pins no {string.Join(", ", run.UnpinnedPaths)}",
                Outcome.NotProven => "judged by the pull request's own policy",
                _ => string.Join(", ", run.Findings.Where(NeedsAttention).Select(finding => finding.Rule)),
            };
        return $"{OutcomeText.Describe(outcome)}: {(reason.Length > 0 ? reason : "no rule was judged")}";
    }

    private static bool NeedsAttention(Finding finding) =>
        finding.StopsRelease || finding.IsWarning || finding.State is FindingState.Waived;

    private static string Met(IReadOnlyList<Finding> findings)
    {
        var apply = findings.Count(finding => finding.State is not FindingState.NotApplicable);
        var rest = apply == findings.Count
            ? ""
            : string.Create(CultureInfo.InvariantCulture, $" that apply, of {findings.Count}");
        return string.Create(CultureInfo.InvariantCulture, $"{apply} of {OutcomeText.Rules(apply)}{rest}");
    }

    private static IReadOnlyList<Annotation> AnnotationsOf(PublishedRun run, PublishContext context)
    {
        if (run.PolicyFile is not { } file)
            return [];

        return
        [
            .. run.Findings.Where(NeedsAttention).Select(finding => new Annotation(
                file,
                RuleLocation.Find(run.Policy, file, run.PolicyText, finding.Rule).Line,
                finding.StopsRelease && !context.Advisory ? AnnotationLevel.Failure : AnnotationLevel.Warning,
                MarkdownText.Clip($"{finding.Rule}: {Describe(finding.State)}", MaxTitleLength),
                MarkdownText.Clip(MessageOf(finding), MaxMessageLength))),
        ];
    }

    private static string MessageOf(Finding finding)
    {
        var (_, observed, judged, limit) = FindingNumbers.Create(finding);
        var numbers = finding is { Observed: not null, Judged: not null } ? $"measured {observed}, judged {judged}, " : "";
        var waiver = finding.Waiver is { } live ? $" Waived by {live.ApprovedBy} until {live.Expires}: {live.Reason}" : "";
        var softer = finding.OnlyWarns is { } warns ? $" {char.ToUpperInvariant(warns.Why[0])}{warns.Why[1..]}." : "";
        return $"{numbers}must be {limit}. {finding.Explanation}.{waiver}{softer}";
    }
}

/// <summary>The conclusion of a check run.</summary>
public enum Conclusion
{
    /// <summary>Every rule is met.</summary>
    Success,

    /// <summary>A rule is not met and waived, only warns or is only advice, or nothing is proven.</summary>
    Neutral,

    /// <summary>A rule is not met.</summary>
    Failure,
}

/// <summary>A remark at a line of a file.</summary>
/// <param name="Path">Path from the repository's root.</param>
/// <param name="Line">Number of the line, from 1.</param>
/// <param name="Level">Severity of the remark.</param>
/// <param name="Title">Title on one line.</param>
/// <param name="Message">Plain text.</param>
public sealed record Annotation(string Path, int Line, AnnotationLevel Level, string Title, string Message);

/// <summary>Severity of a remark.</summary>
public enum AnnotationLevel
{
    /// <summary>It needs attention.</summary>
    Warning,

    /// <summary>It stops a release.</summary>
    Failure,
}
