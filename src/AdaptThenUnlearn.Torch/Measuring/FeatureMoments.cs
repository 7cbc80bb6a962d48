using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>
/// Mean and covariance of features, which is all that the Fréchet distance needs; on disk, pytorch-fid's <c>.npz</c> form.
/// </summary>
/// <remarks>
/// The archive holds <c>mu</c> [d] and <c>sigma</c> [d, d] (divided by N − 1, as <c>numpy.cov</c> does), both float64. What is
/// written here also holds <c>n</c>, the number of images, and <c>extractor</c>, the 32 bytes of <see cref="ExtractorSha256"/>,
/// which pytorch-fid ignores and its own files do not have.
/// </remarks>
/// <param name="Mean"><c>[d]</c>, float64, on the CPU; owned by this.</param>
/// <param name="Covariance"><c>[d, d]</c>, float64, on the CPU; owned by this.</param>
/// <param name="Count">Vectors behind them; null where a file does not say.</param>
public sealed record FeatureMoments(Tensor Mean, Tensor Covariance, long? Count) : IDisposable
{
    /// <summary>How such a file's name ends.</summary>
    public const string FileEnding = ".npz";

    private const int DigestBytes = 32;
    private const double MostImages = 1L << 53;   // that a double counts exactly

    /// <summary>
    /// Digest of the extractor that made the features, as it was used: <see cref="LoadedExtractor.Sha256AsUsed"/>; null where a
    /// file does not say.
    /// </summary>
    public string? ExtractorSha256 { get; init; }

    /// <summary>Length of a vector, d.</summary>
    public long FeatureSize => Mean.shape[0];

    /// <summary>Whether a file's name says that it is one.</summary>
    public static bool IsFile(string path) => Path.GetExtension(path).Equals(FileEnding, StringComparison.OrdinalIgnoreCase);

    /// <summary>Of sums.</summary>
    /// <param name="statistics">Stay the caller's.</param>
    public static FeatureMoments FromStatistics(FeatureStatistics statistics)
    {
        using var scope = NewDisposeScope();
        var size = statistics.FeatureSize;
        var mean = statistics.Count > 0 ? statistics.Mean() : full(size, Scalars.Of(double.NaN), float64);
        var covariance = statistics.Count > 1 ? statistics.Covariance() : full([size, size], Scalars.Of(double.NaN), float64);
        return new FeatureMoments(mean.DetachFromDisposeScope(), covariance.DetachFromDisposeScope(), statistics.Count);
    }

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="hashed">As it was hashed before, so that no other bytes are read; or null.</param>
    /// <exception cref="ImageFileException">The file is missing, damaged, or holds no mean with its covariance.</exception>
    public static FeatureMoments Read(string path, HashedFile? hashed = null)
    {
        using var scope = NewDisposeScope();
        var arrays = NpzFile.Read(path, hashed, "mu", "sigma", "n", "extractor");
        if (!arrays.TryGetValue("mu", out var mean) || !arrays.TryGetValue("sigma", out var covariance))
            throw new ImageFileException(
                path, "holds no statistics: arrays 'mu' and 'sigma' are needed, as pytorch-fid and `atu reference` write them");
        if (mean.dim() != 1
            || mean.shape[0] < 1
            || !covariance.shape.SequenceEqual([mean.shape[0], mean.shape[0]])
            || !mean.is_floating_point()
            || !covariance.is_floating_point())
            throw new ImageFileException(
                path,
                $"holds no statistics: 'mu' [{string.Join(", ", mean.shape)}] and 'sigma' "
                    + $"[{string.Join(", ", covariance.shape)}] are not a mean [d] and a covariance [d, d] of "
                    + "floating-point numbers");

        (mean, covariance) = (mean.to(float64), covariance.to(float64));
        if (!allclose(covariance, covariance.t(), rtol: 1e-5, atol: 1e-8, equal_nan: true))
            throw new ImageFileException(path, "holds no statistics: 'sigma' is not symmetric, so it is not a covariance");

        if (covariance.diagonal().lt(Scalars.Of(0)).any().item<bool>())
            throw new ImageFileException(
                path, "holds no statistics: 'sigma' has variances below 0 on its diagonal, so it is not a covariance");

        return new FeatureMoments(
            mean.DetachFromDisposeScope(), covariance.DetachFromDisposeScope(), Counted(path, arrays.GetValueOrDefault("n")))
        { ExtractorSha256 = Maker(path, arrays.GetValueOrDefault("extractor")) };
    }

    /// <summary>Writes a file; the same statistics give the same bytes.</summary>
    /// <exception cref="FileNotWrittenException">The file cannot be written.</exception>
    public void Write(string path)
    {
        using var scope = NewDisposeScope();
        List<(string, Tensor)> arrays = [("mu", Mean), ("sigma", Covariance)];
        if (Count is { } count)
            arrays.Add(("n", tensor(count)));
        if (ExtractorSha256 is { } maker)
            arrays.Add(("extractor", tensor(Convert.FromHexString(maker))));
        NpzFile.Write(path, arrays);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Mean.Dispose();
        Covariance.Dispose();
    }

    private static long? Counted(string path, Tensor? stored)
    {
        if (stored is null)
            return null;

        return stored.numel() == 1
            && stored.dtype != ScalarType.Bool
            && stored.to(float64).item<double>() is >= 1 and <= MostImages and var count
            && count == Math.Floor(count)
            ? (long)count
            : throw new ImageFileException(path, FormattableString.Invariant(
                $"holds no statistics: 'n' must be one whole number of images, of 1 or more, but is {Describe(stored)}"));
    }

    private static string? Maker(string path, Tensor? stored) =>
        stored is null ? null
        : stored.dtype == ScalarType.Byte && stored.shape.SequenceEqual([DigestBytes])
            ? Convert.ToHexStringLower(stored.data<byte>().ToArray())
        : throw new ImageFileException(
            path, "holds no statistics: 'extractor' must be the 32 bytes of a SHA-256 digest, as `atu reference` writes it");

    private static string Describe(Tensor stored)
    {
        using var scope = NewDisposeScope();
        return stored.numel() == 1
            ? FormattableString.Invariant($"{stored.to(float64).item<double>()}")
            : $"an array of shape [{string.Join(", ", stored.shape)}]";
    }
}
