using System.Globalization;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Features;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>
/// Between which numbers the outputs of a classifier lay: tells logits from probabilities, and a classifier that looks from one
/// that does not.
/// </summary>
/// <param name="Images">That were looked at.</param>
/// <param name="Unreadable">Of those, for which an output was no finite number; they are left out of the rest.</param>
/// <param name="MinimumSum">Smallest sum of an image's outputs.</param>
/// <param name="MaximumSum">Largest.</param>
/// <param name="Minimum">Smallest output of each class.</param>
/// <param name="Maximum">Largest.</param>
public sealed record OutputRange(
    long Images,
    long Unreadable,
    double MinimumSum,
    double MaximumSum,
    IReadOnlyList<double> Minimum,
    IReadOnlyList<double> Maximum)
{
    private const double Tolerance = 1e-3;      // a softmax in half precision sums to 1 within so much
    private const double Unmoved = 1e-6;        // relative: what rounding alone does
    private const int Totals = 4;
    private const string Shift =
        " (if they are logits all the same, subtract 2 from every one in the program: it changes no softmax)";

    /// <summary>Of one batch.</summary>
    /// <param name="logits">What the classifier put out, <c>[N, K]</c>.</param>
    public static OutputRange FromLogits(Tensor logits)
    {
        using var scope = NewDisposeScope();
        var unreadable = FeatureClassifier.HasNonFinite(logits);
        var finite = logits[unreadable.logical_not()].to(float64).cpu();
        var (images, classes) = (logits.shape[0], (int)logits.shape[1]);
        if (finite.shape[0] == 0)
            return new OutputRange(
                images, images, double.PositiveInfinity, double.NegativeInfinity,
                [.. Enumerable.Repeat(double.PositiveInfinity, classes)],
                [.. Enumerable.Repeat(double.NegativeInfinity, classes)]);

        var sums = finite.sum([1]);
        return new OutputRange(
            images, images - finite.shape[0], sums.min().item<double>(), sums.max().item<double>(),
            finite.amin([0]).contiguous().data<double>().ToArray(), finite.amax([0]).contiguous().data<double>().ToArray());
    }

    /// <summary>Of both sets of images together.</summary>
    public OutputRange Merge(OutputRange other) => new(
        Images + other.Images,
        Unreadable + other.Unreadable,
        Math.Min(MinimumSum, other.MinimumSum),
        Math.Max(MaximumSum, other.MaximumSum),
        [.. Minimum.Zip(other.Minimum, Math.Min)], [.. Maximum.Zip(other.Maximum, Math.Max)]);

    /// <summary>Whether no output of any class differs from image to image.</summary>
    public bool IsConstant =>
        Minimum.Zip(Maximum).All(pair => pair.Second - pair.First <= Unmoved * Math.Max(1, Math.Abs(pair.Second)));

    /// <summary>Why these cannot be the outputs that a policy speaks of, with the mend; null where they can.</summary>
    /// <param name="outputs">What the policy, or the checkpoint, says.</param>
    /// <param name="knownToBeLogits">Whether the architecture leaves no doubt that they are logits.</param>
    public string? WhyNot(ClassifierOutputs outputs, bool knownToBeLogits)
    {
        if (Images == Unreadable)
            return null;   // counted as showing everything

        var (least, most) = (Minimum.Min(), Maximum.Max());
        var areShares = least >= -Tolerance && most <= 1 + Tolerance;
        var sumToOne = Minimum.Count > 1 && MinimumSum >= 1 - Tolerance && MaximumSum <= 1 + Tolerance;
        var range = FormattableString.Invariant($"over {Images} images its outputs lie between {least:G4} and {most:G4}");
        if (outputs is ClassifierOutputs.Probabilities or ClassifierOutputs.IndependentProbabilities)
            return !areShares ? $"{range}, so they are not probabilities: say \"{OutputKinds.Softmax}\" (one class holds) or "
                + $"\"{OutputKinds.Sigmoid}\" (several may) if they are logits"
                : outputs is ClassifierOutputs.Probabilities && !sumToOne
                    ? string.Create(
                            CultureInfo.InvariantCulture,
                            $"its outputs for an image sum to {MinimumSum:G4} up to {MaximumSum:G4}, and those of classes of "
                                + $"which one holds sum to 1: say \"{OutputKinds.IndependentProbabilities}\"")
                : null;
        if (knownToBeLogits)
            return null;
        if (areShares)
        {
            var kind = sumToOne ? OutputKinds.Probabilities : OutputKinds.IndependentProbabilities;
            return $"{range}{(sumToOne ? " and sum to 1 for each" : "")}: these are probabilities, and logits are expected; "
                + $"say \"outputs\": \"{kind}\"{(outputs is ClassifierOutputs.Softmax ? Shift : "")}";
        }
        return Minimum.Count > 1 && least >= 0 && MinimumSum > 0 && MaximumSum - MinimumSum <= Tolerance * MaximumSum
            ? string.Create(
                    CultureInfo.InvariantCulture,
                    $"{range} and sum to {MaximumSum:G4} for each: these are shares, and logits are expected; divide them by "
                        + $"{MaximumSum:G4} in the program and say \"outputs\": \"{OutputKinds.Probabilities}\"")
            : null;
    }

    /// <summary>As numbers, to be kept in a table.</summary>
    internal IEnumerable<double> ToRow() => [Images, Unreadable, MinimumSum, MaximumSum, .. Minimum, .. Maximum];

    /// <summary>Reads what <see cref="ToRow"/> gave.</summary>
    /// <param name="row">Numbers.</param>
    /// <param name="classes">K.</param>
    internal static OutputRange FromRow(ReadOnlySpan<double> row, int classes) => new(
        (long)row[0],
        (long)row[1],
        row[2],
        row[3],
        row.Slice(Totals, classes).ToArray(),
        row.Slice(Totals + classes, classes).ToArray());

    /// <summary>How many numbers a row has.</summary>
    /// <param name="classes">K.</param>
    internal static int RowLength(int classes) => Totals + 2 * classes;
}
