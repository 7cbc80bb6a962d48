using System.Globalization;
using AdaptThenUnlearn.Torch.Backend;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Images;

/// <summary>
/// Checks arrays of images: bytes, or numbers in -1 to 1. The range of the numbers and the order of the axes are checked, never
/// guessed.
/// </summary>
public static class ImageArray
{
    private const double Beyond = 1.5;           // a magnitude that numbers in -1 to 1 seldom have
    // Share of the numbers that may have it, because generators overshoot in some pixels.
    private const double MostBeyond = 0.01;
    private const double Narrow = 0.5;           // largest magnitude of an array that is doubtful
    private const long NumbersAtOnce = 1L << 24;

    /// <summary>Takes an array as images, or refuses it.</summary>
    /// <param name="path">The array's file, for messages.</param>
    /// <param name="array"><c>[N, C, H, W]</c>; stays the caller's.</param>
    /// <returns>
    /// The images, uint8 or float32 nominally in [-1, 1], which belong to the caller's scope; and what is doubtful about them,
    /// null where nothing is.
    /// </returns>
    /// <exception cref="ImageFileException">
    /// The axes are in another order, or the numbers are of another type, in another range or not finite.
    /// </exception>
    public static (Tensor Images, string? Doubt) Parse(string path, Tensor array)
    {
        // Check number, axes and type.
        if (array.numel() == 0)
            throw new ImageFileException(path, $"holds no images: its shape is [{string.Join(", ", array.shape)}]");
        if (array.shape[1] is not (1 or 3))
            throw new ImageFileException(
                path, $"has the shape [{string.Join(", ", array.shape)}], and images are [N, C, H, W] with 1 or 3 channels" +
                    (array.shape[3] is 1 or 3
                        ? "; the channels come last here: save it with numpy.transpose(images, (0, 3, 1, 2))"
                        : ""));
        if (array.dtype == uint8)
            return (array.alias(), null);
        if (!array.is_floating_point())
            throw new ImageFileException(
                path, $"holds images of type {array.dtype}; save them as uint8, 0 to 255, or as float32, -1 to 1");

        // Check the range.
        using var scope = NewDisposeScope();
        var range = ValueRange.Compute(array);
        if (WhyAnother(range) is { } why)
            throw new ImageFileException(path, why);
        return (array.to(float32).MoveToOuterDisposeScope(), Doubt(range));
    }

    private static string? WhyAnother(ValueRange range)
    {
        if (!double.IsFinite(range.Least) || !double.IsFinite(range.Most))
            return "holds numbers that are not finite";

        var found = string.Create(CultureInfo.InvariantCulture, $"holds numbers from {range.Least:G4} to {range.Most:G4}");
        if (range.Least >= 0 && range.Most > Beyond)
            return $"{found}, as in 0 to 255, and images of numbers are -1 to 1; save them as uint8 (images.astype('uint8')) "
                + "or as images / 127.5 - 1";
        if (range.Least >= 0)
            return $"{found} and none below 0, as in 0 to 1, and images of numbers are -1 to 1; save them as images * 2 - 1";
        return range.ShareBeyond > MostBeyond
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"{found}, {range.ShareBeyond:P1} of them beyond ±{Beyond}, and images of numbers are -1 to 1; undo what was "
                    + $"done to them (normalised by mean and deviation?), and save them in -1 to 1 or as uint8")
            : null;
    }

    private static string? Doubt(ValueRange range) => Math.Max(-range.Least, range.Most) <= Narrow
        ? string.Create(
            CultureInfo.InvariantCulture,
            $"holds numbers from {range.Least:G4} to {range.Most:G4}, and images of numbers are -1 to 1; if these are -0.5 to "
                + $"0.5, save them as images * 2")
        : null;

    /// <param name="Least">The smallest number; NaN where any number is NaN.</param>
    /// <param name="Most">The largest number; NaN where any number is NaN.</param>
    /// <param name="ShareBeyond">Share of the numbers whose magnitude is above <see cref="Beyond"/>.</param>
    private sealed record ValueRange(double Least, double Most, double ShareBeyond)
    {
        public static ValueRange Compute(Tensor numbers)
        {
            var (least, most, beyond) = (double.PositiveInfinity, double.NegativeInfinity, 0L);
            foreach (var some in numbers.reshape(-1).split(NumbersAtOnce))
            {
                using var scope = NewDisposeScope();
                var exact = some.to(float32);
                least = Math.Min(least, exact.min().item<float>());
                most = Math.Max(most, exact.max().item<float>());
                beyond += exact.abs().gt(Scalars.Of(Beyond)).sum().item<long>();
            }

            return new ValueRange(least, most, beyond / (double)numbers.numel());
        }
    }
}
