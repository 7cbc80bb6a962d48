using System.Globalization;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using static AdaptThenUnlearn.Reports.ReportText;
using static AdaptThenUnlearn.Reports.Phrase;

namespace AdaptThenUnlearn.Reports;

/// <summary>What was measured, before and after: undesired features, image quality, shares of the classes.</summary>
internal static class ReadingSections
{
    private const int MostExposed = 4;
    private const double NearlyCertain = 0.999;
    private static readonly long[] _images = [1, 100, 1_000, 10_000];

    /// <summary>How often each undesired feature was counted.</summary>
    public static ReportSection Features(RunRecord record)
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
                [Trusted(isNow is null ? None : Share(isNow.Hits, isNow.Samples))], [Trusted(Number(unlearned, Part))],
                [Trusted(Hits(before))], [Trusted(Hits(after))], [Trusted(Number(before.NoiseFloor, Part))]);
        }

        return new(ReportTopic.Features, "Undesired features", table,
            [
                Trusted(
                    "Counts are of the first look, on the same latents before and after. PUL is the share of the feature that "
                        + "was unlearned, (before − after) / before. The noise floor is how often the auditor sees the class in "
                        + "real images that do not show it."),
                .. record.Before.Features.SelectMany(reading => Calibration(record, reading)),
            ])
        {
            Caveat = Exposure(record),
        };

        static string Hits(FeatureReading? reading) =>
            reading?.AnnotatorHits is { } hits ? Share(hits, reading.Looks[0].Samples) : None;
    }

    private static IEnumerable<Phrase> Calibration(RunRecord record, FeatureReading reading)
    {
        if (reading.Calibration is not { } used)
            return [];

        var elsewhere = used.Generator == record.Before.GeneratorSha256 ? "" : " on images of another generator";
        return
        [
            Trusted(string.Create(
                CultureInfo.InvariantCulture,
                $" A person's labels{elsewhere} chose the probability {used.Threshold} from which on the auditor ")),
            Untrusted(reading.Classifier), Trusted(" sees "), Untrusted(reading.Class),
            .. reading.Detection is { } known ? new[] { Trusted(": "), Untrusted(known.Words) } : [], Trusted("."),
        ];
    }

    /// <summary>How good the retained images are; null where nothing was compared.</summary>
    public static ReportSection? Quality(RunRecord record)
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
                [name, Trusted($" ({metric.Direction()})")], [Trusted(Number(was, Figure))], [Trusted(Number(isNow, Figure))],
                [Trusted(Number(was > 0 ? isNow / was : null, Figure))]);
            if (isDistance)
                table.AddRow(
                    [Trusted($"Its upper bound at {Percent(confidence)} confidence")], [Trusted(Number(Bound(before), Figure))],
                    [Trusted(Number(Bound(after), Figure))], [Trusted(Number(1 + FindIncrease()?.UpperBound, Figure))]);
        }

        // Say what was compared.
        List<Phrase> note =
            [Trusted(FormattableString.Invariant($"{before.Samples} generated images against {before.ReferenceSize()}"))];
        foreach (var (index, excluded) in before.Excluded.Index())
            note.AddRange([Trusted(index == 0 ? ", both without " : ", "), Untrusted(excluded)]);
        note.AddRange([Trusted("; features of "), Untrusted(before.Extractor)]);
        if (record.Policy.Quality?.ToUse().Describe() is { } use)
            note.AddRange([Trusted(", used as the policy says: "), Untrusted(use)]);
        note.Add(Trusted("."));
        if (FindIncrease() is { } grown)
            note.Add(
                Trusted(
                    $" Without the bias of so few images the distance is {Figure(grown.Before)} before and "
                        + $"{Figure(grown.After)} after, {Figure(1 + grown.Increase)} times; the bound of the ratio is of "
                        + "that."));
        return new(ReportTopic.Quality, "Image quality", table, note)
        {
            NotMeasured =
            [
                .. new[] { before.NotMeasured, after?.NotMeasured }.OfType<string>()
                    .Concat(before.OthersNotMeasured()).Concat(after?.OthersNotMeasured() ?? []).Distinct(),
            ],
            Caveat = TrainingSection.DistanceOfCandidate(record) is { } other
                ?
                [
                    Trusted("Candidates were compared by another yardstick, which the curves show. Of the kept one it is "),
                    .. other,
                    Trusted(". It cannot be compared with the distances above.")
                ]
                : [],
        };

        double? Bound(QualityReading? reading) => reading is { FrechetDistance: { } distance, UsableGroups: { } groups }
            ? FrechetBound.ForDistance(distance, groups, confidence)
            : null;

        FrechetIncrease? FindIncrease() => after is { FrechetDistance: { } now, UsableGroups: { } groupsAfter }
            && before is { FrechetDistance: { } old, UsableGroups: { } groups }
            ? FrechetBound.ForIncrease(old, groups, now, groupsAfter, confidence)
            : null;
    }

    /// <summary>How often each class was counted; null where none was.</summary>
    public static ReportSection? Shares(RunRecord record)
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
                [Trusted(Number(after is not null && before.Hits > 0 ? (double)after.Hits / before.Hits : null, Part))]);
        }

        return new(
            ReportTopic.Shares,
            "Shares of the classes",
            table,
            [Trusted("Counted by "), Untrusted(record.Before.Shares[0].Classifier), Trusted(".")]);
    }

    // How likely a user meets each feature, if its rate is as high as its judged bound; empty where no rate was judged.
    private static List<Phrase> Exposure(RunRecord record)
    {
        var judged = record.Verdict.Findings
            .Where(finding => finding is { Rule.Limit: RuleLimit.MaxRate, Judged: not null })
            .OrderByDescending(finding => finding.Judged)
            .ToList();
        List<Phrase> phrases = [];
        foreach (var (number, finding) in judged.Take(MostExposed).Index())
        {
            phrases.AddRange(
            [
                Trusted(number == 0 ? "A rate at its judged bound means the chance to meet " : "; "),
                Untrusted(finding.Rule.Subject ?? None),
                Trusted(number == 0 ? " is " : ": "),
                Trusted(string.Join(", ", _images.Select(images => string.Create(
                    CultureInfo.InvariantCulture, $"{Chance(finding.Judged!.Value, images)} in {images:N0}")))),
                Trusted(number == 0 ? " images" : ""),
            ]);
        }

        if (phrases.Count > 0)
            phrases.Add(Trusted(
                judged.Count > MostExposed
                    ? FormattableString.Invariant($"; the other {judged.Count - MostExposed} have no larger bounds.")
                    : "."));
        return phrases;

        static string Chance(double rate, long images) =>
            TrueRate.ChanceToMeet(rate, images) is var chance && chance > NearlyCertain && rate < 1
                ? $"over {Percent(NearlyCertain)}"
                : Part(chance);
    }

    // Of readings, three digits say all that there is to say.
    private static string Part(double share) => Rounded(share, Percent);

    private static string Figure(double value) => Rounded(value, Plain);
}
