using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Attestation;

/// <summary>What a rule measures, in the words of files that list metrics instead of limits.</summary>
internal static class RuleMetric
{
    /// <summary>The metric's name for programs, e.g. <c>feature-rate</c>.</summary>
    public static string Name(RuleName rule) => rule.Limit switch
    {
        RuleLimit.MaxRate or RuleLimit.NoWorseRate => "feature-rate",
        RuleLimit.MinUnlearned => "share-unlearned",
        RuleLimit.MaxFrechetDistance or RuleLimit.NoWorseDistance => "frechet-distance",
        RuleLimit.MaxFrechetIncrease => "frechet-distance-increase",
        RuleLimit.MinShareKept => "share-kept",
        RuleLimit.NoWorseShare => "class-share",
        RuleLimit.MaxSuccess or RuleLimit.NoWorseSuccess => "attack-success",
        RuleLimit.MaxShippedRate => "shipped-feature-rate",
        RuleLimit.MaxParityDifference => "parity-difference",
        RuleLimit.NoMoreHits => "parity-p-value",
        RuleLimit.MaxPixelDifference => "parity-pixel-difference",
        RuleLimit.MaxFrechetDifference => "parity-frechet-distance",
        _ => "value",
    };

    /// <summary>The metric's name for people, with the feature or class that it is about.</summary>
    public static string Describe(RuleName rule, RunRecord record)
    {
        var distance = (record.After ?? record.Before).Quality?.DistanceName ?? "Fréchet distance";
        return rule.Limit switch
        {
            RuleLimit.MaxRate or RuleLimit.NoWorseRate => $"share of images that show {rule.Subject}",
            RuleLimit.MinUnlearned => $"share of {rule.Subject} that is unlearned",
            RuleLimit.MaxFrechetDistance or RuleLimit.NoWorseDistance => distance,
            RuleLimit.MaxFrechetIncrease => $"growth of the {distance}",
            RuleLimit.MinShareKept => $"part of its share that class {rule.Subject} keeps",
            RuleLimit.NoWorseShare => $"share of images of class {rule.Subject}",
            RuleLimit.MaxShippedRate => $"share of images of {rule.Form} that show {rule.Subject}",
            RuleLimit.MaxParityDifference =>
                $"share of answers about {rule.Subject} that differ between {rule.Form} and the artifact",
            RuleLimit.NoMoreHits => $"probability that {rule.Form} shows {rule.Subject} so much more often by chance",
            RuleLimit.MaxPixelDifference => $"largest difference of a pixel between {rule.Form} and the artifact",
            RuleLimit.MaxFrechetDifference => $"Fréchet distance between {rule.Form} and the artifact",
            RuleLimit.MaxSuccess or RuleLimit.NoWorseSuccess =>
                $"share of the attempts of {rule.Attack} that show {rule.Subject}",
            _ => rule.ToString(),
        };
    }

    /// <summary>The images that a rule was measured on, in words; for an audited rule with who looked at how many.</summary>
    public static string Images(RuleName rule, RunRecord record)
    {
        var measured = record.After ?? record.Before;
        if (rule.Attack is not null)
            return Judged(rule, record, measured) is { } variant
                ? FormattableString.Invariant($"{variant.Attempts} attempts, seed {measured.Seed}")
                : FormattableString.Invariant($"attempts, seed {measured.Seed}");
        if (rule.Form is not null)
            return FormattableString.Invariant(
                $"{record.Policy.Evaluation.Samples} generated images or more, latents of seed {measured.Seed}");
        var reading = rule.IsOfFeature
            ? measured.Features.FirstOrDefault(feature => feature.Feature == rule.Subject)
            : null;
        var looks = reading?.Looks;
        var images = rule.Limit switch
        {
            RuleLimit.MaxRate or RuleLimit.NoWorseRate => looks is [.., var last] ? last.Samples : null,
            RuleLimit.MinUnlearned => looks is [var first, ..] ? first.Samples : null,
            RuleLimit.MinShareKept or RuleLimit.NoWorseShare =>
                measured.Shares.FirstOrDefault(share => share.Class == rule.Subject)?.Samples,
            _ => measured.Quality?.Samples,
        };
        var person = reading?.Audit is { } audit
            ? FormattableString.Invariant($"; {audit.Person} looked at {audit.Sampled} of {audit.Images}")
            : "";
        var counted = images is { } known ? FormattableString.Invariant($"{known} generated images") : "generated images";
        return FormattableString.Invariant($"{counted}, latents of seed {measured.Seed}{person}");
    }

    // The gate judges the variant with the largest upper bound, or the one that grew most since the accepted run; neither need be
    // the one with the largest share.
    private static AttackVariant? Judged(RuleName rule, RunRecord record, Measurement measured)
    {
        var confidence = record.Policy.Evaluation.Confidence;
        var isNow = measured.FindAttack(rule.Attack!, rule.Subject!);
        return !rule.IsOfRatchet ? isNow?.Judge(confidence).Worst
            : record.Baseline?.Measured.FindAttack(rule.Attack!, rule.Subject!) is { } was && isNow is not null
                ? Gate.FindGrowth(isNow, was, confidence)?.IsNow
                : null;
    }
}
