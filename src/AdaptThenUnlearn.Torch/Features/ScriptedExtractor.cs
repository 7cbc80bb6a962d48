using System.Runtime.InteropServices;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>A TorchScript program as extractor: libtorch's interpreter runs what the file says, so it is only loaded where it was asked for by name.</summary>
/// <remarks>Source that libtorch cannot compile ends the process, with libtorch's own message: TorchSharp does not catch that exception.</remarks>
internal sealed class ScriptedExtractor : IFeatureExtractor, IDisposable
{
    private const int ProbeResolution = 64;

    private readonly string _path;
    private readonly jit.ScriptModule _program;
    private readonly bool _asksForFeatures;

    private ScriptedExtractor(string path, jit.ScriptModule program, bool asksForFeatures, Device device)
    {
        (_path, _program, _asksForFeatures, Device) = (path, program, asksForFeatures, device);
        using var scope = NewDisposeScope();
        FeatureSize = (int)Run(zeros([1, 3, ProbeResolution, ProbeResolution], uint8, device)).shape[1];
    }

    /// <inheritdoc/>
    public int FeatureSize { get; }

    /// <inheritdoc/>
    public ImageShape? Takes => null;

    /// <inheritdoc/>
    public Device Device { get; }

    /// <summary>Loads a program and tries it on a black image.</summary>
    /// <param name="path">A file of <c>torch.jit.save</c>.</param>
    /// <param name="inception">Whether it is NVIDIA's Inception-v3, which returns class scores unless its second argument, <c>return_features</c>, is true.</param>
    /// <param name="device">Where it goes.</param>
    /// <exception cref="CheckpointException">The file is missing, no TorchScript program, or makes no features of images.</exception>
    public static ScriptedExtractor Load(string path, bool inception, Device device)
    {
        if (!ScriptArchive.IsAt(path))
            throw new CheckpointException(
                path, "is no TorchScript program",
                $"'{(inception ? WeightsExtractor.InceptionV3TorchScript : WeightsExtractor.TorchScript).Name}' wants {(inception ? WeightsExtractor.InceptionV3TorchScript : WeightsExtractor.TorchScript).Wanted}");

        var program = Explained(path, "cannot be loaded", () => jit.load<Tensor>(path, device));
        try
        {
            program.eval();
            var extractor = new ScriptedExtractor(path, program, inception, device);
            return !inception || extractor.FeatureSize == InceptionV3.FeatureSize
                ? extractor
                : throw new CheckpointException(path, $"makes {extractor.FeatureSize} features of an image, Inception-v3 makes {InceptionV3.FeatureSize}", $"fetch {WeightsExtractor.InceptionV3TorchScript.Wanted}");
        }
        catch
        {
            program.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public Tensor Features(Tensor images) => EightBitChunks.Features(images, FeatureSize, levels => Run(levels.to(uint8)).to(float32));

    /// <inheritdoc/>
    public void Dispose() => _program.Dispose();

    // images: [N, 3, H, W], uint8
    private Tensor Run(Tensor images) => Explained(_path, "cannot be run on images", () =>
    {
        using var _ = no_grad();
        var made = _asksForFeatures ? _program.invoke("forward", images, true) : _program.invoke("forward", images);
        return made is Tensor features && features.dim() == 2 && features.shape[0] == images.shape[0]
            ? features
            : throw new CheckpointException(
                _path, $"does not make one row of features for each image: it returned {(made is Tensor other ? $"a tensor [{string.Join(", ", other.shape)}]" : "no tensor")}",
                "its forward must turn [N, 3, H, W] into [N, D]");
    });

    private static T Explained<T>(string path, string problem, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception failed) when (failed is ExternalException or NotSupportedException or InvalidOperationException)
        {
            throw new CheckpointException(path, $"{problem}: {FirstLine(failed.Message)}", $"it must turn uint8 images [N, 3, H, W] into features [N, D], and be of a libtorch version not newer than {TorchVersion}", cause: failed);
        }
    }

    private static string TorchVersion => torch.__version__;

    private static string FirstLine(string text) => CheckpointException.Shown(text.Split('\n').Select(line => line.Trim()).FirstOrDefault(line => line.Length > 0) ?? "", 300);
}
