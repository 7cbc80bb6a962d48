using System.Globalization;
using AdaptThenUnlearn.Labelling;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>
/// Keeps the scores of labelled images in a file, as <c>[K, M]</c>, float32: a row for each of K classes, with a score for each
/// of M images. A row has first the scores of the images that show the class, ascending, then those of the others, ascending.
/// </summary>
internal static class ScoreRows
{
    /// <summary>Makes the rows.</summary>
    /// <param name="scores">Of each class; all have the same number of images.</param>
    /// <returns>Belongs to the caller's scope.</returns>
    public static Tensor Write(IReadOnlyList<DetectionScores> scores) => tensor(
        scores.SelectMany(some => some.With.Concat(some.Without)).ToArray(),
        [scores.Count, scores.Count == 0 ? 0 : scores[0].With.Count + scores[0].Without.Count]);

    /// <summary>Reads the rows.</summary>
    /// <param name="rows">As <see cref="Write"/> made them; stays the caller's.</param>
    /// <param name="classes">For each row the name of the class, and its number of images with and without the class.</param>
    /// <exception cref="FormatException">The rows do not fit the classes, or are not as they are written.</exception>
    public static IReadOnlyList<DetectionScores> Read(
        Tensor rows, IReadOnlyList<(string Class, int With, int Without)> classes)
    {
        if (rows.dtype != float32 || rows.dim() != 2 || rows.shape[0] != classes.Count)
            throw new FormatException(FormattableString.Invariant(
                $"its scores are {rows.dtype} [{string.Join(", ", rows.shape)}], and must be Float32 [{classes.Count}, images]"));

        var images = (int)rows.shape[1];
        var values = rows.contiguous().data<float>().ToArray();
        return [.. classes.Select((counted, number) => Row(counted, values.AsSpan(number * images, images)))];
    }

    private static DetectionScores Row((string Class, int With, int Without) counted, ReadOnlySpan<float> row)
    {
        var (name, with, without) = counted;
        if (with < 0 || without < 0 || (long)with + without != row.Length)
            throw new FormatException(string.Create(
                CultureInfo.InvariantCulture,
                $"it has the scores of {row.Length} images, and its counts of the class '{name}' are of {with} with it and "
                    + $"{without} without"));
        if (!IsAscending(row[..with]) || !IsAscending(row[with..]))
            throw new FormatException($"its scores of the class '{name}' are not numbers from 0 to 1 in ascending order");

        return new DetectionScores(row[..with].ToArray(), row[with..].ToArray());
    }

    private static bool IsAscending(ReadOnlySpan<float> scores)
    {
        var last = 0f;
        foreach (var score in scores)
        {
            // Written so that NaN is refused too.
            if (!(score >= last && score <= 1))
                return false;
            last = score;
        }

        return true;
    }
}
