using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>Why the metrics that compare single features, and not their statistics, cannot be measured.</summary>
internal static class FeatureSetCheck
{
    /// <summary>That there are too few.</summary>
    /// <param name="reference"><c>[M, d]</c>.</param>
    /// <param name="generated"><c>[N, d]</c>.</param>
    /// <param name="fewest">How many each set must have.</param>
    public static string TooFew(Tensor reference, Tensor generated, int fewest) =>
        reference.shape[0] == 0 || generated.shape[0] == 0
            ? "a set of mean and covariance alone has no single features to compare"
            : FormattableString.Invariant(
                $"{generated.shape[0]} and {reference.shape[0]} vectors were compared, and at least {fewest} of each are needed");

    /// <summary>What is wrong with the numbers; null where nothing is.</summary>
    /// <inheritdoc cref="TooFew"/>
    public static string? WhyUnusable(Tensor reference, Tensor generated)
    {
        using var scope = NewDisposeScope();
        if (!isfinite(reference).all().item<bool>() || !isfinite(generated).all().item<bool>())
            return "the features hold numbers that are not finite";
        return IsConstant(reference) && IsConstant(generated)
            ? "no feature varies in either set, as of an extractor that sees the same in every image"
            : null;
    }

    private static bool IsConstant(Tensor features) => features.eq(features.narrow(0, 0, 1)).all().item<bool>();
}
