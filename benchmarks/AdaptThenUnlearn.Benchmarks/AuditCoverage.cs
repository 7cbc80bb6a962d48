using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Benchmarks;

/// <summary>
/// How often the bound of a person's audit holds, for known true rates, auditors that miss, and people who miss. Draw, bound and
/// judgement are the product's own code.
/// </summary>
/// <remarks>
/// What the auditor misses has no higher scores than any other image, so the scores do not help: the stratum of the highest
/// scores holds no more of it than chance gives.
/// </remarks>
internal static class AuditCoverage
{
    private const double Confidence = 0.95;
    private static readonly double[] _misses = [0, 0.05, 0.2, 0.5];
    private static readonly double[] _ofPerson = [0, 0.05];
    private static readonly double[] _rates = [0.001, 0.01, 0.1];
    private static readonly int[] _clicks = [100, 300, 1000];
    private static readonly DateOnly _today = new(2026, 1, 1);

    public static void Run(int replications)
    {
        Terminal.WriteLine(FormattableString.Invariant(
            $"confidence {Confidence}, {replications} replications a cell: how often (%) the bound holds, and its mean"));
        foreach (var (samples, most) in new[] { (10_000, 10_000), (5_000, 40_000) })
        {
            var policy = Coverage.Policy(samples, most, 1, null);
            Terminal.WriteLine("");
            Terminal.WriteLine(FormattableString.Invariant(
                $"{samples} to {most} images, looks: {policy.Evaluation.Looks().Count}"));
            Terminal.WriteLine("| clicks | auditor misses | person misses | " + string.Join(" | ", _rates.Select(
                rate => FormattableString.Invariant($"rate {100 * rate} %: holds | mean bound"))) + " |");
            Terminal.WriteLine("| --- | --- | --- | " + string.Concat(_rates.Select(_ => "--- | --- | ")));
            foreach (var clicks in _clicks)
                foreach (var missed in _misses)
                    foreach (var ofPerson in _ofPerson)
                        Terminal.WriteLine(Row(policy, clicks, missed, ofPerson, replications));
        }
    }

    private static string Row(UnlearningPolicy policy, int clicks, double missed, double ofPerson, int replications)
    {
        var cells = _rates.Select(rate =>
        {
            var bounds = Coverage.Replicate(replications, replication => Judge(
                Coverage.RandomOf(
                    FormattableString.Invariant($"audit {policy.Evaluation.Samples} {clicks} {missed} {ofPerson} {rate}"),
                    replication),
                policy, clicks, rate, missed, ofPerson));
            return FormattableString.Invariant($"{100.0 * bounds.Count(bound => bound >= rate) / replications:F2} | ")
                + FormattableString.Invariant($"{100 * bounds.Average():F3} %");
        });
        return FormattableString.Invariant($"| {clicks} | {100 * missed} % | {100 * ofPerson} % | ")
            + string.Join(" | ", cells) + " |";
    }

    // Samples grow by what the auditor sees, as the measurement lets them grow; the person looks at the last one.
    private static double Judge(Random random, UnlearningPolicy policy, int clicks, double rate, double missed, double ofPerson)
    {
        var sizes = policy.Evaluation.Looks();
        List<Look> looks = [];
        var (samples, seen, unseen) = (0, 0L, 0L);
        foreach (var size in sizes)
        {
            var shows = Coverage.Binomial(random, size - samples, rate);
            var found = Coverage.Binomial(random, shows, 1 - missed);
            (samples, seen, unseen) = (size, seen + found, unseen + shows - found);
            looks.Add(new Look(size, seen));
            if (!SequentialSampling.ShouldContinue(looks[^1], policy.UndesiredFeatures[0].MaxRate, sizes, Confidence))
                break;
        }

        // What the person would mark of each stratum, and what of it is in the sample.
        var markedHits = Coverage.Binomial(random, seen, 1 - ofPerson);
        var markedOthers = Coverage.Binomial(random, unseen, 1 - ofPerson);
        var (hits, near, rest) = new AuditDraw("generator", "feature", clicks).Sizes(samples, seen);
        var markedNear = Drawn(random, near, markedOthers, samples - seen);
        var ofRest = samples - seen - near;
        var audit = new HumanAudit(
            "simulated", default, "",
            [
                new(AuditStratum.Hits, seen, hits, Drawn(random, hits, markedHits, seen)),
                new(AuditStratum.Near, near, near, markedNear),
                new(AuditStratum.Rest, ofRest, rest, Drawn(random, rest, markedOthers - markedNear, ofRest)),
            ],
            AuditDraw.Checks, Coverage.Binomial(random, AuditDraw.Checks, ofPerson));
        var measured = new Measurement(
            new string('a', 64), policy.Evaluation.Seed, policy.Evaluation.Truncation,
            [new FeatureReading("0", "auditor", "0", looks, null, null, Audit: audit)], null, [], EvaluationOptions.EightBit);
        return Gate.Judge(policy, measured, after: null, _today).Findings[0].Judged ?? 1;   // not measured is never a pass
    }

    // Hypergeometric, image by image.
    private static long Drawn(Random random, long sampled, long kind, long size)
    {
        var left = kind;
        for (var image = 0L; image < sampled && left > 0; image++)
            if (random.NextDouble() * (size - image) < left)
                left--;
        return kind - left;
    }
}
