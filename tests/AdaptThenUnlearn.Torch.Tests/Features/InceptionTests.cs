using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Features;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Features;

/// <summary>The Inception network against what pytorch-fid's gave with the same weights on the same images.</summary>
public sealed class InceptionTests : IDisposable
{
    private const string StrongCase = "inception_hash";   // the other's features hardly differ from image to image

    private readonly string _folder = Directory.CreateTempSubdirectory("atu-inception-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(StrongCase)]
    [InlineData("inception_sin")]
    public void InceptionV3_FormulaWeights_MakesTheReferenceFeatures(string name)
    {
        var reference = Interop.Case(name);
        using var scope = NewDisposeScope();
        using var network = GeneratorCheckpoint.LoadStateDict(
            new InceptionV3(),
            CheckpointFormats.Read(InceptionFormula.Weights(reference, At("weights.safetensors"))),
            CPU,
            InceptionExtractor.Harmless);
        Agrees("s64", reference.Array("images_s64").narrow(0, 0, name == StrongCase ? 4 : 1));
        if (name == StrongCase)
            Agrees("s299", InceptionFormula.Images(1, 299));

        void Agrees(string size, Tensor images)
        {
            reference.Agrees($"network_input_rows_{size}", InceptionV3.Prepared(images)[0].narrow(1, 0, 3));
            var last = network.LastMaps(images, (layer, maps) =>
            {
                var block = Array.IndexOf([InceptionV3.FirstPool, InceptionV3.SecondPool, InceptionV3.LastLarge], layer);
                if (block >= 0)
                    reference.Agrees($"block{block}_mean_{size}", maps.mean([2, 3]), rows: images.shape[0]);
            });
            reference.Agrees($"pool3_{size}", last.mean([2, 3]), rows: images.shape[0]);
        }
    }

    [Fact]
    public void InceptionV3_NamesOfTensors_AreThoseOfThePublishedWeights()
    {
        var reference = Interop.Case(StrongCase);
        using var parameters = System.Text.Json.JsonDocument.Parse(File.ReadAllText(reference.PathOf("params.json")));
        using var network = new InceptionV3();

        var published = parameters.RootElement.EnumerateArray()
            .Select(entry => (
                Name: entry.GetProperty("name").GetString()!,
                Shape: string.Join(',', entry.GetProperty("shape").EnumerateArray())))
            .Where(entry => !entry.Name.StartsWith("fc.", StringComparison.Ordinal));
        Assert.Equal(
            published.Order(),
            network.state_dict().Select(pair => (Name: pair.Key, Shape: string.Join(',', pair.Value.shape))).Order());
    }

    private string At(string name) => Path.Combine(_folder, name);
}
