using System.Globalization;
using System.Text;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Publishing.Admission;
using AdaptThenUnlearn.Publishing.Targets;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;
using static AdaptThenUnlearn.Reports.ReportText;

namespace AdaptThenUnlearn.Publishing.Pages;

/// <summary>
/// The comment, the job summary and the texts of a check run. They are pure: the same run and context give the same text.
/// </summary>
public static class RunPages
{
    /// <summary>Characters that GitHub accepts in a comment; counted here in UTF-16 units, which are never fewer.</summary>
    public const int CommentLimit = 65_536;

    /// <summary>Bytes that GitHub accepts in a check run's summary, and as many again in its text.</summary>
    public const int CheckLimit = 65_535;

    /// <summary>Bytes that GitHub Actions accepts in all summaries of one step.</summary>
    public const int JobSummaryLimit = 1024 * 1024;

    private const int MaxNotes = 10;
    private const int MaxAdvice = 7;

    /// <summary>The comment on the pull request.</summary>
    /// <param name="run">The run.</param>
    /// <param name="context">What is shown besides the run.</param>
    /// <param name="previous">Marker of the comment before; null where there is none.</param>
    /// <param name="limit">Largest number of characters.</param>
    public static string Comment(PublishedRun run, PublishContext context, ReportMarker? previous, int limit = CommentLimit)
    {
        var marker = ReportMarker.Create(run, context.HeadSha, context.Key);
        var line = marker.ToComment() + "\n";
        var page = Whole(run, context, previous is null ? [] : Changes(run, context, previous, marker));
        return line + (page.Fit(limit - line.Length, text => text.Length) ?? Head(run, context));
    }

    /// <summary>
    /// What stays of a comment whose report is in another one, because two builds published first at the same time.
    /// </summary>
    /// <param name="address">Address of the other comment; null where it is unknown.</param>
    public static string ElsewhereComment(string? address) =>
        $"This report is in {(PublishTarget.Link(address) is { } link ? $"[another comment]({link})" : "another comment")}: "
        + "two builds published it at the same time.\n";

    /// <summary>The page that is appended to the job summary; null where there is no room for it.</summary>
    /// <param name="run">The run.</param>
    /// <param name="context">What is shown besides the run.</param>
    /// <param name="room">Bytes that are left.</param>
    public static string? JobSummary(PublishedRun run, PublishContext context, int room) =>
        Whole(run, context, changes: []).Fit(room, Encoding.UTF8.GetByteCount);

    /// <summary>The check run's summary.</summary>
    public static string CheckSummary(PublishedRun run, PublishContext context) => new Page(
    [
        PageSection.Fixed(Sentence(run, context)),
        .. Notes(run),
        RuleTable.Create(run, context),
        .. AdviceSection(run),
        PageSection.Fixed(Links(run, context)),
    ]).Fit(CheckLimit, Encoding.UTF8.GetByteCount)!;

    /// <summary>The check run's details.</summary>
    public static string CheckText(PublishedRun run, PublishContext context) =>
        new Page(Details(run, context)).Fit(CheckLimit, Encoding.UTF8.GetByteCount)!;

    private static Page Whole(PublishedRun run, PublishContext context, IEnumerable<PageSection> changes) => new(
    [
        PageSection.Fixed(Head(run, context)), .. Notes(run), RuleTable.Create(run, context), .. changes, .. AdviceSection(run),
        .. TrendSection.Create(run), Details(run, context), PageSection.Fixed(Links(run, context)),
    ]);

    private static string Head(PublishedRun run, PublishContext context) =>
        $"### {Heading(run, context)}\n\n{Sentence(run, context)}";

    private static string Heading(PublishedRun run, PublishContext context) =>
        $"{OutcomeText.Mark(run.OutcomeWithAdvisory(context.Advisory))}: {Escape(run.Policy.Name)}"
        + (context.Key is { } key ? $" ({Escape(key)})" : "");

    private static string Sentence(PublishedRun run, PublishContext context)
    {
        var findings = run.Verification.Verdict.Findings;
        var outcome = run.OutcomeWithAdvisory(context.Advisory);
        var sentence = run.Verification.Problems.Count > 0
            ? "**The run record does not stand**, so that nothing may be released on it."
            : $"{OutcomeText.Sentence(outcome, findings, trained: run.Record.After is not null)} {OutcomeText.Counts(findings)}";
        var description = run.Policy.Description is { } words ? $"{Escape(MarkdownText.Clip(words, 300))}\n\n" : "";
        var commit = context.HeadSha.Length > 0 ? $", measured at {CommitName.Link(context.HeadSha, context)}" : "";
        return $"{description}{sentence} Generator: {Code(FileName(run.Policy.Generator.SourceName))}{commit}.\n";
    }

