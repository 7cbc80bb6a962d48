using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Locking;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Benchmarks;

/// <summary>
/// How often a generator that violates its policy passes, for an author who picks the best of many seeds, and for one who has
/// locked the policy. All through the gate's own code.
/// </summary>
internal static class LockedSeeds
{
    private const int Tries = 1000;
    private const double TimesLimit = 1.3;
    private static readonly DetectionCounts _errors = new("drawn", 1000, 0, 9000, 0);

    public static void Run(int replications)
    {
        Terminal.WriteLine(FormattableString.Invariant(
            $"a generator at {TimesLimit} times the limit of {100 * Coverage.Limit} %, 1,000 images, {replications} policies:"));
        Terminal.WriteLine("share that passes, in %");
        Terminal.WriteLine("");
        Terminal.WriteLine("| the author may choose | auditor with known errors | uncorrected |");
        Terminal.WriteLine("| --- | --- | --- |");
        Row($"the best of {Tries} seeds", Enumerable.Range(1, Tries).Select(seed => (Func<int, long>)(_ => seed)));
        Row("nothing: the policy is locked", [policy => Locked(policy, artifact: 0)]);
        Row($"the best of {Tries} generators, under a lock", Enumerable.Range(1, Tries).Select(
            artifact => (Func<int, long>)(policy => Locked(policy, artifact))));

        void Row(string choice, IEnumerable<Func<int, long>> seeds)
        {
            var cells = new[] { null, EvaluationOptions.IgnoreErrors }.Select(treatment =>
            {
                var policy = Coverage.Policy(1_000, 1_000, 1, treatment);
                var passed = Coverage.Replicate(replications, number => seeds.Any(seed => Passes(policy, number, seed(number))));
                return FormattableString.Invariant($"{100.0 * passed.Count(pass => pass) / replications:F1}");
            });
            Terminal.WriteLine($"| {choice} | {string.Join(" | ", cells)} |");
        }
    }

    private static bool Passes(UnlearningPolicy policy, int number, long seed)
    {
        var seeded = policy with { Evaluation = policy.Evaluation with { Seed = seed } };
        var random = Coverage.RandomOf(FormattableString.Invariant($"images {seed}"), number);
        return Coverage.Judge(random, seeded, [(_errors, TimesLimit * Coverage.Limit)])[0].State is FindingState.Passed;
    }

    private static long Locked(int policy, int artifact) => LockedSeed.Derive(
        Sha256Digest.Compute(FormattableString.Invariant($"policy {policy}")),
        Sha256Digest.Compute(FormattableString.Invariant($"generator {artifact}")));
}
