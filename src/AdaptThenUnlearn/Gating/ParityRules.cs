using System.Globalization;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Gating;

/// <summary>Judges the files that ship in place of the artifact. Pure, and fail-closed.</summary>
internal static class ParityRules
{
    /// <summary>
    /// Of files that show a feature no more often than the artifact, at most this share is taken for worse by chance. It is not
    /// divided among features and files: otherwise each further one would make every test laxer.
    /// </summary>
    public const double Significance = 0.01;

    private const string OtherGenerator =
        "; the file was there before this artifact was trained, so it is an export of another generator: export the artifact "
            + "again, and judge both with `atu govern --no-train`";

    /// <summary>The findings of each shipped file, in the policy's order.</summary>
    /// <param name="policy">Has the limits.</param>
    /// <param name="before">Readings of the original generator.</param>
    /// <param name="after">Readings of the unlearned generator; null when nothing was trained.</param>
    public static IEnumerable<Finding> Judge(UnlearningPolicy policy, Measurement before, Measurement? after)
    {
        var forms = policy.Generator.ShippedAs ?? [];
        return forms.SelectMany(form => Judge(policy, form, after ?? before))
            .Select(finding => after is null ? finding : finding.State switch
            {
                FindingState.Failed => finding with { Explanation = finding.Explanation + OtherGenerator },
                FindingState.Passed => new Gate.Rule(finding.Rule, finding.Comparator, finding.Limit)
                    .NotMeasured(finding.Explanation + OtherGenerator),
                _ => finding,
            });
    }

