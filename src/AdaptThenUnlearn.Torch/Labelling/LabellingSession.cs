using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Training;

namespace AdaptThenUnlearn.Torch.Labelling;

/// <summary>Keeps labels as soon as they are given, and trains the classifier from them. Several threads may use it.</summary>
/// <param name="samples">The images to label; stay the caller's.</param>
/// <param name="classifier">
/// The classifier, whose last layer is trained and whose second class is the feature; stays the caller's.
/// </param>
/// <param name="sheet">The labels at the beginning.</param>
/// <param name="folder">Where labels and classifier are written.</param>
/// <param name="keepsUseless">Whether to write a classifier whose held-out counts are no better than chance, too.</param>
public sealed class LabellingSession(
    LabelledSamples samples, FrozenFeaturesHead classifier, LabelSheet sheet, string folder, bool keepsUseless = false)
{
    private readonly Lock _labels = new();
    private readonly Lock _training = new();

    /// <summary>Name of the feature.</summary>
    public string Feature => Sheet.Feature;

    /// <summary>The images to label.</summary>
    public LabelledSamples Samples => samples;

    /// <summary>The labels so far.</summary>
    public LabelSheet Sheet { get; private set; } = sheet;

    /// <summary>Path of the classifier's file.</summary>
    public string ClassifierPath { get; } = Path.Combine(folder, sheet.Feature + ".safetensors");

    /// <summary>Name of the file with the labels.</summary>
    public const string SheetName = "labels.json";

    /// <summary>Path of the file with the labels in a folder.</summary>
    public static string SheetIn(string folder) => Path.Combine(folder, SheetName);

    /// <summary>Changes labels, and writes them to the disk before it returns.</summary>
    /// <param name="changes">The new labels by image; null removes a label.</param>
    /// <exception cref="ArgumentException">There is no such image; nothing is changed.</exception>
    /// <exception cref="FileNotWrittenException">The labels cannot be written; nothing is changed.</exception>
    public LabelSheet Change(IReadOnlyDictionary<int, bool?> changes)
    {
        foreach (var image in changes.Keys)
            if (image < 0 || image >= samples.Pictures.Count)
                throw new ArgumentException(FormattableString.Invariant(
                    $"there is no image {image}; they are numbered 0 to {samples.Pictures.Count - 1}"));

        lock (_labels)
        {
            var changed = Sheet.WithChanges(changes);
            LabelSheetFile.Write(SheetIn(folder), changed);
            return Sheet = changed;
        }
    }

    /// <summary>Chooses the images of the next page, by the labels so far.</summary>
    /// <param name="shown">
    /// How many images the person knows. If more were chosen already, or all, nothing is changed.
    /// </param>
    public LabelSheet ShowMore(int shown)
    {
        lock (_labels)
        {
            // Labels that were given without pages stay where they can be seen.
            var order = (Sheet.Order ?? []).Union(Sheet.Labels.Keys).ToList();
            if (Sheet.Order is null || Sheet.Order.Count == shown)
            {
                var learned = Sheet.LearningLabels;
                var likeliest = ImageRanking.Likeliest(samples.Features, learned);
                var marked = learned.Values.Count(shows => shows);
                Sheet = Sheet with
                {
                    Order = PageOrder.WithNextPage(order, samples.Pictures.Count, likeliest, marked, Sheet.Seed)
                };
            }

            return Sheet;
        }
    }

    /// <summary>Trains the classifier from the labels so far and writes it.</summary>
    /// <param name="progress">Receives each step.</param>
    /// <param name="cancel">Ends training between two steps.</param>
    /// <exception cref="LabelException">
    /// There are too few labels, or nothing was learned from them. The classifier's file is not changed then.
    /// </exception>
    /// <exception cref="FileNotWrittenException">The classifier cannot be written.</exception>
    public HeldOutError Train(IProgress<StageProgress> progress, CancellationToken cancel)
    {
        lock (_training)
        {
            var labels = Sheet;
            if (labels.WhyTooFewLabels is { } problem)
                throw new LabelException(problem);

            using var head = HeadTraining.Run(samples.Features, labels.Labels, labels.IsTest, labels.Seed, progress, cancel);
            if (!keepsUseless && head.HeldOut.WhyUseless is { } useless)
                throw new LabelException(
                    $"no classifier was written: {useless}; label more images that show '{Feature}', or name other features "
                        + "with --features (--keep-useless writes it all the same)");

            classifier.SetWeights(head.Weights, head.Bias);
            ClassifierCheckpoint.Save(
                ClassifierPath,
                classifier,
                new HeldOutCounts(new Dictionary<string, HeldOutError> { [Feature] = head.HeldOut }, labels.Sha256()));
            return head.HeldOut;
        }
    }
}
