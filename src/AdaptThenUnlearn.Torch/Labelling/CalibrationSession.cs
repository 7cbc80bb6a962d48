using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Torch.Training;

namespace AdaptThenUnlearn.Torch.Labelling;

/// <summary>Chooses a classifier's threshold by labels.</summary>
/// <param name="samples">The images to label, and the classifier's scores of them.</param>
/// <param name="subject">What is calibrated.</param>
/// <param name="sheet">The labels at the beginning; they name the feature and the generator.</param>
/// <param name="folder">Where labels and calibration are written.</param>
/// <param name="keepsUseless">Whether to write a calibration whose held-out counts are no better than chance, too.</param>
public sealed class CalibrationSession(
    ScoredSamples samples, CalibrationSubject subject, LabelSheet sheet, string folder, bool keepsUseless = false)
    : LabellingSession(samples.Pictures, sheet, folder, keepsUseless)
{
    /// <summary>What is calibrated.</summary>
    public CalibrationSubject Subject => subject;

    /// <summary>The last calibration that was written, and its file's digest; null before the first.</summary>
    public (ClassifierCalibration Calibration, string Sha256)? Written { get; private set; }

    /// <inheritdoc/>
    public override string ResultPath { get; } = Path.Combine(folder, ClassifierCalibrationFile.NameFor(subject.Name));

    /// <inheritdoc/>
    public override string? WhyTooFewLabels => ThresholdChoice.WhyTooFewLabels(Sheet);

    /// <inheritdoc/>
    public override string Stage => "choosing the threshold";

    /// <inheritdoc/>
    /// <remarks>
    /// Every second image has one of the highest scores that are left. The others lie nearest to the threshold by the labels so
    /// far, and move it; before an image is marked, they come in the order of their numbers.
    /// </remarks>
    protected override IEnumerable<int> MostUseful(IReadOnlyDictionary<int, bool> labels)
    {
        List<int> learning = [.. Enumerable.Range(0, samples.Scores.Count).Where(image => !PageOrder.IsTest(image))];
        var likeliest = learning.OrderByDescending(Margin).ToList();
        var others = ThresholdChoice.FindThreshold(samples.Scores, labels, subject.MayMiss) is { } threshold
            ? learning.OrderBy(image => Math.Abs(Margin(image) - Logit(threshold))).ToList()
            : learning;
        return likeliest.Zip(others).SelectMany(pair => new[] { pair.First, pair.Second }).Distinct();

        // An image without a finite score counts as showing the feature, whatever the threshold.
        double Margin(int image) => float.IsFinite(samples.Scores[image]) ? Logit(samples.Scores[image]) : double.MaxValue;
    }

    /// <inheritdoc/>
    protected override HeldOutError Make(LabelSheet labels, IProgress<StageProgress> progress, CancellationToken cancel)
    {
        var choice = ThresholdChoice.Create(samples.Scores, labels, subject.MayMiss);
        RequireUse(choice.HeldOut, "calibration", "use another classifier");
        var calibration = new ClassifierCalibration(
            ClassifierCalibration.CurrentSchemaVersion, Feature, subject.Class, choice.Threshold, subject.MayMiss,
            choice.Learning, choice.HeldOut, subject.Identity, labels.Generator, labels.Sha256());
        Written = (calibration, ClassifierCalibrationFile.Write(ResultPath, calibration));
        return choice.HeldOut;
    }

    // Equal steps where scores are close to 0 or 1; finite there too.
    private static double Logit(double probability)
    {
        var within = Math.Clamp(probability, float.Epsilon, 1 - 1e-9);
        return Math.Log(within) - Math.Log(1 - within);
    }
}

/// <summary>A classifier whose threshold is chosen.</summary>
/// <param name="Name">Its name in the policy.</param>
/// <param name="Class">The class that shows the feature.</param>
/// <param name="Identity">Digest of everything that changes its answers.</param>
/// <param name="MayMiss">Largest share of the learning images with the feature that may be missed.</param>
public sealed record CalibrationSubject(string Name, string Class, string Identity, double MayMiss);
