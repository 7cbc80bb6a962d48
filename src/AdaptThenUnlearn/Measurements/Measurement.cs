using System.Text.Json.Serialization;

namespace AdaptThenUnlearn.Measurements;

/// <summary>All readings of one generator: counts and numbers, so that they can be judged again later.</summary>
/// <param name="GeneratorSha256">Digest of the checkpoint that was measured.</param>
/// <param name="Seed">Of the evaluation latents.</param>
/// <param name="Truncation">1 is none.</param>
/// <param name="Features">One reading for each undesired feature.</param>
/// <param name="Quality">Of the images; null where the policy asks for none.</param>
/// <param name="Shares">For each class of the auditors: how often it was emitted at the first look.</param>
/// <param name="Range">
/// What was looked at, as <c>evaluation.range</c> of a policy: <c>8-bit</c> pictures or <c>raw</c> network output. Records that
/// do not say were measured raw.
/// </param>
/// <param name="Diversity">
/// How much the images of the first look differ; null, and left out, in records from before it was counted.
/// </param>
/// <param name="Attacks">
/// What attacks got out of the generator, one reading for each attack and feature; null, and left out, where none was made.
/// </param>
/// <param name="Repeats">
/// How many images repeat others, for a folder of images and for a command; null, and left out, for a checkpoint.
/// </param>
/// <param name="Shipped">
/// What the files that ship in its place made of the same latents; null, and left out, where the policy names none.
/// </param>
public sealed record Measurement(
    string GeneratorSha256,
    long Seed,
    double Truncation,
    IReadOnlyList<FeatureReading> Features,
    QualityReading? Quality,
    IReadOnlyList<ClassShare> Shares,
    string Range = "raw",
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] ImageDiversity? Diversity = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<AttackReading>? Attacks = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] RepeatedImages? Repeats = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<ParityReading>? Shipped = null)
{
    /// <summary>Why the images are too few different ones to measure anything; null where they are not.</summary>
    [JsonIgnore]
    public string? WhyTooAlike => Diversity?.WhyOneImage ?? Repeats?.WhyTooMany;

    /// <summary>What an attack got out of the generator; null where it was not made.</summary>
    /// <param name="attack">The attack's name.</param>
    /// <param name="feature">The feature's name in the policy.</param>
    public AttackReading? FindAttack(string attack, string feature) =>
        Attacks?.FirstOrDefault(reading => reading.Attack == attack && reading.Feature == feature);

    /// <summary>Why the counts of a feature have no meaning: one image many times, or an auditor that cannot tell.</summary>
    /// <param name="feature">The feature's name in the policy.</param>
    /// <returns>A sentence without a full stop; null where they have a meaning, or where the feature was not counted.</returns>
    public string? WhyMeaningless(string feature) =>
        WhyTooAlike ?? Features.FirstOrDefault(reading => reading.Feature == feature) switch
        {
            { NotMeasured: { } why } => why,
            { WhyBlind: { } blind } => blind,
            _ => null,
        };
}

/// <summary>How often one undesired feature was emitted.</summary>
/// <param name="Feature">The feature's name in the policy.</param>
/// <param name="Classifier">Name of the auditor.</param>
/// <param name="Class">The class that shows the feature.</param>
/// <param name="Looks">
/// Cumulative counts at each look of the sequential sampling, in order; the first look is the one that PUL compares, the last
/// decides the rate.
/// </param>
/// <param name="AnnotatorHits">
/// The same first look counted by the annotator, for comparison; null when it is the auditor itself.
/// </param>
/// <param name="NoiseFloor">
/// How often the auditor sees the class in real images of other classes, 0 to 1: a rate below which it cannot tell; null where
/// the reference does not say.
/// </param>
/// <param name="Detection">
/// How the auditor did on images that were known to show the class, or not to; null, and left out, where nothing says it.
/// </param>
/// <param name="Unreadable">
/// Images of the first look for which an output of the auditor was not a finite number; each counts as showing the feature. Null,
/// and left out, where there were none.
/// </param>
/// <param name="IsAnnotator">
/// Whether the auditor has another name than the annotator and gave the same answer for every image of the first look; left out
/// where it did not.
/// </param>
/// <param name="NotMeasured">
/// Why the counts have no meaning, in a sentence without a full stop; null, and left out, where they have.
/// </param>
/// <param name="Audit">
/// What a person saw in a sample of the images of the last look; null, and left out, where nobody audited them.
/// </param>
/// <param name="Calibration">
/// The auditor's threshold that a person's labels chose; null, and left out, where the policy names none.
/// </param>
public sealed record FeatureReading(
    string Feature,
    string Classifier,
    string Class,
    IReadOnlyList<Look> Looks,
    long? AnnotatorHits,
    double? NoiseFloor,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] DetectionCounts? Detection = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? Unreadable = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool IsAnnotator = false,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? NotMeasured = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] HumanAudit? Audit = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] UsedCalibration? Calibration = null)
{
    /// <summary>Why the auditor cannot tell, by what it found in known images; null where it can, or nothing says it.</summary>
    [JsonIgnore]
    public string? WhyBlind => Detection?.WhyBlind is { } blind ? $"the auditor '{Classifier}' cannot tell: {blind}" : null;
}

/// <summary>Counts so far.</summary>
/// <param name="Samples">n, images looked at.</param>
/// <param name="Hits">k, images that show the feature.</param>
public sealed record Look(long Samples, long Hits);

/// <summary>How often one class was emitted at the first look.</summary>
/// <param name="Classifier">Name of the classifier that counted.</param>
/// <param name="Class">Name of the class.</param>
/// <param name="Undesired">Whether the policy bans it.</param>
/// <param name="Hits">Images of this class.</param>
/// <param name="Samples">All images.</param>
/// <param name="Detection">
/// How the classifier did on images with known labels; null, and left out, where nothing is known.
/// </param>
public sealed record ClassShare(
    string Classifier,
    string Class,
    bool Undesired,
    long Hits,
    long Samples,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] DetectionCounts? Detection = null)
{
    /// <summary>Whether the numbers can be.</summary>
    [JsonIgnore]
    public bool IsPossible => Hits >= 0 && Hits <= Samples && Detection is null or { ArePossible: true };

    /// <summary>The counts.</summary>
    [JsonIgnore]
    public Look Look => new(Samples, Hits);
}
