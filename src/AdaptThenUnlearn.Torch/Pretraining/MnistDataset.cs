using System.Globalization;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Pretraining;

/// <summary>Labelled digit images from the four IDX files of MNIST, or of a data set with the same kind of files.</summary>
/// <remarks>Format: LeCun, Cortes and Burges, "The MNIST database of handwritten digits", section "File formats".</remarks>
public sealed class MnistDataset : IDisposable
{
    private const int Side = 28;

    /// <summary>The class names, in label order.</summary>
    public static IReadOnlyList<string> Classes { get; } = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

    private MnistDataset(string source, Tensor images, Tensor labels)
    {
        Source = source;
        Images = images;
        Labels = labels;
    }

    /// <summary>The file of the images, and whether they were transposed.</summary>
    public string Source { get; }

    /// <summary><c>[N, 1, 32, 32]</c>, uint8: the 28×28 images with two black pixels around them.</summary>
    public Tensor Images { get; }

    /// <summary><c>[N]</c>, int64, 0 to 9.</summary>
    public Tensor Labels { get; }

    /// <summary>Number of images of each class, in label order.</summary>
    public IReadOnlyList<long> Counts
    {
        get
        {
            using var scope = NewDisposeScope();
            return Labels.bincount(null, Classes.Count).data<long>().ToArray();
        }
    }

    /// <summary>A sentence with the number of images of each class and their file.</summary>
    public string Summary
    {
        get
        {
            var classes = Classes.Zip(Counts, (name, count) => FormattableString.Invariant($"{name} ({count})"));
            return string.Create(
                CultureInfo.InvariantCulture,
                $"{Images.shape[0]} images of {Source}, classes {string.Join(", ", classes)}");
        }
    }

    /// <summary>Whether a folder holds the files of a data set.</summary>
    /// <exception cref="InvalidDataException">The folder holds several data sets.</exception>
    public static bool ExistsIn(string folder) => MnistFiles.FindIn(folder) is not null;

    /// <summary>Reads the 60,000 training images.</summary>
    /// <inheritdoc cref="Read"/>
    public static MnistDataset Train(string folder) => Read(folder, "train");

    /// <summary>Reads the 10,000 test images.</summary>
    /// <inheritdoc cref="Read"/>
    public static MnistDataset Test(string folder) => Read(folder, "t10k");

    /// <inheritdoc/>
    public void Dispose()
    {
        Images.Dispose();
        Labels.Dispose();
    }

    /// <param name="folder">Holds the four files, under one of the names of <see cref="MnistFiles"/>.</param>
    /// <param name="part"><c>train</c> or <c>t10k</c>.</param>
    /// <exception cref="InvalidDataException">A file is missing or truncated, or its content does not fit its name.</exception>
    private static MnistDataset Read(string folder, string part)
    {
        // Read both files.
        var files = MnistFiles.FindIn(folder) ?? new MnistFiles(folder, "");
        var imageFile = files.Images(part) ?? throw Missing(files.Folder, part, "images");
        var labelFile = files.Labels(part) ?? throw Missing(files.Folder, part, "labels");
        var (pixels, shape) = IdxFile.Read(imageFile, dimensions: 3);
        var (values, count) = IdxFile.Read(labelFile, dimensions: 1);

        // Refuse images and labels that do not belong together, and other sets than digits.
        if (shape[0] != count[0])
            throw new InvalidDataException($"{folder}: {shape[0]} {part} images but {count[0]} labels");
        if (shape[1] != Side || shape[2] != Side)
            throw new InvalidDataException($"{folder}: {part} images are {shape[1]}×{shape[2]}, not {Side}×{Side}");
        if (values.Max() >= Classes.Count)
            throw new InvalidDataException(
                $"{labelFile} holds the label {values.Max()}; only sets with the labels 0 to {Classes.Count - 1} are read");

        // Transpose EMNIST's images, and add a black border.
        using var scope = NewDisposeScope();
        var images = tensor(pixels).view(shape[0], 1, Side, Side);
        if (files.AreTransposed)
            images = images.transpose(2, 3);
        return new MnistDataset(
            imageFile + (files.AreTransposed ? " (EMNIST keeps its images transposed; they were transposed back)" : ""),
            nn.functional.pad(images, (2, 2, 2, 2)).contiguous().MoveToOuterDisposeScope(),
            tensor(values).to(int64).MoveToOuterDisposeScope());
    }

    private static InvalidDataException Missing(string folder, string part, string what) =>
        new($"{folder}: the file of the {(part == "train" ? "training" : "test")} {what} is missing; the four MNIST files are "
            + $"{MnistFiles.Names}");
}
