using System.Globalization;
using System.Text.Json.Serialization;
using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Labelling;

/// <summary>How often a classifier of one feature errs on images that it was not trained on.</summary>
/// <param name="With">Images that show the feature.</param>
/// <param name="Missed">Of those, what it did not see.</param>
/// <param name="Without">Images that do not.</param>
/// <param name="FalseAlarms">Of those, where it saw the feature.</param>
public sealed record HeldOutError(int With, int Missed, int Without, int FalseAlarms)
{
    private const double Confidence = 0.95;

    /// <summary>Images in all.</summary>
    [JsonIgnore]
    public int Images => With + Without;

    /// <summary>Errors in all.</summary>
    [JsonIgnore]
    public int Errors => Missed + FalseAlarms;

    /// <summary>Share of errors, 0 to 1.</summary>
    [JsonIgnore]
    public double Rate => (double)Errors / Images;

    /// <summary>Lower end of the two-sided 95 % interval of <see cref="Rate"/>.</summary>
    [JsonIgnore]
    public double Lower => ShareOf(Errors, Images).Lower;

    /// <summary>Upper end of the two-sided 95 % interval of <see cref="Rate"/>.</summary>
    [JsonIgnore]
    public double Upper => ShareOf(Errors, Images).Upper;

    /// <summary>The same counts, with where they came from.</summary>
    /// <param name="source">Ends a sentence.</param>
    public DetectionCounts Counts(string source) => new(source, With, Missed, Without, FalseAlarms);

    /// <summary>Share of the images with the feature in which it was seen, with its two-sided 95 % interval; 0 to 1.</summary>
    [JsonIgnore]
    public (double Share, double Lower, double Upper) Found => ShareOf(With - Missed, With);

    /// <summary>Share of the images without it in which it was seen all the same, with its two-sided 95 % interval; 0 to 1.</summary>
    [JsonIgnore]
    public (double Share, double Lower, double Upper) Alarms => ShareOf(FalseAlarms, Without);

    /// <summary>Why such a classifier is of no use, in a sentence without a full stop; null where it is of some.</summary>
    [JsonIgnore]
    public string? WhyUseless =>
        Missed >= With ? string.Create(CultureInfo.InvariantCulture, $"it found none of the {With} held-out images that show the feature")
        : Found.Share <= Alarms.Share ? string.Create(CultureInfo.InvariantCulture, $"it sees the feature in {With - Missed} of {With} held-out images that show it and in {FalseAlarms} of {Without} that do not: no better than chance")
        : null;

    /// <summary>Whether a classifier that sees the feature nowhere would err as seldom.</summary>
    [JsonIgnore]
    public bool IsNoBetterThanNo => Counts("").IsNoBetterThanNo;

    /// <summary>What is to be doubted of such a classifier, in a sentence; null where nothing is.</summary>
    [JsonIgnore]
    public string? Doubt => WhyUseless is { } useless ? $"Of no use: {useless}." : Counts("by cross-validation").WhyWeak is { } weak ? $"Weak: {weak}." : null;

    /// <summary>E.g. <c>finds 37 of 40 images that show it (95 % interval 79.6 % to 98.4 %), false alarms in 1 of 60 (0.0 % to 8.9 %); held-out error 4.0 % (4 of 100)</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"finds {With - Missed} of {With} images that show it (95 % interval {100 * Found.Lower:F1} % to {100 * Found.Upper:F1} %), false alarms in {FalseAlarms} of {Without} ({100 * Alarms.Lower:F1} % to {100 * Alarms.Upper:F1} %); held-out error {100 * Rate:F1} % ({Errors} of {Images}){(IsNoBetterThanNo ? ": no better than always answering no" : "")}");

    // Of no image nothing is known.
    private static (double Share, double Lower, double Upper) ShareOf(int some, int all) => all == 0 ? (0, 0, 1) : (
        (double)some / all, ClopperPearson.LowerBound(some, all, (1 + Confidence) / 2), ClopperPearson.UpperBound(some, all, (1 + Confidence) / 2));
}