    private static IEnumerable<PageSection> Notes(PublishedRun run)
    {
        List<string> notes = [.. run.Verification.Problems.Select(problem => $"⛔ {AsSentence(problem)}")];
        if (run.Untrusted)
            notes.Add(
                $"⚠️ The readings{(run.JudgedByTrustedPolicy ? "" : ", and the policy,")} come from a build "
                + "of the pull request itself, which its author controls: they are a claim. They were judged again here.");
        if (run.ChoseBaseline)
            notes.Add(
                "⚠️ The build chose the accepted run that it was compared with. Nothing here shows that it is the last one "
                + "of this repository.");
        if (run.IsUnproven && run.JudgedByTrustedPolicy && run.UnpinnedPaths.Count > 0)
            notes.Add(
                "⚠️ The build may have measured with any file in place of what the policy does not pin. "
                + "Add to this repository's policy: "
                + $"{string.Join(", ", run.UnpinnedPaths.Select(path => MarkdownText.Code(MarkdownText.Clip(path, 120))))}; "
                + "`sha256sum FILE` gives the digits.");
        if (run.PolicyDiffers)
            notes.Add(
                "⚠️ The pull request changes the policy; "
                + "limits and waivers are this repository's, as they are without the change.");
        notes.AddRange(run.Findings.Where(finding => finding.Waiver is not null).Select(Waived));
        notes.AddRange(run.Findings.Where(finding => finding.IsWarning).Select(Warned));
        notes.AddRange(
            run.Verification.Verdict.Warnings.Concat(run.Record.WarningRemarks())
                .Select(warning => $"⚠️ {Escape(MarkdownText.Clip(warning, 300))}"));
        if (notes.Count > 0)
            yield return PageSection.Fixed(string.Join("\n>\n", notes.Take(MaxNotes).Select(note => $"> {note}")) + "\n");

        static string Waived(Finding finding)
        {
            var (_, observed, judged, limit) = FindingNumbers.Create(finding);
            var numbers = $"measured {observed}, judged {judged}, must be {Escape(limit)}";
            var waiver = finding.Waiver!;
            return $"⚠️ **Not met, and waived:** {RuleRow.NameOf(finding)}, {numbers}. "
                + $"Waived by {Short(waiver.ApprovedBy, 80)} until {Short(waiver.Expires, 10)}: {Short(waiver.Reason, 300)}";
        }

        static string Warned(Finding finding)
        {
            var (_, observed, judged, limit) = FindingNumbers.Create(finding);
            var numbers = finding.Judged is null ? "not measured" : $"measured {observed}, judged {judged}";
            return $"⚠️ **Not met, and only a warning:** {RuleRow.NameOf(finding)}, {numbers}, must be {Escape(limit)}; "
                + $"{Short(finding.OnlyWarns?.Why ?? "", 80)}.";
        }

        static string Short(string text, int length) => Escape(MarkdownText.Clip(text, length));

        static string AsSentence(string problem) => Escape(MarkdownText.Clip(problem, 300)) + ".";
    }

    private static IEnumerable<PageSection> Changes(
        PublishedRun run, PublishContext context, ReportMarker previous, ReportMarker current)
    {
        var since = previous.HeadSha.Length > 0 ? $" since {CommitName.Link(previous.HeadSha, context)}" : "";
        var circumstances = ChangedRules.Circumstances(previous, current);
        var heading = circumstances.Count == 0
            ? $"**Changed{since}:**"
            : $"**Changed{since}** ({string.Join(", ", circumstances)}):";
        var lines = ChangedRules.Between(previous, run);
        yield return lines.Count == 0
            ? PageSection.Fixed($"{heading} no rule.\n")
            : new PageSection(2, [.. lines.Select(line => new[] { line })], kept => $"{heading}\n{List(kept)}");
    }

    private static IEnumerable<PageSection> AdviceSection(PublishedRun run)
    {
        var advice = Advice.For(run.MeasuredPolicy, run.Record.Before, run.Record.After, run.Findings);
        var kept = advice.Count > MaxAdvice ? [.. advice.Take(MaxAdvice - 1), advice[^1]] : advice;
        if (kept.Count > 0)
            yield return PageSection.Fixed($"**How to mend it:**\n{List([.. kept.Select(line => new[] { line.Markdown })])}");
    }

