using System.Globalization;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Pretraining;

/// <summary>Images with labels, to train a classifier on or to test it with.</summary>
/// <param name="Classes">Names of the classes.</param>
/// <param name="Outputs">Whether each image shows exactly one class (softmax) or any number of them (sigmoid).</param>
/// <param name="Images"><c>[N, C, H, H]</c>, uint8; owned by this.</param>
/// <param name="Labels">
/// With softmax <c>[N]</c>, int64: the class of each image. With sigmoid <c>[N, classes]</c>, float32, 0 or 1. Or, with either,
/// <c>[N, classes]</c>, float32: the probability of each class. Owned by this.
/// </param>
public sealed record LabelledImages(
    IReadOnlyList<string> Classes, ClassifierOutputs Outputs, Tensor Images, Tensor Labels) : IDisposable
{
    private const int HeldOut = 10;   // every tenth image is kept for the test

    /// <summary>Takes digits, each of one class.</summary>
    /// <param name="digits">Owned by the result.</param>
    public static LabelledImages From(MnistDataset digits) =>
        new(MnistDataset.Classes, ClassifierOutputs.Softmax, digits.Images, digits.Labels);

    /// <summary>Reads the images of a labelled folder, each of any number of classes. Every tenth is kept for the test.</summary>
    /// <param name="folder">The folder. Where every image is grey, they have one channel.</param>
    /// <returns>Both belong to the caller.</returns>
    /// <exception cref="ImageFileException">An image cannot be decoded, or their sizes differ.</exception>
    /// <exception cref="InvalidDataException">
    /// There are too few images, they are not square, or a label is the same for all training images.
    /// </exception>
    public static (LabelledImages Train, LabelledImages Test) From(LabelledFolder folder)
    {
        using var scope = NewDisposeScope();
        var count = folder.Files.Count;
        if (count < HeldOut)
            throw new InvalidDataException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{Path.GetFileName(folder.List)} names {count} images; every {HeldOut}th is kept for the test, "
                        + $"so at least {HeldOut} are needed"));

        var images = Square(folder.Files);
        var labels = tensor(folder.LabelFlags.SelectMany(row => row.Select(carries => carries ? 1f : 0f)).ToArray())
            .view(count, folder.Labels.Count);
        var (train, test) =
            Parted(
                folder.Labels,
                ClassifierOutputs.Sigmoid,
                images,
                labels,
                arange(Scalars.Of(count)).remainder(Scalars.Of(HeldOut)).eq(Scalars.Of(HeldOut - 1)));
        foreach (var (number, label) in folder.Labels.Index())
            if (train.Labels.select(1, number).mean().item<float>() is var share && share is 0 or 1)
                throw new InvalidDataException(
                    $"the label '{label}' is {(share == 0 ? 0 : 1)} for every training image, so it cannot be learned; give "
                        + "images with and without it");
        return (train.Detached(), test.Detached());
    }

    /// <summary>Reads the images of class folders, each of one class. Every tenth of each class is kept for the test.</summary>
    /// <param name="folders">The folders. Where every image is grey, they have one channel.</param>
    /// <returns>Both belong to the caller.</returns>
    /// <exception cref="ImageFileException">An image cannot be decoded, or their sizes differ.</exception>
    /// <exception cref="InvalidDataException">
    /// There is only one class, a class has too few images, an image has no class, or the images are not square.
    /// </exception>
    public static (LabelledImages Train, LabelledImages Test) From(ClassFolders folders)
    {
        using var scope = NewDisposeScope();
        if (folders.Problem is { } misfit)
            throw new InvalidDataException(misfit);

        var counts = folders.Counts;
        if (counts.Count < 2)
            throw new InvalidDataException(
                $"{folders.Pictures.Folder} has only one class, {folders.Classes[0]}; a classifier needs at least two");
        if (counts.ToList().FindIndex(count => count < HeldOut) is >= 0 and var few)
            throw new InvalidDataException(string.Create(
                CultureInfo.InvariantCulture,
                $"the class '{folders.Classes[few]}' has {counts[few]} images; every {HeldOut}th is kept for the test, "
                    + $"so at least {HeldOut} are needed"));

        var seen = new int[counts.Count];
        bool[] tested = [.. folders.Labels.Select(label => ++seen[label] % HeldOut == 0)];
        var labels = tensor(folders.Labels.Select(label => (long)label).ToArray());
        var (train, test) =
            Parted(folders.Classes, ClassifierOutputs.Softmax, Square(folders.Pictures.Files), labels, tensor(tested));
        return (train.Detached(), test.Detached());
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Images.Dispose();
        Labels.Dispose();
    }

    private static Tensor Square(IReadOnlyList<string> files)
    {
        var images = ImageFolder.ReadBytes(files);
        return images.shape[2] == images.shape[3]
            ? images
            : throw new InvalidDataException(FormattableString.Invariant(
                $"{files[0]} is {images.shape[3]}×{images.shape[2]} pixels; classifiers take square images"));
    }

    private static (LabelledImages Train, LabelledImages Test) Parted(
        IReadOnlyList<string> classes, ClassifierOutputs outputs, Tensor images, Tensor labels, Tensor tested)
    {
        return (Part(tested.logical_not()), Part(tested));

        LabelledImages Part(Tensor rows) => new(classes, outputs, images[rows], labels[rows]);
    }

    private LabelledImages Detached() =>
        this with { Images = Images.DetachFromDisposeScope(), Labels = Labels.DetachFromDisposeScope() };
}
