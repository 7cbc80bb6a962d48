using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Benchmarks;

/// <summary>
/// How often the gate's bounds of the share unlearned and of a class's share kept hold, for known true shares and classifiers
/// that are known to err. All through the gate's own code.
/// </summary>
/// <remarks>
/// Images before and after either have nothing to do with each other, or are of the same latents: then only an image that showed
/// the feature before may show it after.
/// </remarks>
internal static class RatioCoverage
{
    private const int Images = 10_000;
    private const double Before = 0.1;         // true rate of the feature and true share of the class, before
    private const string Feature = "0";
    private const string Class = "1";
    private const string Counter = "auditor";
    private static readonly double[] _unlearned = [0.2, 0.5, 0.95];
    private static readonly double[] _kept = [0.8];
    private static readonly DateOnly _today = new(2026, 1, 1);

    public static void Run(int replications)
    {
        Terminal.WriteLine(FormattableString.Invariant(
            $"{Images} images, {100 * Before} % before: in how many % the lower bound is at most the share, or there is none"));
        var shares = _unlearned.Select(share => FormattableString.Invariant($"{100 * share} % unlearned"))
            .Concat(_kept.Select(share => FormattableString.Invariant($"{100 * share} % kept")));
        Terminal.WriteLine("| labelled images with, without | missed | false alarms | " + string.Join(
            " | ", shares.Select(share => $"{share}: corrected | the same latents | not | median bound")) + " |");
        Terminal.WriteLine(
            "| --- | --- | --- | " + string.Concat(Enumerable.Repeat("--- | ", 4 * (_unlearned.Length + _kept.Length))));
        foreach (var labelled in Coverage.Labelled)
            foreach (var missed in Coverage.Misses)
                foreach (var alarms in Coverage.FalseAlarms)
                    Terminal.WriteLine(FormattableString.Invariant(
                        $"| {labelled.With}, {labelled.Without} | {100 * missed} % | {100 * alarms} % | ") + string.Join(
                            " | ",
                            [
                                .. _unlearned.Select(share => Cell(
                                    RuleLimit.MinUnlearned, share, 1 - share, labelled, missed, alarms, replications)),
                                .. _kept.Select(share => Cell(
                                    RuleLimit.MinShareKept, share, share, labelled, missed, alarms, replications)),
                            ]) + " |");
    }

    private static string Cell(
        RuleLimit rule, double share, double left, (int With, int Without) labelled, double missed, double alarms,
        int replications)
    {
        var policy = Policy(treatment: null);
        var reporting = Policy(EvaluationOptions.ReportErrors);
        var judged = Coverage.Replicate(replications, replication =>
        {
            var random = Coverage.RandomOf(
                FormattableString.Invariant($"{rule} {share} {labelled.With} {missed} {alarms}"), replication);
            var errors = Coverage.Draw(random, labelled, missed, alarms);
            var apart = (Seen(Coverage.Binomial(random, Images, Before)), Seen(Coverage.Binomial(random, Images, Before * left)));
            var shown = Coverage.Binomial(random, Images, Before);
            var paired = (Seen(shown), Seen(Coverage.Binomial(random, shown, left)));
            return (
                Corrected: Judge(policy, rule, apart, errors),
                Paired: Judge(policy, rule, paired, errors),
                Uncorrected: Judge(reporting, rule, apart, errors));

            long Seen(long showing) => Coverage.Binomial(random, showing, 1 - missed)
                + Coverage.Binomial(random, Images - showing, alarms);
        });
        var median = judged.Select(bounds => bounds.Corrected ?? double.NegativeInfinity).Order().ElementAt(replications / 2);
        return FormattableString.Invariant($"{Held(judged.Select(bounds => bounds.Corrected)):F2} | ")
            + FormattableString.Invariant($"{Held(judged.Select(bounds => bounds.Paired)):F2} | ")
            + FormattableString.Invariant($"{Held(judged.Select(bounds => bounds.Uncorrected)):F1} | ")
            + (double.IsFinite(median) ? FormattableString.Invariant($"{100 * median:F1} %") : "not measured");

        double Held(IEnumerable<double?> bounds) => 100.0 * bounds.Count(bound => !(bound > share)) / replications;
    }

    // The judged figure; null where it was not measured.
    private static double? Judge(
        UnlearningPolicy policy, RuleLimit rule, (long Before, long After) hits, DetectionCounts errors) =>
        Gate.Judge(
                policy, Measured("a", hits.Before, errors, policy), Measured("b", hits.After, errors, policy), _today)
            .Findings.Single(finding => finding.Rule.Limit == rule).Judged;

    private static Measurement Measured(string generator, long hits, DetectionCounts errors, UnlearningPolicy policy) => new(
        new string(generator[0], 64), policy.Evaluation.Seed, policy.Evaluation.Truncation,
        [new FeatureReading(Feature, Counter, Feature, [new Look(Images, hits)], null, null, errors)],
        null,
        [new ClassShare(Counter, Class, Undesired: false, hits, Images, errors)],
        EvaluationOptions.EightBit);

    private static UnlearningPolicy Policy(string? treatment)
    {
        var policy = Coverage.Policy(Images, Images, features: 1, treatment);
        return policy with
        {
            UndesiredFeatures = [policy.UndesiredFeatures[0] with { MaxRate = null, MinUnlearned = 0.5 }],
            Quality = new QualityOptions(
                Counter, "reference.safetensors", null, null, MinShareKept: 0.5, Confidence: policy.Evaluation.Confidence),
        };
    }
}
