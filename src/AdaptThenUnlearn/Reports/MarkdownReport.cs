using System.Globalization;
using System.Text;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Reports;

/// <summary>The report that people read: verdict first, then what was measured, how, and on which files.</summary>
public sealed class MarkdownReport : IReportFormat
{
    private const string None = "–";

    /// <inheritdoc/>
    public string Name => "markdown";

    /// <inheritdoc/>
    public string FileName => "report.md";

    /// <inheritdoc/>
    public string Render(RunRecord record)
    {
        var page = new StringBuilder();
        foreach (var part in new[] { Head(record), Rules(record), Features(record), Quality(record), Shares(record), Training(record), Pictures(record), Files(record), HowItRan(record) })
            if (part.Length > 0)
                page.Append(part).Append('\n');
        return page.ToString().TrimEnd('\n') + "\n";
    }

    private static string Head(RunRecord record)
    {
        var policy = record.Policy;
        var text = new StringBuilder($"# {(record.Verdict.Passed ? "✅ Passed" : "❌ Failed")}: {Escape(policy.Name)}\n\n");
        if (policy.Description is { } description)
            text.Append(Escape(description)).Append("\n\n");
        text.Append(Outcome(record)).Append('\n');
        foreach (var warning in record.Verdict.Warnings)
            text.Append("\n> ⚠️ ").Append(Escape(warning)).Append('\n');
        return text.ToString();
    }

    private static string Outcome(RunRecord record)
    {
        var findings = record.Verdict.Findings;
        var counts = findings.GroupBy(finding => finding.State).OrderBy(group => group.Key).Select(group => $"{group.Count()} {Words(group.Key)}");
        var released = (record.After, record.Verdict.Passed) switch
        {
            (null, true) => "The generator met the policy as it was: nothing was trained, and the artifact is the input, byte for byte.",
            (null, false) => "Nothing was trained; the generator as it is may not be released.",
            (_, true) => "The unlearned generator may be released.",
            (_, false) => "The unlearned generator may not be released.",
        };
        return $"{released} Of {findings.Count} rules: {string.Join(", ", counts)}.";
    }

    private static string Rules(RunRecord record)
    {
        var table = new MarkdownTable("Rule", "Verdict", "Measured", "Judged", "Limit", "How");
        foreach (var finding in record.Verdict.Findings)
        {
            var number = Unit(finding.Rule);
            table.Row(
                Code(finding.Rule), Mark(finding), Number(finding.Observed, number), Number(finding.Judged, number), $"{finding.Comparator} {number(finding.Limit)}",
                Escape(finding.Explanation) + (finding.Waiver is { } waiver
                    ? $" **Waived** by {Escape(waiver.ApprovedBy)} until {Escape(waiver.Expires)}: {Escape(waiver.Reason)}"
                    : ""));
        }

        return $"## Rules\n\n{table}\n*Measured* is the point estimate, *Judged* its unfavourable bound: the limit is met only if that is within it.\n";
    }

    private static string Features(RunRecord record)
    {
        var table = new MarkdownTable("Feature", "Auditor", "Class", "Before", "After", "PUL", "Annotator before", "Annotator after", "Auditor's noise floor");
        foreach (var before in record.Before.Features)
        {
            var after = record.After?.Features.SingleOrDefault(reading => reading.Feature == before.Feature);
            var (was, isNow) = (before.Looks[0], after?.Looks[0]);
            double? unlearned = isNow is not null && was.Hits > 0 ? (double)(was.Hits - isNow.Hits) / was.Hits : null;
            table.Row(
                Escape(before.Feature), Escape(before.Classifier), Escape(before.Class), Share(was.Hits, was.Samples), isNow is null ? None : Share(isNow.Hits, isNow.Samples),
                Number(unlearned, Percent), Hits(before), Hits(after), Number(before.NoiseFloor, Percent));
        }

        return $"## Undesired features\n\n{table}\nCounts are of the first look, on the same latents before and after. PUL is the share of the feature that was unlearned, (before − after) / before. The noise floor is how often the auditor sees the class in real images that do not show it.\n";

        static string Hits(FeatureReading? reading) => reading?.AnnotatorHits is { } hits ? Share(hits, reading.Looks[0].Samples) : None;
    }

