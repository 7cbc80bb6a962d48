using System.Globalization;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using static AdaptThenUnlearn.Reports.ReportText;
using static AdaptThenUnlearn.Reports.Phrase;

namespace AdaptThenUnlearn.Reports;

/// <summary>
/// What a report says to people, before it has a markup: verdict first, then what was measured, how, and on which files.
/// </summary>
/// <param name="Title">Verdict and name of the policy.</param>
/// <param name="Facts">Who measured what, and when.</param>
/// <param name="Description">Of the policy.</param>
/// <param name="Sentence">Whether the generator may be released, and how many rules came out how.</param>
/// <param name="Waived">What is not met and waived; null where nothing is.</param>
/// <param name="Warned">What is not met and only warns; null where nothing is.</param>
/// <param name="Warnings">Of the verdict.</param>
/// <param name="Sections">In reading order.</param>
internal sealed record ReportPage(
    IReadOnlyList<Phrase> Title,
    IReadOnlyList<RunFact> Facts,
    string? Description,
    string Sentence,
    ReportSection? Waived,
    ReportSection? Warned,
    IReadOnlyList<string> Warnings,
    IReadOnlyList<ReportSection> Sections)
{
    /// <summary>The page of a run.</summary>
    /// <param name="record">Of the run.</param>
    /// <param name="pictures">Those that the report may hold; null where it can hold none.</param>
    /// <param name="trend">That ends with the run; null for a page about the run alone.</param>
    public static ReportPage Create(RunRecord record, RecordedPictures? pictures = null, Trend? trend = null)
    {
        var (verdict, outcome) = (record.Verdict, record.Verdict.Outcome);
        return new(
            [Mark(outcome), Trusted(": "), Untrusted(record.Policy.Name)],
            RunFacts.List(record),
            record.Policy.Description,
            $"{OutcomeText.Sentence(outcome, verdict.Findings, trained: record.After is not null)} "
                + $"{OutcomeText.Counts(verdict.Findings)}",
            RuleSections.Waived(verdict),
            RuleSections.Warned(verdict),
            verdict.Warnings,
            [.. SectionsOf(record, pictures ?? RecordedPictures.None, trend)]);
    }

    // What a reader must see beside the verdict comes before the rules; what was merely assumed comes after them.
    private static IEnumerable<ReportSection> SectionsOf(RunRecord record, RecordedPictures pictures, Trend? trend)
    {
        var warned = record.Remarks?.Any(remark => remark.IsWarning) is true;
        return new[]
        {
            warned ? Remarks(record) : null,
            RuleSections.Rules(record),
            RuleSections.Mending(record),
            trend?.Section(),
            warned ? null : Remarks(record),
            ReadingSections.Features(record),
            ReadingSections.Quality(record),
            ReadingSections.Shares(record),
            AttackSection.Create(record),
            ShippedSection.Create(record),
            Waivers(record),
            TrainingSection.Create(record),
            PictureSection.Create(record, pictures),
            Files(record),
            HowItRan(record),
        }.OfType<ReportSection>();
    }

    private static ReportSection? Remarks(RunRecord record)
    {
        if (record.Remarks is not { Count: > 0 } remarks)
            return null;

        var table = new ReportTable("Input", "Assumed or noticed");
        foreach (var remark in remarks)
            table.AddRow(
                [Untrusted(remark.About)],
                remark.IsWarning
                    ? [Caution("Warning"), Trusted(": "), Untrusted(remark.Text)]
                    : [Untrusted(remark.Text)]);
        return new(ReportTopic.Remarks, "Assumed and noticed", table, []);
    }

    private static ReportSection? Waivers(RunRecord record)
    {
        if (record.Policy.Waivers.Count == 0)
            return null;

        var table = new ReportTable("Rule", "Approved by", "Last day (UTC)", "Reason", "Applied");
        foreach (var waiver in record.Policy.Waivers)
            table.AddRow(
                [Code(waiver.Rule)], [Untrusted(waiver.ApprovedBy)], [Untrusted(waiver.Expires)], [Untrusted(waiver.Reason)],
                [Trusted(record.Verdict.Findings.Any(
                    finding => finding.Rule == RuleName.Parse(waiver.Rule)
                        && finding.Waiver is not null) ? "yes" : "no")]);
        return new(ReportTopic.Waivers, "Waivers", table, []);
    }

    private static IEnumerable<Phrase> DescribePart(MeasuredPart part) =>
    [
        Trusted(FormattableString.Invariant($"{(part.Part == 1 ? "" : "; ")}{part.Part} of {part.Parts} on ")),
        Untrusted(part.Machine),
        Trusted(" ("),
        Untrusted(part.Device),
        .. part.Torch is { } torch ? new[] { Trusted(", TorchSharp "), Untrusted(torch) } : [],
        Trusted(FormattableString.Invariant($", {part.Threads} threads, {(part.Finished - part.Started).TotalSeconds:F1} s)")),
    ];

    private static ReportSection Files(RunRecord record)
    {
        var table = new ReportTable("File", "Role", "SHA-256");
        foreach (var input in record.Inputs)
            table.AddRow([Code(input.Path)], [Trusted("in: "), Untrusted(input.Role)], [Code(input.Sha256)]);
        foreach (var part in record.Parts ?? [])
            table.AddRow([Code(part.Path)], [Trusted("in: "), Trusted(part.Role)], [Code(part.Sha256)]);
        foreach (var output in record.Outputs)
            table.AddRow([Code(output.Path)], [Trusted("out: "), Untrusted(output.Role)], [Code(output.Sha256)]);
        return new(ReportTopic.Files, "Files", table, []);
    }

    private static ReportSection HowItRan(RunRecord record)
    {
        var (evaluation, environment, times) = (record.JudgedPolicy().Evaluation, record.Environment, record.Times);
        var table = new ReportTable("What", "Value");
        Line("Tool", Untrusted(record.Tool));
        Line("Ran", Trusted(Period(times)));
        Line("Stages", [.. times.Stages.SelectMany((stage, index) => new[]
        {
            Trusted(index == 0 ? "" : ", "),
            Untrusted(stage.Stage),
            Trusted(FormattableString.Invariant($" {stage.Seconds:F1} s")),
        })]);
        Line(
            "Evaluation",
            Trusted(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{Images(evaluation)}, confidence {evaluation.Confidence * 100:0.###} "
                        + $"%, seed {evaluation.Seed}, truncation {evaluation.Truncation}, "
                        + $"{(evaluation.IsRaw ? "raw network output" : "8-bit pictures")}")));
        if (record.Before.Repeats is { } repeats)
            Line(
                "Repeated images",
                Trusted(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{repeats.Repeated} of {repeats.Images} are the same as another one, or nearly so; at most "
                        + $"{repeats.MaxShare * 100:0.###} % may be")));
        Line(
            "Machine",
            Untrusted(environment.OperatingSystem),
            Trusted(", "),
            Untrusted(environment.Runtime),
            Trusted(", TorchSharp "),
            Untrusted(environment.Torch),
            Trusted(", "),
            Untrusted(environment.Device),
            Trusted(FormattableString.Invariant($", {environment.Threads} threads")));
        if (record.Parts is { } parts)
            Line("Measured in parts", [.. parts.SelectMany(DescribePart)]);
        Line("Peak memory", Trusted(FormattableString.Invariant($"{environment.PeakMemoryBytes / 1e6:F0} MB")));
        if (record.Policy.ProgramRoles() is { Count: > 0 } programs)
            Line("Programs run", [
                .. programs.SelectMany((program, index) => new[] { Trusted(index == 0 ? "" : ", "), Untrusted(program) }),
                .. record.Policy.Generator.Command is null
                    ? (Phrase[])[Trusted(" (TorchScript, by libtorch's interpreter")]
                    : [Trusted(" (the generator's command in a process of its own; TorchScript, by libtorch's interpreter")],
                .. environment.GraphRuntime is { } runtime
                    ? (Phrase[])[Trusted("; ONNX, by "), Untrusted(runtime), Trusted(")")]
                    : [Trusted(")")],
            ]);
        Line("Owner", Untrusted(record.Policy.Owner ?? None));
        return new(ReportTopic.Run, "How it ran", table,
            [
                Trusted("This report is evidence for a release decision; "),
                Code(RunReports.VerifyCommand),
                Trusted(
                    " judges the record again and checks the files that lie where it names them. Without "),
                Code("--readings"),
                Trusted(", every file that the run read or wrote must be there.")
            ]);

        void Line(string what, params Phrase[] value) => table.AddRow([Trusted(what)], value);
    }

    /// <summary>A rule's state with its sign.</summary>
    internal static Phrase Mark(FindingState state) => state switch
    {
        FindingState.Passed => Good(Describe(state)),
        FindingState.Waived or FindingState.Warned or FindingState.WarnedNotMeasured => Caution(Describe(state)),
        FindingState.NotApplicable => Trusted(Describe(state)),
        _ => Bad(Describe(state)),
    };

    private static Phrase Mark(Outcome outcome) => new(OutcomeText.Describe(outcome), OutcomeText.Tone(outcome));
}
