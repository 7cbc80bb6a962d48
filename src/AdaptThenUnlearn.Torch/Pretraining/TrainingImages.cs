using AdaptThenUnlearn.Torch.Images;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Pretraining;

/// <summary>Reads the real images that a generator is trained on: digits in IDX files, or a folder of pictures.</summary>
public static class TrainingImages
{
    /// <summary>Reads all images.</summary>
    /// <param name="folder">Holds the four MNIST files, whose training images are read, or pictures, also in sub-folders.</param>
    /// <returns><c>[N, 1 or 3, H, H]</c>, uint8; one channel where every image is grey. Belongs to the caller.</returns>
    /// <exception cref="InvalidDataException">A digit file is missing or damaged, or the images are not square.</exception>
    /// <exception cref="ImageFileException">There are no images, an image cannot be decoded, or their sizes differ.</exception>
    public static Tensor Read(string folder)
    {
        using var scope = NewDisposeScope();
        if (MnistDataset.ExistsIn(folder))
        {
            using var digits = MnistDataset.Train(folder);
            return digits.Images.clone().MoveToOuterDisposeScope();
        }

        return ReadSquare(folder, PictureFolder.List(folder).Files).MoveToOuterDisposeScope();
    }

    /// <summary>Reads the images that true labels say are of none of some classes.</summary>
    /// <param name="folder">As for <see cref="Read"/>, with labels.</param>
    /// <param name="classes">The classes.</param>
    /// <returns>
    /// As <see cref="Read"/> gives them, in the same order, at least one; images without a label are left out. Belongs to the
    /// caller.
    /// </returns>
    /// <exception cref="InvalidDataException">As for <see cref="Read"/> and <see cref="TrueLabels.Find"/>.</exception>
    /// <exception cref="ImageFileException">An image cannot be decoded, or their sizes differ.</exception>
    internal static Tensor ReadWithout(string folder, IReadOnlyList<string> classes)
    {
        using var scope = NewDisposeScope();
        var labels = TrueLabels.Find(folder, classes);
        var images = labels.Files is { } files ? ReadSquare(folder, files) : Read(folder);
        return images[labels.FindOthers(classes)].MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Describes the images of a folder: where they lie, their number, and the files that are passed over. No image is decoded.
    /// </summary>
    /// <param name="folder">As for <see cref="Read"/>.</param>
    /// <exception cref="InvalidDataException">The folder holds several sets of digits.</exception>
    /// <exception cref="ImageFileException">There are no images, or some are of a kind that is not read.</exception>
    public static string Summary(string folder) =>
        MnistFiles.FindIn(folder) is { } digits ? $"the digits of {digits.Images("train")}" : PictureFolder.List(folder).Summary;

    private static Tensor ReadSquare(string folder, IReadOnlyList<string> files)
    {
        var images = ImageFolder.ReadBytes(files);
        return images.shape[2] == images.shape[3]
            ? images
            : throw new InvalidDataException(FormattableString.Invariant(
                $"the images of {folder} are {images.shape[3]}×{images.shape[2]} pixels; generators are trained on square ones"));
    }
}
