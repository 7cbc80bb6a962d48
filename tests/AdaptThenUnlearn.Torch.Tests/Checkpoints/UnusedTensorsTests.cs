using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Checkpoints;

/// <summary>
/// Checks that a file with an unused tensor is refused by the tensor's name, because another network would be measured.
/// </summary>
public sealed class UnusedTensorsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-unused-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("g_ema/attn8.query.weight")]
    [InlineData("g_ema/label_embed.weight")]
    [InlineData("d/convs.1.norm.weight")]
    [InlineData("g_ema/convs.0.running_mean")]
    public void Load_StyleGanWithATensorMore_IsRefusedByItsName(string extra)
    {
        using var scope = NewDisposeScope();
        using var networks = Small.Gan();

        var refused = Assert.Throws<CheckpointException>(
            () => GeneratorCheckpoint.Load(Written(networks, (extra, ones(3))), "auto", null, null, CPU));

        Assert.Contains($"no place for: '{extra.Split('/')[1]}'", refused.Message, StringComparison.Ordinal);
        Assert.Contains("TorchScript", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("g_optim/state")]
    [InlineData("classifier/attn8.query.weight")]
    [InlineData("latent_avg")]
    [InlineData("g_ema/conv__weight__3_mean")]
    [InlineData("g_ema/activate__bias__12_fisher")]
    public void Load_TensorsOfOtherParts_AreNoneOfTheNetworks(string other)
    {
        using var scope = NewDisposeScope();
        using var networks = Small.Gan();

        using var loaded = GeneratorCheckpoint.Load(Written(networks, (other, ones(3))), "auto", null, null, CPU);

        Assert.Equal("stylegan2", loaded.Architecture);
    }

    [Theory]
    [InlineData("stylegan2")]
    [InlineData("dcgan")]
    [InlineData("mlp-gan")]
    public void Load_FlatStateDictWithATensorMore_IsRefused(string architecture)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var networks = ForeignFiles.Gan(architecture);
        var family = GeneratorArchitectures.Named(architecture);
        var tensors = networks.Generator.state_dict().Where(pair => pair.Value.dtype == float32)
            .Select(pair => (family.Locate(networks.Generator, pair.Key), pair.Value))
            .Select(pair => KeyValuePair.Create(pair.Item1.Name, pair.Value / pair.Item1.Factor));
        var path = Path.Combine(_folder, "g.safetensors");
        SafetensorsFile.Write(
            path, tensors.Append(KeyValuePair.Create(architecture == "mlp-gan" ? "1.gate" : "attention.gate", ones(2))));

        Assert.Contains(
            "gate'",
            Assert.Throws<CheckpointException>(() => GeneratorCheckpoint.Load(path, "auto", null, null, CPU)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Load_ClassifierWithATensorMore_IsRefusedByItsName()
    {
        using var scope = NewDisposeScope();
        using var classifier = Small.Classifier();
        var (own, more) = (Path.Combine(_folder, "own.safetensors"), Path.Combine(_folder, "more.safetensors"));
        ClassifierCheckpoint.Save(own, classifier);
        var file = CheckpointFormats.Read(own);
        SafetensorsFile.Write(more, file.Tensors.Select(tensor => KeyValuePair.Create(
            tensor.Name, tensor.Load(float32))).Append(KeyValuePair.Create("attention.weight", ones(2))), file.Metadata);

        ClassifierCheckpoint.Load(own, null, null, CPU).Dispose();
        var refused = Assert.Throws<CheckpointException>(() => ClassifierCheckpoint.Load(more, null, null, CPU));

        Assert.Contains("'attention.weight'", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_ClassifierOfAnotherKind_NamesTorchScriptAsTheWay()
    {
        using var scope = NewDisposeScope();
        var path = Path.Combine(_folder, "resnet.safetensors");
        SafetensorsFile.Write(path, [KeyValuePair.Create("layer1.0.conv1.weight", ones(4, 4, 3, 3))]);

        var refused = Assert.Throws<CheckpointException>(() => ClassifierCheckpoint.Load(path, null, null, CPU));

        Assert.Contains("TorchScript", refused.Message, StringComparison.Ordinal);
        Assert.Contains("docs/features.md", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("synthesis.b8.conv1.activation", "relu")]
    [InlineData("synthesis.b16.conv0.use_noise", "False")]
    [InlineData("synthesis.b8.conv0.conv_clamp", "None")]
    [InlineData("synthesis.b8.architecture", "resnet")]
    [InlineData("synthesis.b8.conv1.act_gain", "1")]
    [InlineData("synthesis.b8.torgb.affine.weight_gain", "1")]
    [InlineData("mapping.fc1.bias_gain", "1")]
    [InlineData("mapping.fc1.weight_gain", "0.5")]
    [InlineData("mapping.fc1.activation", "linear")]
    public void CheckGenerator_OptionThatIsNotComputed_IsRefusedByItsName(string attribute, string value)
    {
        using var networks = ForeignFiles.Gan("stylegan2-ada");
        var family = GeneratorArchitectures.Named("stylegan2-ada");
        Dictionary<string, string> usual = new()
        {
            ["synthesis.b4.conv1.conv_clamp"] = "256",
            ["synthesis.b8.conv0.conv_clamp"] = "256",
            ["synthesis.b8.conv1.activation"] = "lrelu",
            ["synthesis.b8.conv1.act_gain"] = "1.4142135623730951",
            ["synthesis.b8.architecture"] = "skip",
            ["synthesis.b8.use_fp16"] = "True",
            ["mapping.fc1.bias_gain"] = "0.01",
            ["mapping.fc1.activation"] = "lrelu",
            ["mapping.fc1.weight_gain"] = (0.01 / Math.Sqrt(6)).ToString("R", System.Globalization.CultureInfo.InvariantCulture),
        };
        var shapes = networks.Generator.state_dict()
            .Select(pair => (family.Locate(networks.Generator, pair.Key).Name, (IReadOnlyList<long>)pair.Value.shape))
            .DistinctBy(pair => pair.Name)
            .ToDictionary();

        NvidiaAttributes.CheckGenerator(new StoredNetwork(shapes, usual));
        usual[attribute] = value;
        var refused = Assert.Throws<ArgumentException>(() => NvidiaAttributes.CheckGenerator(new StoredNetwork(shapes, usual)));

        Assert.Contains($"'{attribute}' is {value}", refused.Message, StringComparison.Ordinal);
    }

    private string Written(GanPair networks, params (string Name, Tensor Values)[] more)
    {
        var path = Path.Combine(_folder, "gan.safetensors");
        SafetensorsFile.Write(
            path,
            networks.Generator.state_dict().Select(pair => KeyValuePair.Create($"g_ema/{pair.Key}", pair.Value))
                .Concat(networks.Discriminator.state_dict().Select(pair => KeyValuePair.Create($"d/{pair.Key}", pair.Value)))
                .Concat(more.Select(each => KeyValuePair.Create(each.Name, each.Values))));
        return path;
    }
}
