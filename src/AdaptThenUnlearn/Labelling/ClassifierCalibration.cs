using System.Globalization;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Labelling;

/// <summary>
/// The threshold of one class of a classifier, chosen by a person's labels, with its errors on other labelled images. A policy's
/// <c>classifiers.NAME.calibration</c> names its file.
/// </summary>
/// <param name="SchemaVersion">Version of the format; 1.</param>
/// <param name="Feature">What the person looked for.</param>
/// <param name="Class">The classifier's class that shows it.</param>
/// <param name="Threshold">Smallest probability of the class in an image that shows it; above 0 and below 1.</param>
/// <param name="MayMiss">The share of the learning images with the feature that the threshold was allowed to miss.</param>
/// <param name="Learning">Errors on the images that the threshold was chosen by.</param>
/// <param name="HeldOut">Errors on the images that had no part in it.</param>
/// <param name="Classifier">
/// Digest of the classifier: of its files, and of all that a policy says of its outputs and its input.
/// </param>
/// <param name="Generator">SHA-256 of the generator that made the labelled images.</param>
/// <param name="LabelsSha256">Digest of the labels.</param>
/// <param name="Seal">SHA-256 of everything else. It finds damage and edits by hand; it is not a signature.</param>
public sealed record ClassifierCalibration(
    int SchemaVersion,
    string Feature,
    string Class,
    double Threshold,
    double MayMiss,
    HeldOutError Learning,
    HeldOutError HeldOut,
    string Classifier,
    string Generator,
    string LabelsSha256,
    string Seal = "")
{
    /// <summary>The version of the format that is written.</summary>
    public const int CurrentSchemaVersion = 1;

    /// <summary>What the counts are of, as the end of a sentence.</summary>
    private string Source => string.Create(
        CultureInfo.InvariantCulture,
        $"on test images that a person labelled, from the threshold {Threshold} on, which was chosen by other images");

    /// <summary>The counts of the test images, with their origin and the threshold.</summary>
    public DetectionCounts Counts() => HeldOut.Counts(Source) with { LabelsSha256 = LabelsSha256 };

    /// <summary>What a reading keeps of it.</summary>
    /// <param name="sha256">Digest of its file.</param>
    public UsedCalibration Used(string sha256) => new(Threshold, sha256, Generator);

    /// <summary>Digest of everything but the seal: 64 lower-case hexadecimal digits.</summary>
    public string ComputeSeal() => Sha256Digest.Compute(ClassifierCalibrationFile.ToJson(this with { Seal = "" }));

    /// <summary>Why it is not one that <c>atu label --calibrate</c> wrote, without a full stop; null where it may be.</summary>
    public string? FindProblem() =>
        SchemaVersion != CurrentSchemaVersion ? string.Create(
            CultureInfo.InvariantCulture, $"it has version {SchemaVersion}, and this tool knows version {CurrentSchemaVersion}")
        : !(Threshold > 0 && Threshold < 1) ? string.Create(
            CultureInfo.InvariantCulture, $"its threshold must be above 0 and below 1, but is {Threshold}")
        : !Counts().ArePossible || !Learning.Counts("").ArePossible ? "its counts are impossible"
        : Seal != ComputeSeal() ? "it was edited or damaged: its content does not have its own digest ('seal')"
        : null;

    /// <summary>
    /// Why it is not of a classifier as a policy uses it, without a full stop and with the remedy; null where it is.
    /// </summary>
    /// <param name="name">The classifier's name in the policy.</param>
    /// <param name="identity">Digest of the classifier.</param>
    /// <param name="classes">The classes that the policy's features ask it for.</param>
    public string? WhyNotOf(string name, string identity, IEnumerable<string> classes) =>
        Classifier != identity
            ? $"is of another classifier: it was made for {Classifier}, and this one is {identity}, with its files, its outputs "
                + $"and its preprocessing; calibrate this one with `atu label POLICY --calibrate {name}`"
            : classes.Where(asked => asked != Class).Order(StringComparer.Ordinal).FirstOrDefault() is { } other
                ? $"is of the class '{Class}', and a feature asks this classifier for '{other}'; calibrate it for that class "
                    + $"with `atu label POLICY --calibrate {name}`, or give each class a classifier of its own with the "
                    + "same checkpoint"
                : null;
}
