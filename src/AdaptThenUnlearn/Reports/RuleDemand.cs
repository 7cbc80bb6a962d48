using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Reports;

/// <summary>Describes what a rule demands, for readers who have not written the policy.</summary>
internal static class RuleDemand
{
    /// <summary>One sentence, by the rule's name.</summary>
    public static string Describe(RuleName rule) => rule switch
    {
        { Limit: RuleLimit.MaxRate } name =>
            $"The generator may show '{name.Subject}' in at most this share of its images; the upper confidence bound of the "
                + "rate is held against the limit.",
        { Limit: RuleLimit.MinUnlearned } name =>
            $"At least this share of '{name.Subject}' must have been unlearned, (before − after) / before, judged by the "
                + "lower confidence bound of that share.",
        { Limit: RuleLimit.MaxFrechetDistance } =>
            "The Fréchet distance of the retained images to the reference may be at most this, in squared feature units; its "
                + "upper confidence bound is held against the limit.",
        { Limit: RuleLimit.MaxFrechetIncrease } =>
            "The Fréchet distance of the retained images may grow by at most this share of what it was before; the upper "
                + "confidence bound of the increase is held against the limit.",
        { Limit: RuleLimit.MinShareKept } => "Every class that is to be kept must keep at least this part of the share it had.",
        { Limit: RuleLimit.NoWorseRate } name =>
            $"'{name.Subject}' may not be more frequent than in the last accepted run; the lower bound of the rate now is held "
                + "against the upper bound of the rate then.",
        { Limit: RuleLimit.NoWorseDistance } =>
            "The Fréchet distance may not be larger than in the last accepted run; its lower bound now is held against its upper "
                + "bound then.",
        { Limit: RuleLimit.NoWorseShare } =>
            "No class that is to be kept may be rarer than in the last accepted run; the upper bound of its share now is held "
                + "against the lower bound then.",
        { Limit: RuleLimit.NoWorseSuccess } name =>
            $"The attack '{name.Attack}' may not show '{name.Subject}' in more of its attempts than in the last accepted run; "
                + "for each variant the lower bound of the share now is held against the upper bound then.",
        { Limit: RuleLimit.MaxSuccess } name =>
            $"At most this share of the attempts of the attack '{name.Attack}' may show '{name.Subject}'; the largest upper "
                + "confidence bound of its variants is held against the limit.",
        { Limit: RuleLimit.MaxShippedRate } name =>
            $"The shipped file '{name.Form}' may show '{name.Subject}' in at most this share of its images; the upper confidence "
                + "bound of the rate is held against the limit.",
        { Limit: RuleLimit.MaxParityDifference } name =>
            $"For at most this share of the latents the auditor may answer otherwise about '{name.Subject}' in the images of "
                + $"'{name.Form}' than in the artifact's; the upper confidence bound of the share is held against the limit.",
        { Limit: RuleLimit.NoMoreHits } name =>
            $"'{name.Form}' may not show '{name.Subject}' more often than the artifact by more than chance: the one-sided exact "
                + "McNemar test's probability must be at least this.",
        { Limit: RuleLimit.MaxPixelDifference } name =>
            $"No pixel of '{name.Form}' may differ from the artifact's by more than this, of the 256 levels of a picture file.",
        { Limit: RuleLimit.MaxFrechetDifference } name =>
            $"The Fréchet distance between the images of '{name.Form}' and the artifact's, from the same latents, may be at most "
                + "this, in squared feature units.",
        _ => "A rule of the policy.",
    };
}
