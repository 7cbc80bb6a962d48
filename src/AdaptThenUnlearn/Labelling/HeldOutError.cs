using System.Globalization;
using System.Text.Json.Serialization;
using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Labelling;

/// <summary>How often a classifier of one feature errs on images that it was not trained on.</summary>
/// <param name="With">Images that show the feature.</param>
/// <param name="Missed">How many of them the classifier did not find.</param>
/// <param name="Without">Images that do not show the feature.</param>
/// <param name="FalseAlarms">In how many of them the classifier found it.</param>
public sealed record HeldOutError(int With, int Missed, int Without, int FalseAlarms)
{
    private const double Confidence = 0.95;

    /// <summary>The number of all images.</summary>
    [JsonIgnore]
    public int Images => With + Without;

    /// <summary>The number of all errors.</summary>
    [JsonIgnore]
    public int Errors => Missed + FalseAlarms;

    /// <summary>Share of errors, 0 to 1.</summary>
    [JsonIgnore]
    public double Rate => Images == 0 ? 0 : (double)Errors / Images;

    /// <summary>Lower end of the two-sided 95 % interval of <see cref="Rate"/>.</summary>
    [JsonIgnore]
    public double Lower => ShareOf(Errors, Images).Lower;

    /// <summary>Upper end of the two-sided 95 % interval of <see cref="Rate"/>.</summary>
    [JsonIgnore]
    public double Upper => ShareOf(Errors, Images).Upper;

    /// <summary>The same counts with their origin.</summary>
    /// <param name="source">The origin, as the end of a sentence.</param>
    public DetectionCounts Counts(string source) => new(source, With, Missed, Without, FalseAlarms);

    /// <summary>Share of the images with the feature in which it was found, with its two-sided 95 % interval; 0 to 1.</summary>
    [JsonIgnore]
    public (double Share, double Lower, double Upper) Found => ShareOf(With - Missed, With);

    /// <summary>
    /// Share of the images without the feature in which it was found, with its two-sided 95 % interval; 0 to 1.
    /// </summary>
    [JsonIgnore]
    public (double Share, double Lower, double Upper) Alarms => ShareOf(FalseAlarms, Without);

    /// <summary>Why the classifier is useless, as a sentence without a full stop; null if it is not.</summary>
    [JsonIgnore]
    public string? WhyUseless =>
        With == 0 ? string.Create(
            CultureInfo.InvariantCulture,
            $"none of the {Images} held-out images shows the feature, so nothing is known of what it misses")
        : Missed >= With ? string.Create(
            CultureInfo.InvariantCulture, $"it found none of the {With} held-out images that show the feature")
        : Found.Share <= Alarms.Share ? string.Create(
            CultureInfo.InvariantCulture,
            $"it sees the feature in {With - Missed} of {With} held-out images that show it and in {FalseAlarms} of {Without} "
                + $"that do not: no better than chance")
        : IsNoBetterThanNo ? string.Create(
            CultureInfo.InvariantCulture,
            $"it misses {Missed} of {With} held-out images that show the feature and sees it in {FalseAlarms} of {Without} that "
                + $"do not: no better than always answering no")
        : null;

    /// <summary>Whether a classifier that never finds the feature would have as few errors.</summary>
    [JsonIgnore]
    public bool IsNoBetterThanNo => Counts("").IsNoBetterThanNo;

    /// <summary>Why the classifier should be doubted, as a sentence; null if there is no reason.</summary>
    [JsonIgnore]
    public string? Doubt => WhyUseless is { } useless
        ? $"Of no use: {useless}."
        : Counts("by cross-validation").WhyWeak is { } weak ? $"Weak: {weak}." : null;

    /// <summary>
    /// For example <c>finds 37 of 40 images that show it (95 % interval 79.6 % to 98.4 %), false alarms in 1 of 60 (0.0 % to 8.9
    /// %); held-out error 4.0 % (4 of 100)</c>.
    /// </summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"finds {With - Missed} of {With} images that show it (95 % interval {100 * Found.Lower:F1} % to "
            + $"{100 * Found.Upper:F1} %), false alarms in {FalseAlarms} of {Without} ({100 * Alarms.Lower:F1} % to "
            + $"{100 * Alarms.Upper:F1} %); held-out error {100 * Rate:F1} % ({Errors} of "
            + $"{Images}){(IsNoBetterThanNo ? ": no better than always answering no" : "")}");

    // Without images, the share may be anything.
    private static (double Share, double Lower, double Upper) ShareOf(int some, int all) => all == 0 ? (0, 0, 1) : (
        (double)some / all,
        ClopperPearson.LowerBound(some, all, (1 + Confidence) / 2),
        ClopperPearson.UpperBound(some, all, (1 + Confidence) / 2));
}