    private static PageSection Details(PublishedRun run, PublishContext context)
    {
        // List policy, generators, settings, findings and machine.
        var record = run.Record;
        List<string[]> rows =
        [
            ["Policy", $"{RuleTable.PolicyLink(run, context)}, SHA-256 {Code(record.PolicySource.Sha256)}"],
            .. record.PolicySource.Overrides.Select(set => new[] { "Set over it", Code(set) }),
            ["Owner", Text(run.Policy.Owner ?? None, 120)],
            [
                "Original generator",
                $"{Code(run.Policy.Generator.Source)}, SHA-256 {Code(record.Before.GeneratorSha256)}"
            ],
            .. record.After is { } after
                ? new[] { new[] { "Unlearned generator", $"{Artifact()}SHA-256 {Code(after.GeneratorSha256)}" } }
                : [],
            ["Evaluation", Evaluation(run.MeasuredPolicy.Evaluation)],
            .. record.Training is { } training ? Training(training, record.Policy.Unlearning) : [],
            .. RuleFamilies.Fold(run.Findings).SelectMany(Findings),
            ["Machine", Text(Machine(record.Environment), 300)],
            ["Measured", $"{Period(record.Times)} UTC with {Text(record.Tool, 80)}"],
        ];

        // Fold the table, because few readers need it.
        return new PageSection(3, rows, kept =>
            "<details>\n<summary>How it was measured and unlearned</summary>\n\n"
            + $"{Table(["What", "Value"], kept)}\n</details>\n");

        string Artifact() =>
            record.Outputs.FirstOrDefault(output => OutputRoles.IsGenerator(output.Role)) is { } file
                ? $"{Code(file.Path)}, "
                : "";

        // A rule that is folded in the table above has its numbers here.
        static IEnumerable<string[]> Findings(RuleFamily family) => family.Findings.Select(finding => new[]
        {
            RuleRow.NameOf(finding),
            (family.IsFolded && finding.Observed is not null ? $"{Folded(finding)}; " : "") + Text(finding.Explanation, 300)
        });

        static string Folded(Finding finding)
        {
            var (_, observed, _, limit) = FindingNumbers.Create(finding);
            return $"{Mark(finding.State)}, {observed}, must be {Escape(limit)}";
        }

        static string Evaluation(EvaluationOptions options) => string.Create(
            CultureInfo.InvariantCulture,
            $"{Images(options)}, confidence {options.Confidence * 100:0.###} %, "
            + $"seed {options.Seed}, truncation {options.Truncation}");

        static IEnumerable<string[]> Training(TrainingRecord training, UnlearningOptions options) =>
        [
            [
                "Unlearning",
                $"{Text(training.Method, 80)}, preset {Escape(options.Preset)}, seed {options.Seed}, "
                + $"the candidate of step {training.SelectedStep} of {training.Steps}",
            ],
            ["Feedback", $"{training.Positives} clean and {training.Negatives} undesired images"],
        ];

        static string Machine(RunEnvironment environment) =>
            $"{environment.OperatingSystem}, {environment.Runtime}, TorchSharp {environment.Torch}, "
            + $"{environment.Device}, {environment.Threads} threads";

        static string Text(string text, int length) => Escape(MarkdownText.Clip(text, length));

        static string Period(RunTimes times)
        {
            var (started, finished) = (Moment(times.Started), Moment(times.Finished));
            return started == finished ? started : $"{started} to {finished}";
        }

        static string Moment(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
    }

    private static string Links(PublishedRun run, PublishContext context)
    {
        List<string> links = [];
        var hasPictures = run.Record.Outputs.Any(output => output.Role == OutputRoles.Grid);
        if (context.ArtifactUrl is { } artifact)
            links.Add(
                $"[Evidence]({artifact})"
                    + $"{(hasPictures ? " (the pictures before and after, if uploaded, show what the policy bans)" : "")}");
        if (context.RunUrl is { } page)
            links.Add($"[Run]({page})");
        links.Add($"Evidence for a release decision; `{RunReports.VerifyCommand}` judges it again.");
        return string.Join(" · ", links) + "\n";
    }

    private static string Table(string[] columns, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        var table = new MarkdownTable(columns);
        foreach (var row in rows)
            table.AddRow([.. row]);
        return table.ToString();
    }

    private static string List(IReadOnlyList<IReadOnlyList<string>> lines) =>
        string.Concat(lines.Select(line => $"- {line[0]}\n"));

    private static string FileName(string path) => path.Replace('\\', '/').Split('/')[^1];

    private static string Code(string text) => MarkdownText.Code(MarkdownText.Clip(text, 200));

    private static string Escape(string text) => MarkdownText.Escape(text);
}
