using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Training;

namespace AdaptThenUnlearn.Torch.Labelling;

/// <summary>Trains a classifier from labels.</summary>
/// <param name="samples">The images to label; stay the caller's.</param>
/// <param name="classifier">
/// The classifier, whose last layer is trained and whose second class is the feature; stays the caller's.
/// </param>
/// <param name="sheet">The labels at the beginning.</param>
/// <param name="folder">Where labels and classifier are written.</param>
/// <param name="keepsUseless">Whether to write a classifier whose held-out counts are no better than chance, too.</param>
public sealed class HeadSession(
    LabelledSamples samples, FrozenFeaturesHead classifier, LabelSheet sheet, string folder, bool keepsUseless = false)
    : LabellingSession(samples.Pictures, sheet, folder, keepsUseless)
{
    /// <summary>The images to label, and their features.</summary>
    public LabelledSamples Samples => samples;

    /// <inheritdoc/>
    public override string ResultPath { get; } = Path.Combine(folder, sheet.Feature + ".safetensors");

    /// <inheritdoc/>
    public override string? WhyTooFewLabels => Sheet.WhyTooFewLabels;

    /// <inheritdoc/>
    public override string Stage => "training the classifier";

    /// <inheritdoc/>
    protected override IEnumerable<int> MostUseful(IReadOnlyDictionary<int, bool> labels) =>
        ImageRanking.Likeliest(samples.Features, labels);

    /// <inheritdoc/>
    protected override HeldOutError Make(LabelSheet labels, IProgress<StageProgress> progress, CancellationToken cancel)
    {
        using var head = HeadTraining.Run(samples.Features, labels.Labels, labels.IsTest, labels.Seed, progress, cancel);
        RequireUse(head.HeldOut, "classifier", "name other features with --features");
        classifier.SetWeights(head.Weights, head.Bias);
        ClassifierCheckpoint.Save(
            ResultPath,
            classifier,
            new HeldOutCounts(new Dictionary<string, HeldOutError> { [Feature] = head.HeldOut }, labels.Sha256()));
        return head.HeldOut;
    }
}
