using System.Globalization;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Runs;
using static AdaptThenUnlearn.Reports.Phrase;
using static AdaptThenUnlearn.Reports.ReportText;

namespace AdaptThenUnlearn.Reports;

/// <summary>What the files that ship in place of the artifact made of its latents.</summary>
internal static class ShippedSection
{
    /// <summary>The section; null where no shipped file was measured.</summary>
    public static ReportSection? Create(RunRecord record)
    {
        var judged = record.After ?? record.Before;
        if (judged.Shipped is not { Count: > 0 } shipped)
            return null;

        var confidence = record.Policy.Evaluation.Confidence;
        var table = new ReportTable(
            "File", "Feature", "Artifact", "File shows it", "Artifact alone", "File alone", "Bound of both", "p", "Pixels",
            "Distance");
        foreach (var reading in shipped)
            foreach (var (answer, feature) in reading.Answers.Zip(reading.Measured?.Features ?? []))
                table.AddRow(
                    [Untrusted(reading.Form)],
                    [Untrusted(answer.Feature)],
                    [Trusted(Counted(feature.Looks[0].Hits + answer.ArtifactOnly - answer.FormOnly, answer.Samples))],
                    [Trusted(Counted(feature.Looks[0].Hits, answer.Samples))],
                    [Trusted(Whole(answer.ArtifactOnly))],
                    [Trusted(Whole(answer.FormOnly))],
                    [Trusted(Percent(answer.UpperBound(confidence)))],
                    [Trusted(Rounded(McNemar.TwoSided(answer.ArtifactOnly, answer.FormOnly), Plain))],
                    [Trusted(reading.PixelDifference is { } pixels ? Whole(pixels) : None)],
                    [Trusted(Number(reading.FrechetDistance, distance => Rounded(distance, Plain)))]);

        return new(
            ReportTopic.Shipped, "What ships", table.Rows.Count == 0 ? null : table,
            [
                Trusted(
                    "Each file made its images from the latents of the artifact's first look. The bound is of the share of "
                        + $"latents on which the auditor's answers differ, at {Percent(confidence)} confidence. p is that of "
                        + "McNemar's exact test, two-sided: how probable so uneven a split of the differing answers is where "
                        + "neither shows the feature more often. Pixels is the largest difference, of 256 levels; distance is "
                        + "the Fréchet distance to the artifact's images, where the policy limits it."),
            ])
        {
            NotMeasured =
            [
                .. shipped.Where(reading => reading.NotMeasured is not null)
                    .Select(reading => $"{reading.Form}: {reading.NotMeasured}"),
                .. shipped.Where(reading => reading.FrechetNotMeasured is not null)
                    .Select(reading => $"{reading.Form}, distance: {reading.FrechetNotMeasured}"),
            ],
        };
    }

    private static string Counted(long hits, long samples) =>
        $"{Whole(hits)} of {Whole(samples)}";

    private static string Whole(long count) => count.ToString(CultureInfo.InvariantCulture);
}
