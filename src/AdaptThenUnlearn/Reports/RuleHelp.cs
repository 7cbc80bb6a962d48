namespace AdaptThenUnlearn.Reports;

/// <summary>What a rule demands, and what can be done when it is not met; for readers who have not written the policy.</summary>
/// <param name="Demand">One sentence.</param>
/// <param name="Advice">One or two sentences.</param>
internal sealed record RuleHelp(string Demand, string Advice)
{
    private const string MoreTraining = "Train longer or push harder (unlearning.preset, unlearning.steps, or what 'atu tune' recommends).";

    private const string KeepMore = "Keep more of the original: raise unlearning.retention.weight, or lower the repulsion weight.";

    /// <summary>The help of a rule, by its name.</summary>
    public static RuleHelp Of(string rule)
    {
        var (subject, limit) = rule.Split('/', 3) is [var first, var second, ..] ? (first, second) : (rule, "");
        return limit switch
        {
            "maxRate" => new(
                $"The generator may show '{subject}' in at most this share of its images; the upper confidence bound of the counted rate is held against the limit.",
                MoreTraining + " Where the count is within the limit and the bound is not, raise evaluation.maxSamples."),
            "minUnlearned" => new(
                $"At least this share of '{subject}' must have been unlearned, (before − after) / before, judged by the unfavourable bound of the rate after.",
                MoreTraining),
            "maxFrechetDistance" => new(
                "The Fréchet distance of the retained images to the reference may be at most this, in squared feature units; its upper confidence bound is held against the limit.",
                KeepMore + " Where the distance is within the limit and its bound is not, raise evaluation.samples."),
            "maxFrechetIncrease" => new(
                "The Fréchet distance of the retained images may grow by at most this share of what it was before; the upper confidence bound of the increase is held against the limit.",
                KeepMore + " Where the distance is within the limit and its bound is not, raise evaluation.samples."),
            "minShareKept" => new(
                "Every class that is to be kept must keep at least this part of the share it had.",
                "Raise unlearning.retention.weight or unlearning.classBalance.rate."),
            _ => new("A rule of the policy.", "See the policy."),
        };
    }
}