    private static string Quality(RunRecord record)
    {
        if (record.Before.Quality is not { } before)
            return "";

        var after = record.After?.Quality;
        var table = new MarkdownTable("Metric", "Before", "After", "Ratio");
        Line($"{before.Metric} (lower is better)", reading => reading.FrechetDistance);
        Line("Kernel distance, KID (lower is better)", reading => reading.KernelDistance);
        Line("Precision (higher is better)", reading => reading.Precision);
        Line("Recall (higher is better)", reading => reading.Recall);
        Line("Density (higher is better)", reading => reading.Density);
        Line("Coverage (higher is better)", reading => reading.Coverage);
        var excluded = before.Excluded.Count == 0 ? "" : $", both without {string.Join(", ", before.Excluded.Select(Escape))}";
        return $"## Image quality\n\n{table}\n{before.Samples} generated images against {before.ReferenceSize()}{excluded}; features of {Escape(before.Extractor)}.\n"
            + string.Concat(new[] { before.NotMeasured, after?.NotMeasured }.OfType<string>().Distinct().Select(why => $"\n> ⚠️ Not measured: {Escape(why)}\n"));

        void Line(string name, Func<QualityReading, double?> value)
        {
            var (was, isNow) = (value(before), after is null ? null : value(after));
            table.Row(name, Number(was, Plain), Number(isNow, Plain), Number(was > 0 ? isNow / was : null, Plain));
        }
    }

    private static string Shares(RunRecord record)
    {
        if (record.Before.Shares.Count == 0)
            return "";

        var table = new MarkdownTable("Class", "Before", "After", "Kept");
        foreach (var before in record.Before.Shares)
        {
            var after = record.After?.Shares.SingleOrDefault(share => share.Classifier == before.Classifier && share.Class == before.Class);
            table.Row(
                Escape(before.Class) + (before.Undesired ? " (undesired)" : ""), Share(before.Hits, before.Samples),
                after is null ? None : Share(after.Hits, after.Samples), Number(after is not null && before.Hits > 0 ? (double)after.Hits / before.Hits : null, Percent));
        }

        return $"## Shares of the classes\n\n{table}\nCounted by {Escape(record.Before.Shares[0].Classifier)}.\n";
    }

    private static string Training(RunRecord record)
    {
        if (record.Training is not { } training)
            return "";

        var options = record.Policy.Unlearning;
        var table = new MarkdownTable("What", "Value");
        table.Row("Method", $"{Escape(training.Method)}, preset {Escape(options.Preset)}, seed {options.Seed}");
        table.Row("Feedback", $"{training.Positives} clean and {training.Negatives} undesired of {options.FeedbackSamples} of the generator's own images");
        table.Row("Kept", $"the candidate of step {training.SelectedStep} of {training.Steps}");
        if (training.AdaptedDistance is not null)
            table.Row("Repulsion", $"{Escape(options.Repulsion.Loss)}, γ {Plain(options.Repulsion.Weight)}, α {Plain(options.Repulsion.Alpha)}, {Escape(options.Repulsion.Distance)} distance");
        table.Row("‖θG − θN‖²", Number(training.AdaptedDistance, Plain));
        table.Row("‖θ − θN‖²", Number(training.Distance, Plain));
        table.Row("‖θ − θG‖²", Plain(training.DistanceFromOriginal));
        table.Row("Retention anchoring", options.Retention.Weight > 0 ? $"weight {Plain(options.Retention.Weight)}" : "off");
        table.Row("Negatives as fakes", options.NegativesAsFakes.Weight > 0 ? $"weight {Plain(options.NegativesAsFakes.Weight)}, {options.NegativesAsFakes.BatchSize} a step" : "off");
        table.Row("Class balancing", options.ClassBalance.Rate > 0 ? $"rate {Plain(options.ClassBalance.Rate)}, weights within a factor of {Plain(options.ClassBalance.Limit)}" : "off");
        return $"## How it was unlearned\n\n{table}\nθG is the original, θN an adapted generator, θ the released one.\n";
    }

