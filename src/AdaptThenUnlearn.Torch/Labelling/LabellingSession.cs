using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Torch.Training;

namespace AdaptThenUnlearn.Torch.Labelling;

/// <summary>
/// Keeps labels as soon as they are given, chooses the images of the next page, and makes something of the labels. Several
/// threads may use it.
/// </summary>
/// <param name="pictures">The images to label as PNG files, by number.</param>
/// <param name="sheet">The labels at the beginning.</param>
/// <param name="folder">Where the labels are written.</param>
/// <param name="keepsUseless">Whether to write a result whose held-out counts are no better than chance, too.</param>
public abstract class LabellingSession(
    IReadOnlyList<byte[]> pictures, LabelSheet sheet, string folder, bool keepsUseless)
{
    private readonly Lock _labels = new();
    private readonly Lock _training = new();

    /// <summary>Name of the feature.</summary>
    public string Feature => Sheet.Feature;

    /// <summary>The images to label as PNG files, by number.</summary>
    public IReadOnlyList<byte[]> Pictures => pictures;

    /// <summary>The labels so far.</summary>
    public LabelSheet Sheet { get; private set; } = sheet;

    /// <summary>Path of the file that is made from the labels.</summary>
    public abstract string ResultPath { get; }

    /// <summary>Why nothing can be made of the labels yet, or null.</summary>
    public abstract string? WhyTooFewLabels { get; }

    /// <summary>What is done with the labels, as the stage of a progress.</summary>
    public abstract string Stage { get; }

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
            if (image < 0 || image >= pictures.Count)
                throw new ArgumentException(FormattableString.Invariant(
                    $"there is no image {image}; they are numbered 0 to {pictures.Count - 1}"));

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
                var marked = learned.Values.Count(shows => shows);
                Sheet = Sheet with
                {
                    Order = PageOrder.WithNextPage(order, pictures.Count, MostUseful(learned), marked, Sheet.Seed)
                };
            }

            return Sheet;
        }
    }

    /// <summary>Makes the file from the labels so far.</summary>
    /// <param name="progress">Receives each step.</param>
    /// <param name="cancel">Ends the work between two steps.</param>
    /// <returns>The errors on images that had no part in it.</returns>
    /// <exception cref="LabelException">
    /// There are too few labels, or nothing was learned from them. The file is not changed then.
    /// </exception>
    /// <exception cref="FileNotWrittenException">The file cannot be written.</exception>
    public HeldOutError Train(IProgress<StageProgress> progress, CancellationToken cancel)
    {
        lock (_training)
        {
            var labels = Sheet;
            return WhyTooFewLabels is { } problem ? throw new LabelException(problem) : Make(labels, progress, cancel);
        }
    }

    /// <summary>The learning images, those first whose labels help most.</summary>
    /// <param name="labels">Labels of learning images alone.</param>
    protected abstract IEnumerable<int> MostUseful(IReadOnlyDictionary<int, bool> labels);

    /// <summary>Makes the file.</summary>
    /// <param name="labels">Enough of them.</param>
    /// <param name="progress">Receives each step.</param>
    /// <param name="cancel">Ends the work between two steps.</param>
    protected abstract HeldOutError Make(LabelSheet labels, IProgress<StageProgress> progress, CancellationToken cancel);

    /// <summary>Refuses a result that is of no use, unless it is asked for.</summary>
    /// <param name="error">On images that had no part in it.</param>
    /// <param name="what">The result.</param>
    /// <param name="remedy">What could help.</param>
    protected void RequireUse(HeldOutError error, string what, string remedy)
    {
        if (!keepsUseless && error.WhyUseless is { } useless)
            throw new LabelException(
                $"no {what} was written: {useless}; label more images that show '{Feature}', or {remedy} (--keep-useless writes "
                    + "it all the same)");
    }
}
