using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Features;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Features;

/// <summary>The Inception network against what pytorch-fid's gave with the same weights on the same images.</summary>
public sealed class InceptionTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-inception-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("inception_hash")]
    [InlineData("inception_sin")]
    public void InceptionV3_FormulaWeights_MakesTheReferenceFeatures(string name)
    {
        var reference = Interop.Case(name);
        using var scope = NewDisposeScope();
        using var network = GeneratorCheckpoint.Filled(new InceptionV3(), CheckpointFormats.Read(InceptionFormula.Weights(reference, At("weights.safetensors"))), CPU);
        foreach (var (size, images) in new[] { ("s64", reference.Array("images_s64")), ("s299", InceptionFormula.Images(4, 299)) })
        {
            reference.Agrees($"network_input_rows_{size}", InceptionV3.Prepared(images)[0].narrow(1, 0, 3));
            reference.Agrees($"pool3_{size}", network.call(images));
        }

        // Maps between, of the strong case alone: each costs most of a whole pass.
        if (name == "inception_hash")
            foreach (var (number, layer) in new[] { InceptionV3.FirstPool, InceptionV3.SecondPool, InceptionV3.LastLarge }.Index())
                reference.Agrees($"block{number}_mean_s64", network.MapsAfter(layer, reference.Array("images_s64")).mean([2, 3]));
    }

    private string At(string name) => Path.Combine(_folder, name);
}
