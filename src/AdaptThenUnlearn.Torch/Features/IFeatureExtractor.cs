using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>Turns images into feature vectors; quality metrics compare their distributions.</summary>
public interface IFeatureExtractor
{
    /// <summary>Length of a feature vector.</summary>
    int FeatureSize { get; }

    /// <summary>The images it takes; null where it takes any size with 1 or 3 channels.</summary>
    ImageShape? InputShape { get; }

    /// <summary>The device on which it computes.</summary>
    Device Device { get; }

    /// <summary>Why these images cannot be taken, or null when they can.</summary>
    /// <param name="images"><c>[N, C, H, W]</c>.</param>
    string? ExplainMismatch(Tensor images)
    {
        var (channels, height, width) = (images.shape[1], images.shape[2], images.shape[3]);
        var fits = InputShape is { } taken
            ? channels == taken.Channels && height == taken.Resolution && width == taken.Resolution
            : channels is 1 or 3;
        return fits
            ? null
            : $"the images are {channels}×{height}×{width}, the extractor takes {InputShape?.ToString() ?? "1 or 3 channels"}";
    }

    /// <summary>Why images of a size cannot be taken, or null when they can; asked before they are decoded.</summary>
    /// <param name="size">Pixels.</param>
    string? ExplainMismatch((int Width, int Height) size) =>
        InputShape is { } taken && (size.Width != taken.Resolution || size.Height != taken.Resolution)
            ? FormattableString.Invariant($"the images are {size.Width}×{size.Height} pixels, the extractor takes {taken}")
            : null;

    /// <summary>The features of images.</summary>
    /// <param name="images"><c>[N, 1 or 3, H, W]</c>, nominally [-1, 1]; on <see cref="Device"/>.</param>
    /// <returns><c>[N, FeatureSize]</c>; belongs to the caller's scope.</returns>
    Tensor Features(Tensor images);
}

/// <summary>An extractor from a file.</summary>
/// <param name="Extractor">In eval mode.</param>
/// <param name="Metric">Public name of the Fréchet distance of its features.</param>
/// <param name="Sha256">Digest of its file.</param>
/// <param name="Owned">Disposed with this; null where the extractor has another owner.</param>
public sealed record LoadedExtractor(IFeatureExtractor Extractor, string Metric, string Sha256, IDisposable? Owned) : IDisposable
{
    /// <summary>
    /// How its file is used; nothing is said of a classifier, nor of an extractor that is always used in one way.
    /// </summary>
    public ExtractorUse Use { get; init; } = new();

    /// <summary>Digest of the extractor as it is used: features of another one are never compared with its own.</summary>
    public string Sha256AsUsed => Use.DigestAsUsed(Sha256);

    /// <summary>Uses a classifier as extractor.</summary>
    /// <param name="classifier">Stays the caller's.</param>
    public static LoadedExtractor FromClassifier(LoadedClassifier classifier) =>
        new(classifier.Classifier, "classifier Fréchet distance", classifier.Sha256, Owned: null);

    /// <inheritdoc/>
    public void Dispose() => Owned?.Dispose();
}
