using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>
/// What a batch tells of the instruments themselves: what the classifiers put out, whether auditors are copies of annotators, and
/// how much the images differ.
/// </summary>
/// <param name="Outputs">For each classifier that looked, in <see cref="GeneratorEvaluator"/>'s order.</param>
/// <param name="AnnotatorDifferences">
/// For each undesired feature: images of which auditor and annotator put out different numbers for its class.
/// </param>
/// <param name="Images">How much they differ.</param>
public sealed record ReadingEvidence(
    IReadOnlyList<OutputRange> Outputs, IReadOnlyList<long> AnnotatorDifferences, DiversityStatistics Images)
{
    /// <summary>Of both sets of images together.</summary>
    public ReadingEvidence Merge(ReadingEvidence other) => new(
        [.. Outputs.Zip(other.Outputs, (one, another) => one.Merge(another))],
        [.. AnnotatorDifferences.Zip(other.AnnotatorDifferences, (one, another) => one + another)],
        Images.Merge(other.Images));

    /// <summary>For how many images two classifiers put out different numbers.</summary>
    /// <param name="one"><c>[N]</c>.</param>
    /// <param name="other"><c>[N]</c>.</param>
    internal static long CountDifferences(Tensor one, Tensor other)
    {
        using var scope = NewDisposeScope();
        return one.ne(other).sum().item<long>();
    }

    /// <summary>As numbers, to be kept in a table; the images' keys apart.</summary>
    internal IEnumerable<double> ToRow() =>
        [Images.Scatter, Images.DegreesOfFreedom, .. AnnotatorDifferences, .. Outputs.SelectMany(tally => tally.ToRow())];

    /// <summary>Reads what <see cref="ToRow"/> gave.</summary>
    /// <param name="row">Numbers.</param>
    /// <param name="keys">Of the images.</param>
    /// <param name="features">How many undesired features there are.</param>
    /// <param name="classes">How many classes each classifier has that looked.</param>
    internal static ReadingEvidence FromRow(
        ReadOnlySpan<double> row, IReadOnlyList<long> keys, int features, IReadOnlyList<int> classes)
    {
        var differing = new long[features];
        for (var number = 0; number < features; number++)
            differing[number] = (long)row[2 + number];
        List<OutputRange> outputs = [];
        var at = 2 + features;
        foreach (var count in classes)
        {
            outputs.Add(OutputRange.FromRow(row[at..], count));
            at += OutputRange.RowLength(count);
        }

        return new ReadingEvidence(outputs, differing, new DiversityStatistics(keys, row[0], (long)row[1]));
    }
}