    private static string Pictures(RunRecord record)
    {
        var pictures = record.Outputs.Where(output => output.Path.EndsWith(".png", StringComparison.Ordinal)).ToList();
        return pictures.Count == 0 ? "" : "## Pictures\n\n" + string.Concat(pictures.Select(picture => $"![{Escape(picture.Role)}]({picture.Path})\n\n")).TrimEnd('\n') + "\n";
    }

    private static string Files(RunRecord record)
    {
        var table = new MarkdownTable("File", "Role", "SHA-256");
        foreach (var input in record.Inputs)
            table.Row(Code(input.Path), $"in: {Escape(input.Role)}", Code(input.Sha256));
        foreach (var output in record.Outputs)
            table.Row(Code(output.Path), $"out: {Escape(output.Role)}", Code(output.Sha256));
        return $"## Files\n\n{table}";
    }

    private static string HowItRan(RunRecord record)
    {
        var (evaluation, environment, times) = (record.Policy.Evaluation, record.Environment, record.Times);
        var table = new MarkdownTable("What", "Value");
        table.Row("Tool", Escape(record.Tool));
        table.Row("Started, finished (UTC)", $"{Moment(times.Started)}, {Moment(times.Finished)}");
        table.Row("Stages", string.Join(", ", times.Stages.Select(stage => Invariant($"{stage.Stage} {stage.Seconds:F1} s"))));
        table.Row("Evaluation", Invariant($"{evaluation.Samples} to {evaluation.MaxSamples} images, confidence {evaluation.Confidence * 100:0.###} %, seed {evaluation.Seed}, truncation {evaluation.Truncation}"));
        table.Row("Machine", $"{Escape(environment.OperatingSystem)}, {Escape(environment.Runtime)}, TorchSharp {Escape(environment.Torch)}, {Escape(environment.Device)}, {environment.Threads} threads");
        table.Row("Peak memory", Invariant($"{environment.PeakMemoryBytes / 1e6:F0} MB"));
        table.Row("Owner", Escape(record.Policy.Owner ?? None));
        return $"## How it ran\n\n{table}\nThis report is evidence for a release decision; `atu verify run.json` judges the record again and checks every hash.\n";

        static string Moment(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
    }

    private static string Mark(Finding finding) => finding.State switch
    {
        FindingState.Passed => "✅ passed",
        FindingState.Waived => "⚠️ waived",
        FindingState.Failed => "❌ failed",
        _ => "❌ not measured",
    };

    private static string Words(FindingState state) => state is FindingState.NotMeasured ? "not measured" : state.ToString().ToLowerInvariant();

    // Distances are plain numbers, everything else is a share.
    private static Func<double, string> Unit(string rule) => rule == "quality/maxFrechetDistance" ? Plain : Percent;

    private static string Number(double? value, Func<double, string> unit) => value is { } number ? unit(number) : None;

    private static string Percent(double value) => (value * 100).ToString("0.###", CultureInfo.InvariantCulture) + " %";

    private static string Plain(double value) => value.ToString("G4", CultureInfo.InvariantCulture);

    private static string Share(long hits, long samples) => $"{hits} / {samples} ({(samples == 0 ? None : Percent((double)hits / samples))})";

    private static string Code(string text) => $"`{text.Replace('`', '\'').Replace('\n', ' ').Replace("|", "\\|", StringComparison.Ordinal)}`";

    private static string Escape(string text) => MarkdownText.Escape(text);

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