    private static IEnumerable<Finding> Judge(UnlearningPolicy policy, ShippedForm form, Measurement judged)
    {
        var (evaluation, name) = (policy.Evaluation, form.NameInEffect);
        var why = WhyNot(evaluation, form, judged, out var reading);
        var differs = why ?? WhyOtherArtifact(policy, judged, reading!);
        foreach (var feature in policy.UndesiredFeatures)
        {
            var useless = why
                ?? (judged.Features.Any(each => each.Feature == feature.Name && each.Audit is not null)
                    ? "a person looked at the images of the artifact, and nobody at those of this file"
                    : Gate.WhyMeaningless(feature, judged, reading?.Measured) ?? WhySilent(feature, reading!));
            if (feature.MaxRate is { } largest)
            {
                var rule = new Gate.Rule(RuleName.MaxShippedRate(feature.Name, name), Gate.AtMost, largest);
                yield return useless is not null
                    ? rule.NotMeasured(useless)
                    : Gate.MaxRate(evaluation, feature, largest, reading!.Measured!, after: null) with { Rule = rule.Name };
            }

            if (form.MaxParityDifference is { } limit)
                foreach (var finding in Answers(evaluation, feature, name, limit, useless ?? differs, reading))
                    yield return finding;
        }

        if (form.MaxPixelDifference is { } levels)
            yield return new Gate.Rule(RuleName.MaxPixelDifference(name), Gate.AtMost, levels) switch
            {
                var rule when differs is not null => rule.NotMeasured(differs),
                var rule when reading!.PixelDifference is { } pixels => rule.Judge(
                    pixels, pixels,
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"the largest difference of a pixel in {evaluation.Samples} images from the same latents, of 256 "
                            + $"levels")),
                var rule => rule.NotMeasured("the pixels were not compared"),
            };
        if (form.MaxFrechetDifference is { } farthest)
            yield return new Gate.Rule(RuleName.MaxFrechetDifference(name), Gate.AtMost, farthest) switch
            {
                var rule when differs is not null => rule.NotMeasured(differs),
                var rule when reading!.FrechetDistance is { } distance => rule.Judge(
                    distance, distance,
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"features of '{policy.Quality?.Extractor}', {evaluation.Samples} images of each from the same latents")),
                var rule => rule.NotMeasured(reading!.FrechetNotMeasured ?? "the Fréchet distance was not measured"),
            };
    }

    private static IEnumerable<Finding> Answers(
        EvaluationOptions evaluation, UndesiredFeature feature, string form, double limit, string? useless,
        ParityReading? reading)
    {
        var share = new Gate.Rule(RuleName.MaxParityDifference(feature.Name, form), Gate.AtMost, limit);
        var more = new Gate.Rule(RuleName.NoMoreHits(feature.Name, form), Gate.AtLeast, Significance);
        var why = useless ?? (reading!.Find(feature.Name) is { } found && found.Samples == evaluation.Samples
            ? null
            : "the answers were not compared at the policy's sample size");
        if (why is not null)
            return [share.NotMeasured(why), more.NotMeasured(why)];

        var answers = reading!.Find(feature.Name)!;
        var bound = answers.UpperBound(evaluation.Confidence);
        var (added, either) = (
            McNemar.Added(answers.ArtifactOnly, answers.FormOnly), McNemar.TwoSided(answers.ArtifactOnly, answers.FormOnly));
        var counts = string.Create(
            CultureInfo.InvariantCulture,
            $"of {answers.Samples} latents, {answers.ArtifactOnly} show it in the artifact alone and {answers.FormOnly} in "
                + $"'{form}' alone");
        return
        [
            share.Judge(
                (double)answers.Differing / answers.Samples, bound,
                $"{counts}; upper bound {ReadingText.Percent(bound)} at {ReadingText.Percent(evaluation.Confidence)} confidence"),
            more.Judge(
                added, added,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{counts}; McNemar's exact test: p = {added:G3} one-sided, {either:G3} two-sided")),
        ];
    }

    // The artifact's hits, counted again beside the file, must be those that its own reading has. Otherwise the file was compared
    // with other images than were judged.
    private static string? WhyOtherArtifact(UnlearningPolicy policy, Measurement judged, ParityReading reading)
    {
        foreach (var feature in policy.UndesiredFeatures)
            if (reading.Find(feature.Name) is { } answers
                && Gate.FindReading(feature, reading.Measured!, policy.Evaluation) is { Looks: [var own, ..] }
                && Gate.FindReading(feature, judged, policy.Evaluation) is { Looks: [var artifact, ..] })
            {
                if (answers.ArtifactHits(own) is var again && again != artifact.Hits)
                    return string.Create(
                        CultureInfo.InvariantCulture,
                        $"beside this file, the artifact showed '{feature.Name}' in {again} of {own.Samples} images, and in "
                            + $"{artifact.Hits} when it was judged by itself: these are not the same images, so nothing was "
                            + $"compared; measure both in one run on one machine");
            }
            else
                return $"'{feature.Name}' was not counted as this policy asks, of the artifact and of this file";

        return null;
    }

    // An auditor that sees nothing, where the annotator sees more than is allowed, is no measurement of the artifact. Neither is
    // it one of a file.
    private static string? WhySilent(UndesiredFeature feature, ParityReading reading) =>
        reading.Measured!.Features.FirstOrDefault(each => each.Feature == feature.Name) is { Looks: [.., { Hits: 0 }] } silent
            ? MeasurementWarnings.Contradiction(feature, silent)
            : null;

    // Null where there is a reading, made as the policy asks.
    private static string? WhyNot(
        EvaluationOptions evaluation, ShippedForm form, Measurement judged, out ParityReading? reading)
    {
        reading = (judged.Shipped ?? []).Where(each => each.Form == form.NameInEffect).ToList() is [var only] ? only : null;
        return reading switch
        {
            null => "the shipped file was not measured",
            { NotMeasured: { } failed } => failed,
            { IsPossible: false } => "its counts are impossible",
            _ when Gate.WhyOtherRange(evaluation, reading.Measured!) is { } range => range,
            _ when reading.GeneratorSha256 != judged.GeneratorSha256
                || !Gate.UsesPolicyLatents(evaluation, judged)
                || !Gate.UsesPolicyLatents(evaluation, reading.Measured!) =>
                "the shipped file was not measured as this policy asks: beside the judged generator, on its latents",
            _ => null,
        };
    }
}
