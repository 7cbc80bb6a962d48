using System.Globalization;
using System.Text.Json.Serialization;

namespace AdaptThenUnlearn.Measurements;

/// <summary>How a classifier did on images of which it is known whether they show a class.</summary>
/// <param name="Source">Where the images came from, in words that end a sentence: <c>held out when it was trained</c>.</param>
/// <param name="With">Images that show the class.</param>
/// <param name="Missed">Of those, in which it did not see the class.</param>
/// <param name="Without">Images that do not; 0 where none was tried.</param>
/// <param name="FalseAlarms">Of those, in which it saw the class.</param>
/// <param name="LabelsSha256">
/// Digest of the labels it was trained and tried with; null, and left out, where it is not known.
/// </param>
public sealed record DetectionCounts(
    string Source,
    long With,
    long Missed,
    long Without,
    long FalseAlarms,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? LabelsSha256 = null)
{
    private const double Confidence = 0.95;
    private const double Half = 0.5;

    /// <summary>Lower end of the two-sided 95 % interval of the share that is missed; 0 where no image shows the class.</summary>
    [JsonIgnore]
    public double MissedLowerBound => With == 0 ? 0 : ClopperPearson.LowerBound(Missed, With, (1 + Confidence) / 2);

    /// <summary>Upper end of the two-sided 95 % interval of the share that is missed; 1 where no image shows the class.</summary>
    [JsonIgnore]
    public double MissedUpperBound => With == 0 ? 1 : ClopperPearson.UpperBound(Missed, With, (1 + Confidence) / 2);

    /// <summary>The counts that a rate is corrected by; null for none, and where no known image shows the class.</summary>
    /// <param name="known">What is known of the auditor; null for nothing.</param>
    /// <param name="corrects">Whether the policy corrects.</param>
    public static DetectionCounts? ThatCorrect(DetectionCounts? known, bool corrects) =>
        corrects && known is { With: > 0 } ? known : null;

    /// <summary>
    /// The counts that a ratio of two rates is corrected by; null also where no image without the class is known: nothing says
    /// then how much of what was seen before were false alarms.
    /// </summary>
    /// <inheritdoc cref="ThatCorrect"/>
    public static DetectionCounts? ThatCorrectRatios(DetectionCounts? known, bool corrects) =>
        ThatCorrect(known, corrects) is { Without: > 0 } both ? both : null;

    /// <summary>Whether the counts can be.</summary>
    [JsonIgnore]
    public bool ArePossible =>
        With >= 0 && Missed >= 0 && Missed <= With && Without >= 0 && FalseAlarms >= 0 && FalseAlarms <= Without;

    /// <summary>Whether it saw the class in an image that shows it.</summary>
    [JsonIgnore]
    public bool SawIt => Missed < With;

    /// <summary>Why its count has no meaning: it found none of the images that show the class. Null where it has.</summary>
    [JsonIgnore]
    public string? WhyBlind => With > 0 && !SawIt
        ? string.Create(CultureInfo.InvariantCulture, $"it found none of {With} images that show the class ({Source})")
        : null;

    /// <summary>What makes its count weak, in a sentence without a full stop, or null.</summary>
    [JsonIgnore]
    public string? WhyWeak
    {
        get
        {
            if (WhyBlind is not null)
                return null;
            if (With == 0)
                return $"no image that it was tried on shows the class ({Source}), so nothing is known of what it misses";
            if (Without > 0 && IsNoBetterThanNo)
                return $"{Words}: no better than always answering no";
            return MissedUpperBound > Half
                ? $"{Words}: it may miss more than it finds, and the true rate is higher by as much"
                : null;
        }
    }

    /// <summary>Whether it errs at least as often as a classifier would that sees the class nowhere.</summary>
    [JsonIgnore]
    public bool IsNoBetterThanNo => Missed + FalseAlarms >= With;

    /// <summary>
    /// E.g. <c>it missed 2 of 11 images that show the class (2.3 % to 51.8 %) and saw it in 1 of 43 that do not, held out when it
    /// was trained</c>.
    /// </summary>
    [JsonIgnore]
    public string Words => string.Create(CultureInfo.InvariantCulture,
        $"it missed {Missed} of {With} images that show the class ({100 * MissedLowerBound:0.#} % to "
            + $"{100 * MissedUpperBound:0.#} "
            + $"%){(Without > 0 ? $" and saw it in {FalseAlarms} of {Without} that do not" : "")}, {Source}");
}
