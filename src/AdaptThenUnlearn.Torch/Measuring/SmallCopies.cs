using System.Numerics;
using AdaptThenUnlearn.Torch.Images;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>
/// Small grey copies of images, by which images that repeat others are found although they were saved again, or slightly changed.
/// </summary>
/// <remarks>
/// A copy is the mean of each of 16×16 cells, in whole levels of 255; of colours, their luma (ITU-R BT.601). Two images are
/// nearly the same where the root mean square of the differences of their copies is at most 2 levels. What it finds, and what
/// not, is in docs/measurement.md.
/// </remarks>
public static class SmallCopies
{
    /// <summary>Bytes of one image's copy.</summary>
    public const int Bytes = Side * Side;

    private const int Side = 16;
    private const int Nearest = 2;   // levels of 255, root mean square

    private static readonly float[] _luma = [0.299f, 0.587f, 0.114f];

    /// <summary>Makes the copies of a batch.</summary>
    /// <param name="images"><c>[N, 1 or 3, H, W]</c>, nominally [-1, 1].</param>
    /// <returns><see cref="Bytes"/> bytes for each image, in order.</returns>
    public static ReadOnlyMemory<byte> Make(Tensor images)
    {
        using var scope = NewDisposeScope();
        // The mean of a cell and the luma of colours may be taken in any order; the cells are fewer.
        var cells = nn.functional.adaptive_avg_pool2d(images.detach().to(float32), [Side, Side]);
        var grey = cells.shape[1] == 3
            ? (cells * tensor(_luma, device: cells.device).view(1, 3, 1, 1)).sum(1, keepdim: true)
            : cells;
        var copies = ImageQuantizer.ToLevels(grey);
        return copies.to(uint8).cpu().contiguous().bytes.ToArray();
    }

    /// <summary>Counts the images that are the same as one counted before, or nearly so.</summary>
    /// <remarks>
    /// The images are taken from dark to bright. Copies whose means differ by more than 2 levels cannot be near, so each image is
    /// compared with those of its own brightness alone.
    /// </remarks>
    /// <param name="copies"><see cref="Bytes"/> bytes for each image.</param>
    public static long CountRepeats(ReadOnlySpan<byte> copies)
    {
        // Order the images by brightness.
        var images = copies.Length / Bytes;
        var sums = new int[images];
        var order = new int[images];
        for (var image = 0; image < images; image++)
        {
            foreach (var level in copies.Slice(image * Bytes, Bytes))
                sums[image] += level;
            order[image] = image;
        }

        Array.Sort((int[])sums.Clone(), order);

        // Compare each image with the different ones before it, the nearest in brightness first.
        List<int> different = [];
        var repeats = 0L;
        foreach (var image in order)
        {
            var own = copies.Slice(image * Bytes, Bytes);
            var isRepeat = false;
            for (var at = different.Count - 1; at >= 0 && sums[image] - sums[different[at]] <= Nearest * Bytes && !isRepeat; at--)
                isRepeat = AreNear(own, copies.Slice(different[at] * Bytes, Bytes));
            if (isRepeat)
                repeats++;
            else
                different.Add(image);
        }

        return repeats;
    }

    // Root mean square at most 2 levels: the sum of squares at most 4 a cell.
    private static bool AreNear(ReadOnlySpan<byte> one, ReadOnlySpan<byte> other)
    {
        var sum = 0u;
        for (var at = 0; at < Bytes; at += Vector<byte>.Count)
        {
            // The difference of two bytes has no sign, and its square fits into 16 bits.
            var (left, right) = (new Vector<byte>(one[at..]), new Vector<byte>(other[at..]));
            Vector.Widen(Vector.Max(left, right) - Vector.Min(left, right), out var low, out var high);
            Vector.Widen(low * low, out var first, out var second);
            Vector.Widen(high * high, out var third, out var fourth);
            sum += Vector.Sum(first + second + third + fourth);
            if (sum > Nearest * Nearest * Bytes)
                return false;
        }

        return true;
    }
}
