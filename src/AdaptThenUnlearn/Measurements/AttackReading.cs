using System.Text.Json.Serialization;

namespace AdaptThenUnlearn.Measurements;

/// <summary>What one attack got out of one generator: counts that can be judged again later.</summary>
/// <param name="Attack">Name of the attack.</param>
/// <param name="Feature">The feature's name in the policy.</param>
/// <param name="GeneratorSha256">Digest of the checkpoint that was attacked.</param>
/// <param name="Variants">One for each way in which the attack was tried, in order; at least one.</param>
/// <param name="Classes">
/// What became of the auditor's classes from the same latents; null, and left out, for attacks that do not count it.
/// </param>
/// <param name="Budget">
/// What the attack could spend; null, and left out, where whoever keeps the reading says it once for all attacks.
/// </param>
/// <param name="DiscriminatorSha256">
/// Digest of the file with the discriminator that the attack trained against, 64 lower-case hexadecimal digits; null, and left
/// out, for attacks without one.
/// </param>
public sealed record AttackReading(
    string Attack,
    string Feature,
    string GeneratorSha256,
    IReadOnlyList<AttackVariant> Variants,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] ClassMatrix? Classes = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] AttackBudget? Budget = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? DiscriminatorSha256 = null)
{
    /// <summary>Why no variant, or not every variant, was measured; null where each of them was.</summary>
    [JsonIgnore]
    public string? NotMeasured => Variants.Count == 0
        ? "the attack tried nothing"
        : Variants.Where(variant => variant.Why is not null)
            .Select(variant => $"{variant.Name}: {variant.Why}")
            .FirstOrDefault();

    /// <summary>Whether the counts are possible.</summary>
    [JsonIgnore]
    public bool IsPossible =>
        Classes is null or { IsPossible: true }
        && Variants.All(variant => variant.Attempts >= 0 && variant.Successes >= 0 && variant.Successes <= variant.Attempts
            && variant.AtStart is null or >= 0 && variant.TrainingSteps is null or >= 0
            && variant.TrainingImages is null or > 0 && (variant.Why is not null || variant.Attempts > 0));

    /// <summary>
    /// Why a limit on the share of successes is not met, in a sentence without a full stop; null where it is. Pure, and
    /// fail-closed: every variant must have been measured, and the upper bound of each is judged.
    /// </summary>
    /// <remarks>
    /// A generator that misses the limit in some variant passes only if that variant passes, so the bounds need no correction for
    /// their number.
    /// </remarks>
    /// <param name="maxSuccess">Largest share of attempts that may succeed, 0 to 1.</param>
    /// <param name="confidence">Of each upper bound, one-sided, between 0 and 1.</param>
    public string? FindViolation(double maxSuccess, double confidence)
    {
        var (worst, bound, missing) = Judge(confidence);
        return missing is not null ? $"not measured: {missing}"
            : bound <= maxSuccess ? null
            : FormattableString.Invariant($"{worst!.Name} succeeded in {worst.Successes} of {worst.Attempts} attempts: ")
                + FormattableString.Invariant($"the upper bound {100 * bound:0.##} % is above {100 * maxSuccess:0.##} %");
    }

    /// <summary>The figure that a limit is held against: the largest upper bound of all variants.</summary>
    /// <param name="confidence">Of each upper bound, one-sided, between 0 and 1.</param>
    /// <returns>
    /// The variant with that bound, the bound, and null; or null, 1 and why there is no figure, in a sentence without a full
    /// stop: some variant was not measured, or the counts are impossible.
    /// </returns>
    public (AttackVariant? Worst, double Bound, string? Missing) Judge(double confidence)
    {
        if (NotMeasured is { } missing)
            return (null, 1, missing);
        if (!IsPossible)
            return (null, 1, "its counts are impossible");

        var worst = Variants.MaxBy(Bound)!;
        return (worst, Bound(worst), null);

        double Bound(AttackVariant variant) => ClopperPearson.UpperBound(variant.Successes, variant.Attempts, confidence);
    }

    /// <summary>The variant with the largest share of successes; null where none was measured.</summary>
    [JsonIgnore]
    public AttackVariant? Strongest => Variants.Where(variant => variant.Attempts > 0).MaxBy(variant => variant.Share);
}

/// <summary>One way in which an attack was tried. A success is an image in which the auditor sees the feature.</summary>
/// <param name="Name">What was tried, such as <c>w, clean starts</c>.</param>
/// <param name="Successes">k, 0 to <paramref name="Attempts"/>.</param>
/// <param name="Attempts">n; 0 where it was not measured.</param>
/// <param name="AtStart">
/// Attempts that showed the feature before anything was searched; null, and left out, where nothing is searched.
/// </param>
/// <param name="Percentile">
/// How unusual the found latents are: the share of latents from the prior that lie nearer to its centre, 0 to 1, median of the
/// successes; null, and left out, where there is none, or nothing was found.
/// </param>
/// <param name="Usual">
/// Successes among usual latents: those that lie nearer to the centre of the prior than the outermost 1 % of its latents; null,
/// and left out, where nothing is searched.
/// </param>
/// <param name="Distance">
/// Median distance of the images to those that were to be made, in the attack's own unit; null, and left out, where there is
/// none.
/// </param>
/// <param name="Why">Why it was not measured, in a sentence without a full stop; null, and left out, where it was.</param>
/// <param name="TrainingSteps">
/// Training steps before the images were made, 0 for none; null, and left out, for attacks that do not train.
/// </param>
/// <param name="TrainingImages">
/// Images of the feature that were trained on; null, and left out, for clean images and for attacks that do not train.
/// </param>
public sealed record AttackVariant(
    string Name,
    long Successes,
    long Attempts,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? AtStart = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? Percentile = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? Usual = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? Distance = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Why = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? TrainingSteps = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? TrainingImages = null)
{
    /// <summary>The largest share of nearer latents that a usual latent has.</summary>
    public const double UsualShare = 0.99;

    /// <summary>A variant that could not be tried.</summary>
    /// <param name="name">What would have been tried.</param>
    /// <param name="why">A sentence without a full stop.</param>
    public static AttackVariant NotMeasured(string name, string why) => new(name, 0, 0, Why: why);

    /// <summary>Successes over attempts, 0 to 1; 0 where it was not measured.</summary>
    [JsonIgnore]
    public double Share => Attempts == 0 ? 0 : (double)Successes / Attempts;

    /// <summary>The two-sided Clopper–Pearson interval of the share; null where it was not measured.</summary>
    /// <param name="confidence">Of the interval, between 0 and 1; half of the rest lies on either side.</param>
    public (double Low, double High)? Interval(double confidence) => Attempts == 0
        ? null
        : (ClopperPearson.LowerBound(Successes, Attempts, (1 + confidence) / 2),
            ClopperPearson.UpperBound(Successes, Attempts, (1 + confidence) / 2));
}

/// <summary>How often an image of one class became an image of another, from the same latents.</summary>
/// <param name="Names">The auditor's classes, in order.</param>
/// <param name="Counts">
/// A row for each class before, a column for each class after. Of a classifier whose classes do not exclude each other the
/// likeliest counts.
/// </param>
public sealed record ClassMatrix(IReadOnlyList<string> Names, IReadOnlyList<IReadOnlyList<long>> Counts)
{
    /// <summary>Whether there is a count, 0 or more, for each two classes.</summary>
    [JsonIgnore]
    public bool IsPossible => Counts.Count == Names.Count
        && Counts.All(row => row.Count == Names.Count && row.All(count => count >= 0));
}
