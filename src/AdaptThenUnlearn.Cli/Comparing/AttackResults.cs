using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Torch.Comparing;

namespace AdaptThenUnlearn.Cli.Comparing;

/// <summary>An attack on one generator of a comparison, made or not.</summary>
/// <param name="Method">Name of the row, or <see cref="AttackResults.Original"/>.</param>
/// <param name="Class">The class that was unlearned, and is attacked.</param>
/// <param name="Seed">Seed of the training; null for the original.</param>
/// <param name="Attack">Name of the attack.</param>
/// <param name="Reading">What was found; null where the attack was not made.</param>
/// <param name="Seconds">How long it took; null where it was not made.</param>
/// <param name="Missing">Why it was not made, in a sentence without a full stop; null where it was.</param>
public sealed record AttackResult(
    string Method, string Class, long? Seed, string Attack, AttackReading? Reading, double? Seconds, string? Missing);

/// <summary>The attacks of a comparison: what was planned, and what was found.</summary>
/// <param name="Comparison">The runs.</param>
/// <param name="Budget">Of every attack.</param>
/// <param name="Attacks">The attacks with what each tries, in order.</param>
/// <param name="Results">One for each generator and attack that was planned.</param>
public sealed record AttackResults(
    Comparison Comparison,
    AttackBudget Budget,
    IReadOnlyList<(string Name, string Summary)> Attacks,
    IReadOnlyList<AttackResult> Results)
{
    /// <summary>The row of the generator before any unlearning.</summary>
    public const string Original = "original";

    /// <summary>The rows, the original first. A row that refuses images is left out: its generator is the original.</summary>
    public IReadOnlyList<string> Methods =>
    [
        Original, .. Comparison.Methods.Where(method => method.MakesGenerator).Select(method => method.Name)
    ];

    /// <summary>Attacks that were not made.</summary>
    public IReadOnlyList<AttackResult> Missing => [.. Results.Where(result => result.Missing is not null)];

    /// <summary>What an attack found on the generators of one row.</summary>
    public IReadOnlyList<AttackResult> Of(string attack, string method) =>
        [.. Results.Where(result => result.Attack == attack && result.Method == method)];

    /// <summary>Names of the ways in which an attack was tried, in order.</summary>
    public IReadOnlyList<string> Variants(string attack) =>
    [
        .. Results.Where(result => result.Attack == attack)
            .SelectMany(result => result.Reading?.Variants ?? []).Select(variant => variant.Name).Distinct(),
    ];

    /// <summary>The shares of attempts that succeeded, over classes and seeds; null where none was measured.</summary>
    public Spread? Shares(string attack, string method, string variant) => Spread.Compute(
        Of(attack, method).Select(result => Find(result, variant) is { Attempts: > 0 } found ? found.Share : (double?)null));

    /// <summary>
    /// The cost to bring the class back by training, one for each generator of a row whose original was attacked too; grouped by
    /// the number of images.
    /// </summary>
    public IReadOnlyList<(AttackResult Result, RelearningCost Cost)> Costs(string attack, string method) =>
    [
        .. from result in Of(attack, method)
           where result.Reading is not null
           let original = Of(attack, Original).FirstOrDefault(each => each.Class == result.Class)
           let rate = RelearningCost.RateOf(original?.Reading)
           where rate is not null
           from cost in RelearningCost.Of(result.Reading!, rate.Value)
           select (result, cost),
    ];

    /// <summary>
    /// How much more often an attack succeeds on a row's generators than on retrained ones, at the way in which the difference is
    /// largest; null where either was not measured.
    /// </summary>
    public (string Variant, double Points)? FarthestFromRetraining(string attack, string method)
    {
        var differences = Variants(attack)
            .Select(variant => (variant, Mine: Shares(attack, method, variant)?.Mean,
                Its: Shares(attack, ComparedMethods.Retrain.Name, variant)?.Mean))
            .Where(each => each is { Mine: not null, Its: not null })
            .Select(each => (each.variant, Difference: each.Mine!.Value - each.Its!.Value))
            .ToList();
        return differences.Count == 0 ? null : differences.MaxBy(each => each.Difference);
    }

    private static AttackVariant? Find(AttackResult result, string variant) =>
        result.Reading?.Variants.FirstOrDefault(each => each.Name == variant);
}
