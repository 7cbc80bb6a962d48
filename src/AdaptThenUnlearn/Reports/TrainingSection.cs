using System.Globalization;
using AdaptThenUnlearn.Runs;
using static AdaptThenUnlearn.Reports.ReportText;
using static AdaptThenUnlearn.Reports.Phrase;

namespace AdaptThenUnlearn.Reports;

/// <summary>How the generator was unlearned, and why this candidate was kept.</summary>
internal static class TrainingSection
{
    /// <summary>The section; null where nothing was trained.</summary>
    public static ReportSection? Create(RunRecord record)
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
        if (training.Adversarial is { } regime)
            Line("Training terms", Trusted($"those of the generator's training, as its file says: {regime.Description}"));
        Line("Kept", Trusted(Kept(training)));
        if (DistanceOfCandidate(record) is { } distance)
            Line("Its Fréchet distance", [.. distance]);
        if (training.AdaptedDistance is not null)
            Line(
                "Repulsion",
                Untrusted(options.Repulsion.Loss),
                Trusted($", γ {Plain(options.Repulsion.Weight)}, α {Plain(options.Repulsion.Alpha)}, "),
                Untrusted(options.Repulsion.Distance),
                Trusted(" distance"));
        Line("Distances", Trusted(
            (training.AdaptedDistance is { } adapted
                ? $"‖θG − θN‖² {Plain(adapted)}, ‖θ − θN‖² {Number(training.Distance, Plain)}, "
                : "")
            + $"‖θ − θG‖² {Plain(training.DistanceFromOriginal)}"));
        Line("Retention anchoring", Trusted(!options.Retention.IsOn ? "off"
            : $"weight {Plain(options.Retention.Weight)}" + (options.Retention.FeatureWeightOrOff is > 0 and var features
                ? $", {Plain(features)} on features" : "")));
        if (options.FrechetLoss is { IsOn: true } frechet)
            Line("Fréchet loss", Trusted(
                $"weight {Plain(frechet.AnnotatorWeightOrDefault)} on features of annotators, "
                    + $"{Plain(frechet.DiscriminatorWeightOrDefault)} on those of the discriminator"));
        if (options.Guidance is { Weight: > 0 and var guidance } and { RateOrDefault: var rate })
            Line("Guidance by annotators", Trusted(
                $"weight {Plain(guidance)}" + (rate > 0 ? $", less below a rate of {Percent(rate)}" : "")));
        if (training.Students is { } students)
            Line("Students of the annotators", Trusted(
                FormattableString.Invariant($"{students.Count}, each agrees with its annotator on at least ")
                    + $"{Percent(students.SmallestAgreement)} of samples that it did not learn from"));
        Line("Negatives as fakes", Trusted(options.NegativesAsFakes.Weight > 0 ? FormattableString.Invariant(
            $"weight {Plain(options.NegativesAsFakes.Weight)}, {options.NegativesAsFakes.BatchSize} a step")
                + (options.NegativesAsFakes.Fades == true ? ", fading in recovery" : "") : "off"));
        Line("Class balancing", Trusted(options.ClassBalance.Rate > 0
            ? $"rate {Plain(options.ClassBalance.Rate)}, weights within a factor of {Plain(options.ClassBalance.Limit)}"
                + (options.ClassBalance.Guidance is > 0 and var shares ? $", guidance {Plain(shares)}" : "")
            : "off"));
        return new(
            ReportTopic.Training,
            "How it was unlearned",
            table,
            [
                Trusted(
                    "θG is the original, "
                        + $"{(training.AdaptedDistance is null ? "" : "θN an adapted generator, ")}θ the released one.")
            ]);

        void Line(string what, params Phrase[] value) => table.AddRow([Trusted(what)], value);
    }

    /// <summary>
    /// The distance by which the kept candidate was chosen, and from what to what it is; null where it was not measured.
    /// </summary>
    public static IReadOnlyList<Phrase>? DistanceOfCandidate(RunRecord record) =>
        record.Training?.Selected?.FrechetDistance is { } distance
            ?
            [
                Trusted($"{Rounded(distance, Plain)}, in features of the annotator "),
                Untrusted(record.Policy.UndesiredFeatures is [var first, ..] ? first.Annotator : None),
                Trusted(", to the original generator's own images without undesired features")
            ]
            : null;

    // The annotators choose; the auditors, which judge the result, take no part.
    private static string Kept(TrainingRecord training)
    {
        var kept = string.Create(
            CultureInfo.InvariantCulture, $"the candidate of step {training.SelectedStep} of {training.Steps}");
        if (training.Selected is not { } selected)
            return kept;

        var misses = selected.Excess > 0
            ? $"no other misses the policy's limits by clearly less (summed, {Rounded(selected.Excess, Plain)})"
            : "the annotators saw it meet the policy's limits";
        return $"{kept}: {misses}; among those that are alike a clearly smaller Fréchet distance decides, then the later step";
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
}
