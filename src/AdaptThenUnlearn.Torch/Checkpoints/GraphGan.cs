using System.Globalization;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>What a policy says of a generator's graph.</summary>
/// <param name="Inputs">What each input gets, by name; null where the only input is the latent.</param>
/// <param name="Output">Where the images are, and how; null where the graph leaves no doubt.</param>
public sealed record GraphUse(IReadOnlyDictionary<string, GraphInput>? Inputs = null, GraphOutput? Output = null)
{
    /// <summary>What a policy says.</summary>
    public static GraphUse From(GeneratorChoice choice) => new(choice.Inputs, choice.Output);
}

/// <summary>Makes generators from ONNX graphs.</summary>
internal static class GraphGan
{
    private const string NoWeights =
        "has no weights that can be trained: it is an ONNX graph, and an exported graph has no gradients";

    /// <summary>Loads a generator.</summary>
    /// <param name="file">The graph's file.</param>
    /// <param name="latentSize">The latent size where the policy says it; otherwise null.</param>
    /// <param name="use">What the policy says of the graph.</param>
    /// <param name="device">Where its images go.</param>
    /// <returns>Belongs to the caller.</returns>
    /// <exception cref="CheckpointException">The file is not a graph that makes images.</exception>
    public static LoadedGenerator Load(CheckpointFile file, int? latentSize, GraphUse use, Device device)
    {
        var generator = Weights.Detach(GraphGenerator.Load(file, latentSize, use, device));
        return new LoadedGenerator(
            generator, Discriminator: null, OnnxFormat.FormatName,
            string.Create(
                CultureInfo.InvariantCulture, $"ONNX graph, {generator.Shape}, latent {generator.LatentSize}"),
            file.Sha256, OnnxFormat.FormatName, Section: null)
        {
            WhyNotTrainable = NoWeights,
            Notes = generator.RunsOn.type == device.type
                ? generator.Notes
                : [.. generator.Notes, "it runs on the CPU, although the run's device is another"],
        };
    }
}
