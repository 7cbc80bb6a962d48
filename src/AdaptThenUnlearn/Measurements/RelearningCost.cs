namespace AdaptThenUnlearn.Measurements;

/// <summary>How much training on some images brings a feature back: until its rate is at half of the original's.</summary>
/// <remarks>
/// Costs are the budgets that were measured, and nothing between them: a cost of 50 means that the rate was below the half after
/// the next smaller number of steps, and not after 50. Rates are the counted shares, without their intervals.
/// </remarks>
/// <param name="Images">Images of the feature that were trained on; null for clean images.</param>
/// <param name="Steps">
/// The smallest measured number of steps after which the rate was back, 0 where it was so without training; null where none was.
/// </param>
/// <param name="MostSteps">The largest number of steps that was measured; 0 where none was.</param>
public sealed record RelearningCost(int? Images, int? Steps, int MostSteps)
{
    /// <summary>The share of the original's rate at which a feature counts as back.</summary>
    public const double Back = 0.5;

    /// <summary>The original's rate without training; null where it was not measured, or is 0.</summary>
    /// <param name="original">Of the attack that trains, on the original; null where it was not made.</param>
    public static double? RateOf(AttackReading? original) =>
        original?.Variants.FirstOrDefault(variant => variant is { TrainingSteps: 0, Attempts: > 0 })?.Share is { } rate and > 0
            ? rate
            : null;

    /// <summary>The cost for each number of images, few images first, clean images last.</summary>
    /// <param name="reading">Of the attack that trains.</param>
    /// <param name="original">The original's rate, as <see cref="RateOf"/> gives it.</param>
    public static IReadOnlyList<RelearningCost> Of(AttackReading reading, double original)
    {
        var isThere = reading.Variants.Any(
            variant => variant is { TrainingSteps: 0, Attempts: > 0 } && variant.Share >= Back * original);
        return
        [
            .. from variant in reading.Variants
               where variant is { TrainingSteps: > 0, Attempts: > 0 }
               group variant by variant.TrainingImages into same
               orderby same.Key ?? int.MaxValue
               select new RelearningCost(
                   same.Key,
                   isThere ? 0 : same.Where(variant => variant.Share >= Back * original).Min(variant => variant.TrainingSteps),
                   same.Max(variant => variant.TrainingSteps!.Value)),
        ];
    }

    /// <summary>The cost in words, such as <c>50 steps</c> or <c>not within 200 steps</c>.</summary>
    public string Words => Steps is 0 ? "without training"
        : Steps is { } steps ? FormattableString.Invariant($"{steps} steps")
        : FormattableString.Invariant($"not within {MostSteps} steps");

    /// <summary>
    /// This cost over that of another generator on as many images, in words: <c>2</c>, or <c>above 4</c> where this one was not
    /// reached, <c>below 0.25</c> where the other one was not; null where neither was, or where the other one is 0 and this
    /// is not.
    /// </summary>
    /// <param name="other">The other generator's cost.</param>
    public string? RatioTo(RelearningCost other) => (Steps, other.Steps) switch
    {
        (0, 0) => "1",
        (_, 0) => null,
        ({ } mine, { } its) => FormattableString.Invariant($"{(double)mine / its:0.##}"),
        (null, { } its) => FormattableString.Invariant($"above {(double)MostSteps / its:0.##}"),
        ({ } mine, null) when other.MostSteps > 0 => FormattableString.Invariant($"below {(double)mine / other.MostSteps:0.##}"),
        _ => null,
    };
}
