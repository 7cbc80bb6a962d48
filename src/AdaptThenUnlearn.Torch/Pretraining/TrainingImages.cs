using AdaptThenUnlearn.Torch.Images;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Pretraining;

/// <summary>The real images that a generator is trained on: digits in their IDX files, or any folder of PNG and JPEG files.</summary>
public static class TrainingImages
{
    private const int BatchSize = 500;

    /// <summary>Reads all of them.</summary>
    /// <param name="folder">Holds the four MNIST files, of which the training images are taken, or images, in sub-folders too.</param>
    /// <returns><c>[N, 1 or 3, H, H]</c>, uint8; grey where every image is grey. Belongs to the caller.</returns>
    /// <exception cref="InvalidDataException">A digit file is missing or damaged, or the images are not square.</exception>
    /// <exception cref="ImageFileException">There are no images, one cannot be decoded, or their sizes differ.</exception>
    public static Tensor Read(string folder)
    {
        using var scope = NewDisposeScope();
        if (DigitImages.AreIn(folder))
        {
            using var digits = DigitImages.Train(folder);
            return digits.Images.clone().MoveToOuterDisposeScope();
        }

        List<Tensor> batches = [];
        foreach (var batch in ImageFolder.Batches(folder, channels: 3, BatchSize))
        {
            batches.Add(EightBit.Bytes(batch));
            batch.Dispose();
        }

        var images = cat(batches);
        if (images.shape[2] != images.shape[3])
            throw new InvalidDataException(FormattableString.Invariant($"the images of {folder} are {images.shape[3]}×{images.shape[2]} pixels; generators are trained on square ones"));

        var grey = images.eq(images.narrow(1, 0, 1)).all().item<bool>();
        return (grey ? images.narrow(1, 0, 1).clone() : images).MoveToOuterDisposeScope();
    }
}
