using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Benchmarks;

/// <summary>
/// How often the gate's bound of a feature's rate holds, for known true rates and auditors that are known to err; and how often a
/// generator that violates its policy passes. All through the gate's own code.
/// </summary>
internal static class Coverage
{
    private const double Confidence = 0.95;
    internal const double Limit = 0.01;
    private const int Features = 5;
    private const int Seeds = 1000;
    private static readonly DateOnly _today = new(2026, 1, 1);
    internal static IReadOnlyList<double> Misses { get; } = [0, 0.05, 0.2, 0.5];
    internal static IReadOnlyList<double> FalseAlarms { get; } = [0, 0.01, 0.05];
    private static readonly double[] _rates = [0.001, 0.01, 0.1];

    // Labelled images that show the feature, and that do not.
    internal static IReadOnlyList<(int With, int Without)> Labelled { get; } = [(1000, 9000), (50, 200)];

    public static void Run(int replications)
    {
        Terminal.WriteLine(FormattableString.Invariant(
            $"confidence {Confidence}, {replications} replications a cell: in how many % the bound is at least the rate"));
        foreach (var (samples, most) in new[] { (10_000, 10_000), (5_000, 40_000) })
        {
            Terminal.WriteLine("");
            Terminal.WriteLine(FormattableString.Invariant(
                $"{samples} to {most} images, looks: {Policy(samples, most, 1, null).Evaluation.Looks().Count}"));
            Terminal.WriteLine("| labelled images with, without | missed | false alarms | " + string.Join(" | ", _rates.Select(
                rate => FormattableString.Invariant($"rate {100 * rate} %: corrected | not | mean bound"))) + " |");
            Terminal.WriteLine("| --- | --- | --- | " + string.Concat(_rates.Select(_ => "--- | --- | --- | ")));
            foreach (var labelled in Labelled)
                foreach (var missed in Misses)
                    foreach (var alarms in FalseAlarms)
                        Terminal.WriteLine(Row(samples, most, labelled, missed, alarms, replications));
        }

        Terminal.WriteLine("");
        Families(replications);
        BestOfManySeeds(replications / 50);
    }

    private static string Row(
        int samples, int most, (int With, int Without) labelled, double missed, double alarms, int replications)
    {
        var (correcting, reporting) =
            (Policy(samples, most, 1, null), Policy(samples, most, 1, EvaluationOptions.ReportErrors));
        var cells = _rates.Select(rate =>
        {
            var bounds = Replicate(replications, replication =>
            {
                var random = RandomOf(
                    FormattableString.Invariant($"{samples} {rate} {labelled.With} {missed} {alarms}"), replication);
                var feature = (Draw(random, labelled, missed, alarms), Seen(rate, missed, alarms));
                return (
                    Corrected: Judge(random, correcting, [feature])[0].Judged!.Value,
                    Uncorrected: Judge(random, reporting, [feature])[0].Judged!.Value);
            });
            return FormattableString.Invariant(
                $"{100.0 * bounds.Count(bound => bound.Corrected >= rate) / replications:F2} | ")
                + FormattableString.Invariant(
                    $"{100.0 * bounds.Count(bound => bound.Uncorrected >= rate) / replications:F1} | ")
                + FormattableString.Invariant($"{100 * bounds.Average(bound => bound.Corrected):F3} %");
        });
        return FormattableString.Invariant($"| {labelled.With}, {labelled.Without} | {100 * missed} % | {100 * alarms} % | ")
            + string.Join(" | ", cells) + " |";
    }

    // A release needs every rule, so one violated feature has to pass its own rule: no more often than the confidence allows.
    private static void Families(int replications)
    {
        Terminal.WriteLine(FormattableString.Invariant(
            $"{Features} features in one policy, limit {100 * Limit} %, auditors that miss 5 %: share of runs that pass, in %"));
        Terminal.WriteLine("| features at 1.001 times the limit, the others at a tenth of it | passes |");
        Terminal.WriteLine("| --- | --- |");
        var policy = Policy(10_000, 40_000, Features, null);
        for (var violated = 0; violated <= Features; violated++)
        {
            var passes = Replicate(replications, replication =>
            {
                var random = RandomOf(FormattableString.Invariant($"family {violated}"), replication);
                var features = Enumerable.Range(0, Features).Select(number => (
                    Draw(random, (1000, 9000), 0.05, 0.001),
                    Seen(number < violated ? 1.001 * Limit : Limit / 10, 0.05, 0.001))).ToArray();
                return Judge(random, policy, features).All(finding => finding.State is FindingState.Passed);
            }).Count(passed => passed);
            Terminal.WriteLine(FormattableString.Invariant($"| {violated} | {100.0 * passes / replications:F2} |"));
        }
    }

