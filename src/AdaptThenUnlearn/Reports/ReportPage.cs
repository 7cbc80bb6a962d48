using System.Globalization;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
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
/// <param name="Warnings">Of the verdict.</param>
/// <param name="Sections">In reading order.</param>
internal sealed record ReportPage(
    IReadOnlyList<Phrase> Title,
    IReadOnlyList<RunFact> Facts,
    string? Description,
    string Sentence,
    ReportSection? Waived,
    IReadOnlyList<string> Warnings,
    IReadOnlyList<ReportSection> Sections)
{
    /// <summary>The page of a run.</summary>
    /// <param name="record">The run.</param>
    /// <param name="trend">That ends with the run; null for a page about the run alone.</param>
    public static ReportPage Create(RunRecord record, Trend? trend = null)
    {
        var (verdict, outcome) = (record.Verdict, record.Verdict.Outcome);
        return new(
            [Mark(outcome), Trusted(": "), Untrusted(record.Policy.Name)],
            RunFacts.List(record),
            record.Policy.Description,
            $"{OutcomeText.Sentence(outcome, verdict.Findings, trained: record.After is not null)} "
                + $"{OutcomeText.Counts(verdict.Findings)}",
            WaivedRules(verdict),
            verdict.Warnings,
            [.. SectionsOf(record, trend)]);
    }

    // What a reader must see beside the verdict comes before the rules; what was merely assumed comes after them.
    private static IEnumerable<ReportSection> SectionsOf(RunRecord record, Trend? trend)
    {
        var warned = record.Remarks?.Any(remark => remark.IsWarning) is true;
        return new[]
        {
            warned ? Remarks(record) : null, Rules(record), AdviceSection(record), trend?.Section(),
            warned ? null : Remarks(record),
            Features(record),
            Quality(record),
            Shares(record),
            Waivers(record),
            Training(record),
            Pictures(record),
            Files(record),
            HowItRan(record),
        }.OfType<ReportSection>();
    }

    private static ReportSection? WaivedRules(Verdict verdict)
    {
        var table = new ReportTable("Rule", "Measured", "Judged", "Limit", "Reason", "Approved by", "Last day (UTC)");
        foreach (var finding in verdict.Findings)
        {
            if (finding is { State: FindingState.Waived, Waiver: { } waiver })
                table.AddRow([
                    [Code(finding.Rule.ToString())],
                    .. Numbers(finding),
                    [Untrusted(waiver.Reason)],
                    [Untrusted(waiver.ApprovedBy)],
                    [Untrusted(waiver.Expires)]
                ]);
        }

        return table.Rows.Count == 0
            ? null
            : new(ReportTopic.Waived, "Not met, and waived", table, [Trusted("After the last day these rules fail again.")]);
    }

    private static IReadOnlyList<IReadOnlyList<Phrase>> Numbers(Finding finding)
    {
        var number = Unit(finding.Rule);
        return
        [
            [Trusted(Number(finding.Observed, number))],
            [Trusted(Number(finding.Judged, number))],
            [Untrusted(finding.Comparator), Trusted($" {number(finding.Limit)}")],
        ];
    }

    private static ReportSection Rules(RunRecord record)
    {
        var table = new ReportTable("Rule", "Verdict", "Measured", "Judged", "Limit", "How");
        foreach (var finding in record.Verdict.Findings)
            table.AddRow(
                [[Code(finding.Rule.ToString())], [Mark(finding.State)], .. Numbers(finding), [Untrusted(finding.Explanation)]]);

        return new(ReportTopic.Rules, "Rules", table,
            [
                Emphasis("Measured"),
                Trusted(" is the point estimate, "),
                Emphasis("Judged"),
                Trusted(" its unfavourable bound: the limit is met only if that is within it.")
            ]);
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

    private static ReportSection? AdviceSection(RunRecord record)
    {
        var table = new ReportTable("Rule", "What it demands", "What can be done");
        var open = record.Verdict.Findings
            .Select(finding => (
                finding.Rule,
                Demand: RuleDemand.Describe(finding.Rule),
                Advice: Advice.For(record.Policy, record.Before, record.After, finding)))
            .Where(each => each.Advice is not null)
            .GroupBy(each => (each.Demand, Counsel: string.Concat(each.Advice!.Phrases.Select(phrase => phrase.Text))));
        foreach (var alike in open)
            table.AddRow(
                [.. alike.SelectMany((each, index) => new[] { Trusted(index == 0 ? "" : ", "), Code(each.Rule.ToString()) })],
                [Untrusted(alike.Key.Demand)],
                alike.First().Advice!.Phrases);
        var waive = record.Verdict.Findings.Any(finding => finding.State is FindingState.Failed) ? Advice.HowToWaive.Phrases : [];
        return table.Rows.Count == 0 ? null : new(ReportTopic.Mending, "How to mend it", table, waive);
    }

    private static ReportSection Features(RunRecord record)
    {
        var table = new ReportTable(
            "Feature",
            "Auditor",
            "Class",
            "Before",
            "After",
            "PUL",
            "Annotator before",
            "Annotator after",
            "Auditor's noise floor");
        foreach (var before in record.Before.Features)
        {
            var after = record.After?.Features.SingleOrDefault(reading => reading.Feature == before.Feature);
            var (was, isNow) = (before.Looks[0], after?.Looks[0]);
            var unlearned = isNow is null ? null : UnlearnedShare.Compute(was.Hits, isNow.Hits);
            table.AddRow(
                [Untrusted(before.Feature)],
                [Untrusted(before.Classifier)],
                [Untrusted(before.Class)],
                [Trusted(Share(was.Hits, was.Samples))],
                [Trusted(isNow is null ? None : Share(isNow.Hits, isNow.Samples))], [Trusted(Number(unlearned, Percent))],
                [Trusted(Hits(before))], [Trusted(Hits(after))], [Trusted(Number(before.NoiseFloor, Percent))]);
        }

        return new(ReportTopic.Features, "Undesired features", table,
            [Trusted(
                "Counts are of the first look, on the same latents before and after. PUL is the share of the feature that was "
                    + "unlearned, (before − after) / before. The noise floor is how often the auditor sees the class in real "
                    + "images that do not show it.")]);

        static string Hits(FeatureReading? reading) =>
            reading?.AnnotatorHits is { } hits ? Share(hits, reading.Looks[0].Samples) : None;
    }

    private static ReportSection? Quality(RunRecord record)
    {
        if (record.Before.Quality is not { } before)
            return null;

        var after = record.After?.Quality;
        var table = new ReportTable("Metric", "Before", "After", "Ratio");
        var confidence = record.Policy.Evaluation.Confidence;

        // List every metric that either reading has; the Fréchet distance has its bound below it.
        foreach (var metric in before.Values.Concat(after?.Values ?? [])
            .Select(value => value.Metric)
            .DistinctBy(metric => metric.Name))
        {
            var isDistance = metric == RecordedMetrics.FrechetDistance;
            var name = isDistance
                ? Untrusted(before.DistanceName)
                : RecordedMetrics.All.Contains(metric) ? Trusted(metric.Heading()) : Untrusted(metric.Heading());
            var (was, isNow) = (before.Find(metric)?.Value, after?.Find(metric)?.Value);
            table.AddRow(
                [name, Trusted($" ({metric.Direction()})")], [Trusted(Number(was, Plain))], [Trusted(Number(isNow, Plain))],
                [Trusted(Number(was > 0 ? isNow / was : null, Plain))]);
            if (isDistance)
                table.AddRow(
                    [Trusted($"Its upper bound at {Percent(confidence)} confidence")], [Trusted(Number(Bound(before), Plain))],
                    [Trusted(Number(Bound(after), Plain))], [Trusted(Number(1 + FindIncrease()?.UpperBound, Plain))]);
        }

        // Say what was compared.
        List<Phrase> note =
            [Trusted(FormattableString.Invariant($"{before.Samples} generated images against {before.ReferenceSize()}"))];
        foreach (var (index, excluded) in before.Excluded.Index())
            note.AddRange([Trusted(index == 0 ? ", both without " : ", "), Untrusted(excluded)]);
        note.AddRange([Trusted("; features of "), Untrusted(before.Extractor), Trusted(".")]);
        if (FindIncrease() is { } grown)
            note.Add(
                Trusted(
                    $" Without the bias of so few images the distance is {Plain(grown.Before)} before and "
                        + $"{Plain(grown.After)} after, {Plain(1 + grown.Increase)} times; the bound of the ratio is of that."));
        return new(ReportTopic.Quality, "Image quality", table, note)
        {
            NotMeasured =
            [
                .. new[] { before.NotMeasured, after?.NotMeasured }.OfType<string>()
                    .Concat(before.OthersNotMeasured()).Concat(after?.OthersNotMeasured() ?? []).Distinct(),
            ],
        };

        double? Bound(QualityReading? reading) => reading is { FrechetDistance: { } distance, UsableGroups: { } groups }
            ? FrechetBound.ForDistance(distance, groups, confidence)
            : null;

        FrechetIncrease? FindIncrease() => after is { FrechetDistance: { } now, UsableGroups: { } groupsAfter }
            && before is { FrechetDistance: { } old, UsableGroups: { } groups }
            ? FrechetBound.ForIncrease(old, groups, now, groupsAfter, confidence)
            : null;
    }

    private static ReportSection? Shares(RunRecord record)
    {
        if (record.Before.Shares.Count == 0)
            return null;

        var table = new ReportTable("Class", "Before", "After", "Kept");
        foreach (var before in record.Before.Shares)
        {
            var after = record.After?.Shares.SingleOrDefault(
                share => share.Classifier == before.Classifier
                    && share.Class == before.Class);
            table.AddRow(
                before.Undesired ? [Untrusted(before.Class), Trusted(" (undesired)")] : [Untrusted(before.Class)],
                [Trusted(Share(before.Hits, before.Samples))],
                [Trusted(after is null ? None : Share(after.Hits, after.Samples))],
                [Trusted(Number(after is not null && before.Hits > 0 ? (double)after.Hits / before.Hits : null, Percent))]);
        }

        return new(
            ReportTopic.Shares,
            "Shares of the classes",
            table,
            [Trusted("Counted by "), Untrusted(record.Before.Shares[0].Classifier), Trusted(".")]);
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

    private static ReportSection? Training(RunRecord record)
    {
        if (record.Training is not { } training)
            return null;

        var options = record.Policy.Unlearning;
        var table = new ReportTable("What", "Value");
        Line(
            "Method",
            Untrusted(training.Method),
            Trusted(", preset "),
            Untrusted(options.Preset),
            Trusted(FormattableString.Invariant($", seed {options.Seed}")));
        Line("Feedback", Trusted(Feedback(record, training)));
        if (training.CleanBelow is { } raised)
            Line(
                "Clean",
                Trusted(
                    $"where every undesired class has a probability below {Plain(raised)}: below {Plain(options.CleanBelow)}, "
                        + $"as the policy says, fewer than {Percent(options.MinimumCleanOrDefault)} of the images without "
                        + "undesired features are"));
        if (training.DiscriminatorWarmUp is { } warmUp)
            Line(
                "Discriminator",
                Trusted(string.Create(
                        CultureInfo.InvariantCulture,
                        $"the checkpoint has none: one was warmed up in {warmUp.Steps} steps on {warmUp.Samples} of the "
                            + $"generator's own images; it is not part of the artifact")));
        Line("Kept", Trusted(FormattableString.Invariant($"the candidate of step {training.SelectedStep} of {training.Steps}")));
        if (training.AdaptedDistance is not null)
            Line(
                "Repulsion",
                Untrusted(options.Repulsion.Loss),
                Trusted($", γ {Plain(options.Repulsion.Weight)}, α {Plain(options.Repulsion.Alpha)}, "),
                Untrusted(options.Repulsion.Distance),
                Trusted(" distance"));
        Line("‖θG − θN‖²", Trusted(Number(training.AdaptedDistance, Plain)));
        Line("‖θ − θN‖²", Trusted(Number(training.Distance, Plain)));
        Line("‖θ − θG‖²", Trusted(Plain(training.DistanceFromOriginal)));
        Line("Retention anchoring", Trusted(options.Retention.Weight > 0 ? $"weight {Plain(options.Retention.Weight)}" : "off"));
        Line("Negatives as fakes", Trusted(options.NegativesAsFakes.Weight > 0 ? FormattableString.Invariant(
            $"weight {Plain(options.NegativesAsFakes.Weight)}, {options.NegativesAsFakes.BatchSize} a step") : "off"));
        Line("Class balancing", Trusted(options.ClassBalance.Rate > 0
            ? $"rate {Plain(options.ClassBalance.Rate)}, weights within a factor of {Plain(options.ClassBalance.Limit)}"
            : "off"));
        return new(
            ReportTopic.Training,
            "How it was unlearned",
            table,
            [Trusted("θG is the original, θN an adapted generator, θ the released one.")]);

        void Line(string what, params Phrase[] value) => table.AddRow([Trusted(what)], value);
    }

    private static string Feedback(RunRecord record, TrainingRecord training)
    {
        var policy = record.Policy;
        var given = policy.UndesiredFeatures.Count(feature => feature.Negatives is not null);
        var found = FormattableString.Invariant($"{training.Positives} clean and {training.Negatives} undesired");
        if (given == 0 && policy.Unlearning.Positives is null)
            return FormattableString.Invariant($"{found} of {policy.Unlearning.FeedbackSamples} of the generator's own images");

        var negatives = given == policy.UndesiredFeatures.Count ? "given" : given > 0 ? "given or found" : "found";
        return $"{found} images; the clean ones {(policy.Unlearning.Positives is null ? "found" : "given")}, the undesired "
            + $"ones {negatives}";
    }

    private static ReportSection? Pictures(RunRecord record)
    {
        var pictures = record.Outputs.Where(output => output.Path.EndsWith(".png", StringComparison.Ordinal)).ToList();
        return pictures.Count == 0 ? null : new(ReportTopic.Pictures, "Pictures", null, [])
        {
            Pictures = [.. pictures.Select(picture => new ReportPicture(picture.Role, Link(picture.Path)))]
        };
    }

    // Relative to the report whatever the record says: no scheme, no host, no way out of the markup.
    private static string Link(string path) =>
        string.Join('/', path.Split('/', '\\').Where(part => part.Length > 0).Select(Uri.EscapeDataString));

    private static ReportSection Files(RunRecord record)
    {
        var table = new ReportTable("File", "Role", "SHA-256");
        foreach (var input in record.Inputs)
            table.AddRow([Code(input.Path)], [Trusted("in: "), Untrusted(input.Role)], [Code(input.Sha256)]);
        foreach (var output in record.Outputs)
            table.AddRow([Code(output.Path)], [Trusted("out: "), Untrusted(output.Role)], [Code(output.Sha256)]);
        return new(ReportTopic.Files, "Files", table, []);
    }

    private static ReportSection HowItRan(RunRecord record)
    {
        var (evaluation, environment, times) = (record.Policy.Evaluation, record.Environment, record.Times);
        var table = new ReportTable("What", "Value");
        Line("Tool", Untrusted(record.Tool));
        Line("Started, finished (UTC)", Trusted($"{Moment(times.Started)}, {Moment(times.Finished)}"));
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
        Line("Peak memory", Trusted(FormattableString.Invariant($"{environment.PeakMemoryBytes / 1e6:F0} MB")));
        if (record.Policy.ProgramRoles() is { Count: > 0 } programs)
            Line("Programs run", [
                .. programs.SelectMany((program, index) => new[] { Trusted(index == 0 ? "" : ", "), Untrusted(program) }),
                Trusted(" (TorchScript, by libtorch's interpreter)")
            ]);
        Line("Owner", Untrusted(record.Policy.Owner ?? None));
        return new(ReportTopic.Run, "How it ran", table,
            [
                Trusted("This report is evidence for a release decision; "),
                Code("atu verify run.json"),
                Trusted(" judges the record again and checks every hash.")
            ]);

        void Line(string what, params Phrase[] value) => table.AddRow([Trusted(what)], value);

        static string Moment(DateTimeOffset time) =>
            time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
    }

    /// <summary>A rule's state with its sign.</summary>
    internal static Phrase Mark(FindingState state) => state switch
    {
        FindingState.Passed => Good(Describe(state)),
        FindingState.Waived => Caution(Describe(state)),
        FindingState.NotApplicable => Trusted(Describe(state)),
        _ => Bad(Describe(state)),
    };

    private static Phrase Mark(Outcome outcome) => new(OutcomeText.Describe(outcome), OutcomeText.Tone(outcome));
}
