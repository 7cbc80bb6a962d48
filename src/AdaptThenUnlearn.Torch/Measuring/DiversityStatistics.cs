using System.Buffers.Binary;
using System.Security.Cryptography;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Torch.Images;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>
/// How much the images of a batch differ, as 8-bit pictures; what parts of a sample say adds up to what the whole says.
/// </summary>
/// <param name="ImageHashes">
/// One for each image, the same for the same picture; none beyond the first <see cref="MostHashed"/> of a sample.
/// </param>
/// <param name="Scatter">
/// Squared deviations from the batch's mean image, summed over images, mean over pixels; in levels of 255.
/// </param>
/// <param name="DegreesOfFreedom">Degrees of freedom behind them: images without one for each batch.</param>
public sealed record DiversityStatistics(IReadOnlyList<long> ImageHashes, double Scatter, long DegreesOfFreedom)
{
    /// <summary>
    /// Images of a sample that are compared with each other: enough to see that many are the same, and no memory for more.
    /// </summary>
    public const int MostHashed = 100_000;

    /// <summary>Whether the images of a batch are compared with each other.</summary>
    internal static bool IsHashed(EvaluationBatch batch) => batch.First < MostHashed;

    /// <summary>Of one batch.</summary>
    /// <param name="images"><c>[N, C, H, W]</c>, nominally [-1, 1]; N ≥ 1.</param>
    /// <param name="hashes">Whether each image gets its hash.</param>
    public static DiversityStatistics FromImages(Tensor images, bool hashes = true)
    {
        using var scope = NewDisposeScope();
        var levels = ImageQuantizer.ToLevels(images).flatten(1);   // [N, pixels]
        var count = (int)levels.shape[0];
        var scatter = count == 1 ? 0 : levels.@var(0, unbiased: true).mean().item<float>() * (count - 1.0);
        if (!hashes)
            return new DiversityStatistics([], scatter, count - 1);

        var pictures = levels.to(uint8).cpu().contiguous().bytes.ToArray();
        var size = pictures.Length / count;
        return new DiversityStatistics(
            [.. Enumerable.Range(0, count).Select(number => Key(pictures.AsSpan(number * size, size)))], scatter, count - 1);
    }

    /// <summary>Of both sets of images together.</summary>
    public DiversityStatistics Merge(DiversityStatistics other) =>
        new(
            other.ImageHashes.Count == 0 ? ImageHashes : [.. ImageHashes, .. other.ImageHashes],
            Scatter + other.Scatter,
            DegreesOfFreedom + other.DegreesOfFreedom);

    /// <summary>For a record.</summary>
    public ImageDiversity ToReading() => new(
        ImageHashes.Count,
        ImageHashes.Distinct().Count(),
        DegreesOfFreedom == 0
            ? 0
            : Math.Round(Math.Sqrt(Scatter / DegreesOfFreedom), 3));

    private static long Key(ReadOnlySpan<byte> picture) => BinaryPrimitives.ReadInt64LittleEndian(SHA256.HashData(picture));
}
