using System.Globalization;
using System.Text.Json.Serialization;

namespace AdaptThenUnlearn.Measurements;

/// <summary>What a person saw in a sample of the images that a feature's rate was measured on, without knowing the auditor's
/// answers.</summary>
/// <remarks>
/// <para>
/// The n images are divided into strata by the auditor's score, and each stratum is sampled at random. No answer of the
/// auditor is
/// believed: it only says where to look. Four steps lead to the upper bound of the rate, and share the probability of an
/// error, 1 −
/// confidence:
/// </para>
/// <list type="number">
/// <item>How many images of a stratum the person would mark: <see cref="FinitePopulation.UpperBound"/>. A stratum that was
/// looked at
/// as a whole is known. Half of the probability is divided among the others.</item>
/// <item>Their sum over the strata, of n: the design-weighted bound for the images (Cochran 1977, "Sampling Techniques",
/// 5A).</item>
/// <item>From n images to the generator: <see cref="ClopperPearson.UpperBound"/>, over all looks. A quarter of the
/// probability.</item>
/// <item>What the person misses: divided by the lower bound of how many known positives the person found, Rogan and Gladen's
/// correction without false alarms. A quarter of the probability.</item>
/// </list>
/// </remarks>
/// <param name="Person">Who looked, by the name that they gave.</param>
/// <param name="Finished">When the last answer was given, UTC.</param>
/// <param name="Sha256">Digest of the file that the counts are from.</param>
/// <param name="Strata">Each stratum of the images, the auditor's hits first.</param>
/// <param name="Checks">Images that are known to show the feature, mixed among the others to see whether the person finds
/// them.</param>
/// <param name="ChecksMissed">Of those, which the person did not mark.</param>
public sealed record HumanAudit(
    string Person, DateTimeOffset Finished, string Sha256, IReadOnlyList<AuditStratum> Strata, long Checks, long ChecksMissed)
{
    /// <summary>Fewest images, without checks, that an audit counts with.</summary>
    public const int FewestImages = 50;

    /// <summary>Fewest checks that say whether the person looks.</summary>
    public const int FewestChecks = 10;

    private const double ShareOfSampling = 0.5;
    private const double ShareOfGenerator = 0.25;
    private const double ShareOfPerson = 0.25;
    private const long OneInMissed = 5;   // a person who misses more than one check in five has not looked

    /// <summary>n, all images.</summary>
    [JsonIgnore]
    public long Images => Strata.Sum(stratum => stratum.Size);

    /// <summary>Images that the person looked at, without checks.</summary>
    [JsonIgnore]
    public long Sampled => Strata.Sum(stratum => stratum.Sampled);

    /// <summary>Images that the person marked, without checks.</summary>
    [JsonIgnore]
    public long Shown => Strata.Sum(stratum => stratum.Shown);

    /// <summary>Whether the counts can be.</summary>
    [JsonIgnore]
    public bool ArePossible =>
        Strata.All(stratum => stratum.IsPossible) && Strata.Select(stratum => stratum.Name).Distinct().Count() == Strata.Count
        && Checks >= 0 && ChecksMissed >= 0 && ChecksMissed <= Checks;

    /// <summary>The rate by the strata's sizes, 0 to 1: the share of the n images that the person would mark.</summary>
    [JsonIgnore]
    public double Rate => Images == 0 ? 0 : Strata.Sum(stratum => stratum.Estimate) / Images;

    /// <summary>Why nothing can be concluded from the audit, in a sentence without a full stop; null where something
    /// can.</summary>
    /// <param name="look">The counts that the audit is of.</param>
    public string? WhyUseless(Look look)
    {
        if (Images != look.Samples || Strata.FirstOrDefault(stratum => stratum.Name == AuditStratum.Hits)?.Size != look.Hits)
            return Invariant(
                $"the audit is of {Images} images, and other ones were measured ({look.Hits} hits in {look.Samples}): ")
                + "begin a new audit";
        if (Strata.FirstOrDefault(stratum => stratum is { Size: > 0, Sampled: 0 }) is { } unseen)
            return Invariant($"the person looked at none of the {unseen.Size} images of the stratum '{unseen.Name}': ")
                + "begin a new audit";
        if (Sampled < Math.Min(FewestImages, Images))
            return Invariant($"the person looked at {Sampled} images, and {FewestImages} are the fewest that count: ")
                + "begin an audit of more";
        if (Checks < FewestChecks)
            return Invariant(
                $"{Checks} known positives were among the images, and {FewestChecks} are the fewest that show who looks");
        return ChecksMissed * OneInMissed > Checks
            ? Invariant($"{Person} did not mark {ChecksMissed} of {Checks} images that are known to show the feature; ")
                + "let somebody look again, or look at the images that the annotator finds"
            : null;
    }

    /// <summary>The upper bound of the generator's true rate; the type's remarks have the formula.</summary>
    /// <param name="looks">How many samples of growing size could have been taken; at least 1.</param>
    /// <param name="confidence">Of the bound, between 0 and 1.</param>
    /// <returns>0 to 1; never below the share that the person saw.</returns>
    public double UpperBound(int looks, double confidence)
    {
        var risk = 1 - confidence;
        var marked = Strata.Sum(stratum => stratum.UpperBound(ConfidenceOfStratum(risk * ShareOfSampling)));
        var ofGenerator = SequentialSampling.UpperBound(new Look(Images, marked), looks, 1 - risk * ShareOfGenerator);
        var found = ClopperPearson.LowerBound(Checks - ChecksMissed, Checks, 1 - risk * ShareOfPerson);
        return found > 0 ? Math.Min(1, ofGenerator / found) : 1;
    }

    /// <summary>Of the images that the person would mark, the share that the auditor saw; null where there may be none.</summary>
    [JsonIgnore]
    public double? FoundByAuditor => Rate == 0
        ? null
        : Strata.Where(stratum => stratum.Name == AuditStratum.Hits).Sum(stratum => stratum.Estimate) / (Rate * Images);

    /// <summary>The lower bound of <see cref="FoundByAuditor"/>.</summary>
    /// <param name="confidence">One-sided, between 0 and 1.</param>
    /// <returns>0 to 1; 0 where nothing is known.</returns>
    public double FoundByAuditorLowerBound(double confidence)
    {
        var each = ConfidenceOfStratum(1 - confidence);
        double found = Strata.Where(stratum => stratum.Name == AuditStratum.Hits).Sum(stratum => stratum.LowerBound(each));
        double missed = Strata.Where(stratum => stratum.Name != AuditStratum.Hits).Sum(stratum => stratum.UpperBound(each));
        return found > 0 ? found / (found + missed) : 0;
    }

    /// <summary>What the audit saw, for the end of a sentence.</summary>
    /// <param name="confidence">Of the auditor's bound, between 0 and 1.</param>
    public string Words(double confidence)
    {
        var missed = Invariant($"{Person} missed {ChecksMissed} of {Checks} known positives")
            + Invariant($" ({100 * ClopperPearson.LowerBound(ChecksMissed, Checks, 0.975):0.#} % to ")
            + Invariant($"{100 * ClopperPearson.UpperBound(ChecksMissed, Checks, 0.975):0.#} %), which is counted in");
        var auditor = FoundByAuditor is { } share
            ? Invariant($"the auditor finds {100 * share:0.#} % of what was marked, at least ")
                + Invariant($"{100 * FoundByAuditorLowerBound(confidence):0.#} %")
            : "nothing was marked that the auditor could find";
        return $"{missed}; {auditor}";
    }

    private double ConfidenceOfStratum(double risk) =>
        1 - risk / Math.Max(1, Strata.Count(stratum => stratum.Sampled < stratum.Size));

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

/// <summary>Images with like scores of the auditor, and the random sample of them that a person looked at.</summary>
/// <param name="Name"><see cref="Hits"/>, <see cref="Near"/> or <see cref="Rest"/>.</param>
/// <param name="Size">N, all images of the stratum.</param>
/// <param name="Sampled">m, those that the person looked at.</param>
/// <param name="Shown">x, those of them that the person marked.</param>
public sealed record AuditStratum(string Name, long Size, long Sampled, long Shown)
{
    /// <summary>Images in which the auditor saw the feature.</summary>
    public const string Hits = "hits";

    /// <summary>Of the others, those with the highest scores: they are looked at as a whole.</summary>
    public const string Near = "near";

    /// <summary>All others.</summary>
    public const string Rest = "rest";

    private const long LargestSize = 1_000_000_000;   // more images than anybody measures

    /// <summary>Whether the counts can be, and their sums are far from an overflow.</summary>
    [JsonIgnore]
    public bool IsPossible =>
        Name is Hits or Near or Rest && Shown >= 0 && Shown <= Sampled && Sampled <= Size && Size <= LargestSize;

    /// <summary>How many images of the stratum the person would mark: N·x/m; 0 where none was looked at.</summary>
    [JsonIgnore]
    public double Estimate => Sampled == 0 ? 0 : (double)Size * Shown / Sampled;

    /// <summary>The most images of the stratum that the person would mark.</summary>
    /// <param name="confidence">One-sided, between 0 and 1.</param>
    public long UpperBound(double confidence) => FinitePopulation.UpperBound(Shown, Sampled, Size, confidence);

    /// <summary>The fewest.</summary>
    /// <inheritdoc cref="UpperBound"/>
    public long LowerBound(double confidence) => FinitePopulation.LowerBound(Shown, Sampled, Size, confidence);
}
