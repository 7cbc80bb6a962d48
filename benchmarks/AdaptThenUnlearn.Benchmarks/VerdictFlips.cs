using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Benchmarks;

/// <summary>
/// How often the verdict on one generator is another with another evaluation seed, for known true rates around the limit.
/// Sampling and
/// judgement are the product's own code.
/// </summary>
internal static class VerdictFlips
{
    private const int Seeds = 20;
    private const double Limit = 0.01;
    private const double Confidence = 0.95;
    private static readonly double[] _rates = [0.1, 0.5, 0.7, 0.8, 0.9, 0.95, 1, 1.1, 1.5];   // times the limit
    private static readonly DateOnly _today = new(2026, 1, 1);

    public static void Run(int replications)
    {
        Terminal.WriteLine(FormattableString.Invariant(
            $"limit {100 * Limit} %, confidence {Confidence}, an auditor that is right, {replications} times {Seeds} seeds"));
        Terminal.WriteLine("| images | rate, times the limit | passes | two seeds differ | not all 20 agree |");
        Terminal.WriteLine("| --- | --- | --- | --- | --- |");
        foreach (var (samples, most) in new[] { (10_000, 10_000), (10_000, 40_000) })
        {
            var policy = Coverage.Policy(samples, most, 1, EvaluationOptions.IgnoreErrors);
            foreach (var rate in _rates)
            {
                var passes = Coverage.Replicate(replications, replication =>
                {
                    var random = Coverage.RandomOf(FormattableString.Invariant($"flips {samples} {most} {rate}"), replication);
                    return Enumerable.Range(0, Seeds).Count(_ => Passes(random, policy, rate * Limit));
                });
                var share = passes.Average() / Seeds;
                var pairs = passes.Average(passed => 2.0 * passed * (Seeds - passed) / (Seeds * (Seeds - 1)));
                var divided = (double)passes.Count(passed => passed is > 0 and < Seeds) / replications;
                Terminal.WriteLine(FormattableString.Invariant(
                    $"| {samples} to {most} | {rate} | {100 * share:F2} % | {100 * pairs:F2} % | {100 * divided:F1} % |"));
            }
        }
    }

    private static bool Passes(Random random, UnlearningPolicy policy, double rate)
    {
        var sizes = policy.Evaluation.Looks();
        List<Look> looks = [];
        var (samples, hits) = (0, 0L);
        foreach (var size in sizes)
        {
            hits += Coverage.Binomial(random, size - samples, rate);
            samples = size;
            looks.Add(new Look(size, hits));
            if (!SequentialSampling.ShouldContinue(looks[^1], Limit, sizes, Confidence))
                break;
        }

        var measured = new Measurement(
            new string('a', 64), policy.Evaluation.Seed, policy.Evaluation.Truncation,
            [new FeatureReading("0", "auditor", "0", looks, null, null)], null, [], EvaluationOptions.EightBit);
        return Gate.Judge(policy, measured, after: null, _today).Findings[0].State is FindingState.Passed;
    }
}
