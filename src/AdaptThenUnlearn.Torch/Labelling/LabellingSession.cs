using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Training;

namespace AdaptThenUnlearn.Torch.Labelling;

/// <summary>Labels that are kept as they are given, and the classifier that is trained from them. May be used from several threads.</summary>
/// <param name="samples">What is labelled; stays the caller's.</param>
/// <param name="classifier">Its second class is the feature; its last layer is trained. Stays the caller's.</param>
/// <param name="sheet">Labels to begin with.</param>
/// <param name="folder">Where labels and classifier are kept.</param>
/// <param name="keepsUseless">Whether a classifier is written, too, that finds nothing by its held-out counts, or no more than by chance.</param>
public sealed class LabellingSession(LabelledSamples samples, FrozenFeaturesHead classifier, LabelSheet sheet, string folder, bool keepsUseless = false)
{
    private readonly Lock _labels = new();
    private readonly Lock _training = new();

    /// <summary>What is looked for.</summary>
    public string Feature => Sheet.Feature;

    /// <summary>What is labelled.</summary>
    public LabelledSamples Samples => samples;

    /// <summary>The labels so far.</summary>
    public LabelSheet Sheet { get; private set; } = sheet;

    /// <summary>Where the classifier is written.</summary>
    public string ClassifierPath { get; } = Path.Combine(folder, sheet.Feature + ".safetensors");

    /// <summary>Name of the file of the labels.</summary>
    public const string SheetName = "labels.json";

    /// <summary>The file of the labels in a folder.</summary>
    public static string SheetIn(string folder) => Path.Combine(folder, SheetName);

    /// <summary>Changes labels, and keeps them on the disk before it returns.</summary>
    /// <param name="changes">By image; null takes a label away.</param>
    /// <exception cref="ArgumentException">There is no such image; nothing is changed.</exception>
    /// <exception cref="FileNotWrittenException">The labels cannot be written; nothing is changed.</exception>
    public LabelSheet Change(IReadOnlyDictionary<int, bool?> changes)
    {
        foreach (var image in changes.Keys)
            if (image < 0 || image >= samples.Pictures.Count)
                throw new ArgumentException(FormattableString.Invariant($"there is no image {image}; they are numbered 0 to {samples.Pictures.Count - 1}"));

        lock (_labels)
        {
            var changed = Sheet.WithChanges(changes);
            LabelSheetFile.Write(SheetIn(folder), changed);
            return Sheet = changed;
        }
    }

    /// <summary>Trains the classifier from the labels so far and writes it.</summary>
    /// <param name="progress">Told of each step.</param>
    /// <param name="cancel">Ends it between two steps.</param>
    /// <exception cref="LabelException">There are too few labels, or nothing was learnt from them; a classifier that was there is left as it is.</exception>
    /// <exception cref="FileNotWrittenException">The classifier cannot be written.</exception>
    public HeldOutError Train(IProgress<StageProgress> progress, CancellationToken cancel)
    {
        lock (_training)
        {
            var labels = Sheet;
            if (labels.WhyTooFewLabels is { } problem)
                throw new LabelException(problem);

            using var head = HeadTraining.Run(samples.Features, labels.Labels, labels.Seed, progress, cancel);
            if (!keepsUseless && head.HeldOut.WhyUseless is { } useless)
                throw new LabelException($"no classifier was written: {useless}; label more images that show '{Feature}', or name other features with --features (--keep-useless writes it all the same)");

            classifier.SetWeights(head.Weights, head.Bias);
            ClassifierCheckpoint.Save(ClassifierPath, classifier, new HeldOutCounts(new Dictionary<string, HeldOutError> { [Feature] = head.HeldOut }, labels.Sha256()));
            return head.HeldOut;
        }
    }
}
