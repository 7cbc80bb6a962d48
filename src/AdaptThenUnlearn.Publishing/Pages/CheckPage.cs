using System.Globalization;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Publishing.Admission;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;
using static AdaptThenUnlearn.Reports.ReportText;

namespace AdaptThenUnlearn.Publishing.Pages;

/// <summary>All that a check run, or a commit status in its place, says.</summary>
/// <param name="Name">The same for every run of a policy and generator, so that branch protection can name it.</param>
/// <param name="Conclusion">Success, neutral (waived, only advice, or not proven) or failure.</param>
/// <param name="Title">The verdict in a line.</param>
/// <param name="Summary">Markdown; at most 65,535 bytes.</param>
/// <param name="Text">Markdown; at most 65,535 bytes.</param>
/// <param name="Annotations">At the policy's own lines.</param>
public sealed record CheckPage(string Name, Conclusion Conclusion, string Title, string Summary, string Text, IReadOnlyList<Annotation> Annotations)
{
    private const int MaxTitleLength = 200;
    private const int MaxMessageLength = 2000;

    /// <summary>Of a run.</summary>
    public static CheckPage Create(PublishedRun run) => new(
        NameOf(run),
        run.Outcome switch
        {
            Outcome.Passed => Conclusion.Success,
            Outcome.PassedWithWaivers or Outcome.Advisory or Outcome.NotProven => Conclusion.Neutral,
            _ => Conclusion.Failure,
        },
        MarkdownText.Clip(TitleOf(run), MaxTitleLength),
        RunPages.CheckSummary(run),
        RunPages.CheckText(run),
        AnnotationsOf(run));

    /// <summary><c>atu / POLICY / GENERATOR</c>, the latter as its file is called.</summary>
    public static string NameOf(PublishedRun run) =>
        MarkdownText.Clip($"atu / {run.Policy.Name} / {Path.GetFileNameWithoutExtension(run.Policy.Generator.Checkpoint.Replace('\\', '/'))}", 100);

    private static string TitleOf(PublishedRun run)
    {
        var findings = run.Verification.Verdict.Findings;
        var reason =
            run.Verification.Problems.Count > 0 ? run.Verification.Problems[0]
            : run.Outcome is Outcome.Passed ? Met(findings)
            : run.Outcome is Outcome.NotProven ? (run.JudgedByTrustedPolicy ? $"the policy pins no {string.Join(", ", run.UnpinnedPaths)}" : "judged by the pull request's own policy")
            : string.Join(", ", run.Findings.Where(finding => finding.StopsRelease || finding.State is FindingState.Waived).Select(finding => finding.Rule));
        return $"{OutcomeText.Describe(run.Outcome)}: {(reason.Length > 0 ? reason : "no rule was judged")}";
    }

    private static string Met(IReadOnlyList<Finding> findings)
    {
        var apply = findings.Count(finding => finding.State is not FindingState.NotApplicable);
        var rest = apply == findings.Count ? "" : string.Create(CultureInfo.InvariantCulture, $" that apply, of {findings.Count}");
        return string.Create(CultureInfo.InvariantCulture, $"{apply} of {OutcomeText.Rules(apply)}{rest}");
    }

    private static IReadOnlyList<Annotation> AnnotationsOf(PublishedRun run)
    {
        if (run.PolicyFile is not { } file)
            return [];

        return
        [
            .. run.Findings.Where(finding => finding.StopsRelease || finding.State is FindingState.Waived).Select(finding => new Annotation(
                file,
                RuleLocation.Find(run.Policy, file, run.PolicyText, finding.Rule).Line,
                finding.State is FindingState.Waived || run.Advisory ? AnnotationLevel.Warning : AnnotationLevel.Failure,
                MarkdownText.Clip($"{finding.Rule}: {Describe(finding.State)}", MaxTitleLength),
                MarkdownText.Clip(MessageOf(finding), MaxMessageLength))),
        ];
    }

    private static string MessageOf(Finding finding)
    {
        var unit = Unit(finding.Rule);
        var numbers = finding is { Observed: { } observed, Judged: { } judged } ? $"measured {unit(observed)}, judged {unit(judged)}, " : "";
        var waiver = finding.Waiver is { } live ? $" Waived by {live.ApprovedBy} until {live.Expires}: {live.Reason}" : "";
        return $"{numbers}must be {finding.Comparator} {unit(finding.Limit)}. {finding.Explanation}.{waiver}";
    }
}

/// <summary>What a check run comes to.</summary>
public enum Conclusion
{
    /// <summary>Every rule is met.</summary>
    Success,

    /// <summary>Something is not met, and is waived or only told.</summary>
    Neutral,

    /// <summary>Something is not met.</summary>
    Failure,
}

/// <summary>A remark at a line of a file.</summary>
/// <param name="Path">From the repository's root.</param>
/// <param name="Line">1-based.</param>
/// <param name="Level">How grave it is.</param>
/// <param name="Title">One line.</param>
/// <param name="Message">Plain text.</param>
public sealed record Annotation(string Path, int Line, AnnotationLevel Level, string Title, string Message);

/// <summary>How grave a remark is.</summary>
public enum AnnotationLevel
{
    /// <summary>Should be looked at.</summary>
    Warning,

    /// <summary>Stops a release.</summary>
    Failure,
}
