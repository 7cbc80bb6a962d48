using AdaptThenUnlearn.Torch.Images;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>A set of images or features to compare with another set.</summary>
/// <param name="Path">The folder or file it comes from.</param>
/// <param name="Kind">What it counts, as a plural: images, feature vectors.</param>
/// <param name="Moments">Mean and covariance of the features; owned by this.</param>
/// <param name="Features"><c>[N, d]</c>; no rows where a statistics file holds no single features. Belongs to the caller's
/// dispose scope.</param>
public sealed record SampleSet(string Path, string Kind, FeatureMoments Moments, Tensor Features) : IDisposable
{
    /// <summary>
    /// Digest of the extractor that made the features, as it was used; null where they are from elsewhere and nothing says it.
    /// </summary>
    public string? ExtractorSha256 { get; init; }

    /// <summary>Files that were not read, and why.</summary>
    public IReadOnlyList<SkippedFiles> SkippedFiles { get; init; } = [];

    /// <summary>A warning about the images, in one sentence; null where there is none.</summary>
    public string? Doubt { get; init; }

    /// <inheritdoc/>
    public void Dispose() => Moments.Dispose();
}