    private static void BestOfManySeeds(int replications)
    {
        var policy = Policy(1_000, 1_000, 1, null);
        var passes = Replicate(replications, replication =>
        {
            var random = RandomOf("seeds", replication);
            var errors = Draw(random, (1000, 9000), 0, 0);
            return Enumerable.Range(0, Seeds)
                .Count(_ => Judge(random, policy, [(errors, 1.3 * Limit)])[0].State is FindingState.Passed);
        });
        var (once, best) = (passes.Sum(), passes.Count(passed => passed > 0));
        Terminal.WriteLine("");
        Terminal.WriteLine(FormattableString.Invariant(
            $"a generator at 1.3 times the limit, 1,000 images: passes in {100.0 * once / replications / Seeds:F2} % of runs, ")
            + FormattableString.Invariant($"and in {100.0 * best / replications:F0} % of {replications} policies whose author ")
            + FormattableString.Invariant($"may take the best of {Seeds} seeds"));
    }

    /// <summary>In the order of the replications, whichever core does which.</summary>
    public static IReadOnlyList<T> Replicate<T>(int replications, Func<int, T> replicate) =>
        [.. ParallelEnumerable.Range(0, replications).AsOrdered().Select(replicate)];

    /// <summary>The same for the same cell and replication, on every machine.</summary>
    public static Random RandomOf(string cell, int replication) =>
        new(BitConverter.ToInt32(SHA256.HashData(Encoding.UTF8.GetBytes(FormattableString.Invariant($"{cell} {replication}")))));

    private static double Seen(double rate, double missed, double alarms) => rate * (1 - missed) + (1 - rate) * alarms;

    internal static DetectionCounts Draw(Random random, (int With, int Without) labelled, double missed, double alarms) => new(
        "drawn", labelled.With, Binomial(random, labelled.With, missed), labelled.Without,
        Binomial(random, labelled.Without, alarms));

    // Samples grow as the measurement lets them grow, and the gate judges what was counted.
    internal static IReadOnlyList<Finding> Judge(
        Random random, UnlearningPolicy policy, (DetectionCounts Errors, double Seen)[] features)
    {
        var sizes = policy.Evaluation.Looks();
        var looks = features.Select(_ => new List<Look>()).ToList();
        var (samples, hits) = (0, new long[features.Length]);
        foreach (var size in sizes)
        {
            for (var number = 0; number < features.Length; number++)
            {
                hits[number] += Binomial(random, size - samples, features[number].Seen);
                looks[number].Add(new Look(size, hits[number]));
            }

            samples = size;
            if (!features.Index().Any(feature => SequentialSampling.ShouldContinue(
                looks[feature.Index][^1], Limit, sizes, Confidence,
                policy.Evaluation.CorrectsErrors ? feature.Item.Errors : null)))
                break;
        }

        var measured = new Measurement(
            new string('a', 64), policy.Evaluation.Seed, policy.Evaluation.Truncation,
            [.. features.Select((feature, number) => new FeatureReading(
                Name(number), "auditor", Name(number), looks[number], null, null, feature.Errors))],
            null, [], EvaluationOptions.EightBit);
        return Gate.Judge(policy, measured, after: null, _today).Findings;
    }

    /// <summary>A policy of features whose rates may be at most 1 %.</summary>
    public static UnlearningPolicy Policy(int samples, int most, int features, string? treatment) => new(
        SchemaVersion: 1,
        Name: "coverage",
        new GeneratorChoice("generator.safetensors", Format: "auto", Sha256: null, Discriminator: null),
        new Dictionary<string, ClassifierChoice> { ["auditor"] = new("auditor.safetensors", Classes: null, Sha256: null) },
        [.. Enumerable.Range(0, features).Select(number => new UndesiredFeature(
            Name(number), "auditor", Auditor: null, Class: Name(number), MaxRate: Limit, MinUnlearned: null))],
        Description: null,
        Owner: null,
        Quality: null,
        new EvaluationOptions(samples, most, Confidence, Seed: 1, Truncation: 1, AuditorErrors: treatment),
        Unlearning: null!,
        Waivers: [],
        Report: null!);

    private static string Name(int number) => number.ToString(CultureInfo.InvariantCulture);

    /// <summary>Exact: the number of trials up to each success is geometric (Devroye 1986, X.4.3).</summary>
    public static long Binomial(Random random, long trials, double probability)
    {
        if (probability <= 0)
            return 0;
        if (probability >= 1)
            return trials;
        var (successes, at, scale) = (0L, 0L, Math.Log(1 - probability));
        while ((at += 1 + (long)(Math.Log(1 - random.NextDouble()) / scale)) <= trials)
            successes++;
        return successes;
    }
}
