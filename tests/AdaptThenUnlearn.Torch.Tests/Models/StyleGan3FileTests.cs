using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.StyleGan3;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Tests.Checkpoints;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Models;

/// <summary>
/// Files of StyleGAN3: what they say is used, what they do not say is not guessed, and what contradicts itself is refused.
/// </summary>
public sealed class StyleGan3FileTests : IDisposable
{
    private static readonly StyleGan3Architecture _architecture = new();

    private readonly string _folder = Directory.CreateTempSubdirectory("atu-stylegan3-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public static TheoryData<string> Needed
    {
        get
        {
            using var networks = ForeignFiles.Gan("stylegan3");
            return [.. ForeignFiles.AttributesOf(networks.Generator).Keys];
        }
    }

    [Theory]
    [MemberData(nameof(Needed))]
    public void Build_OneAttributeMissing_RefusesAndNamesIt(string attribute)
    {
        using var scope = NewDisposeScope();
        var stored = Stored(without: attribute);

        var refused = Assert.ThrowsAny<ArgumentException>(() => _architecture.BuildGenerator(stored));

        Assert.Contains($"'{attribute}'", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("synthesis.L1_20_6.padding", "[9, 8, 9, 7]")]
    [InlineData("synthesis.L1_20_6.up_factor", "4")]
    [InlineData("synthesis.L1_20_6.down_factor", "1")]
    [InlineData("synthesis.L1_20_6.tmp_sampling_rate", "64")]
    [InlineData("synthesis.L1_20_6.in_sampling_rate", "8")]
    [InlineData("synthesis.L1_20_6.up_taps", "1")]
    [InlineData("synthesis.L1_20_6.conv_clamp", "-1")]
    [InlineData("synthesis.L1_20_6.conv_clamp", "nan")]
    [InlineData("synthesis.L1_20_6.conv_kernel", "1")]
    [InlineData("synthesis.L1_20_6.is_torgb", "True")]
    [InlineData("synthesis.L1_20_6.in_channels", "5")]
    [InlineData("synthesis.num_layers", "14")]
    [InlineData("synthesis.num_ws", "16")]
    [InlineData("synthesis.img_resolution", "32")]
    [InlineData("synthesis.img_channels", "3")]
    [InlineData("synthesis.output_scale", "0")]
    [InlineData("synthesis.input.sampling_rate", "32")]
    [InlineData("synthesis.input.bandwidth", "inf")]
    [InlineData("mapping.fc0.activation", "relu")]
    [InlineData("mapping.fc0.bias_gain", "0.1")]
    [InlineData("synthesis.input.affine.weight_gain", "1")]
    [InlineData("synthesis.L1_20_6.affine.activation", "lrelu")]
    public void Build_AttributeThatContradicts_Refuses(string attribute, string value)
    {
        using var scope = NewDisposeScope();

        _architecture.BuildGenerator(Stored()).Dispose();
        Assert.ThrowsAny<ArgumentException>(() => _architecture.BuildGenerator(Stored(said: (attribute, value))));
    }

    [Theory]
    [InlineData("None", false)]
    [InlineData("0.001", true)]
    public void Build_ConvClamp_IsThatOfTheFile(string clamp, bool limits)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var networks = ForeignFiles.Gan("stylegan3");
        var last = $"synthesis.{Names(networks)[^1]}.conv_clamp";
        using var generator = _architecture.BuildGenerator(Stored(said: (last, clamp)));

        var largest = generator.Generate(randn(4, 8), noise: null).abs().max().item<float>();

        Assert.Equal(limits, largest <= 0.001 * 0.25 * 1.0001);
    }

    // Whatever a file says, settings come of it or the one error that says what is wrong.
    [Fact]
    public void Describe_ThousandsOfChangedAttributes_AreReadOrRefusedButNothingElse()
    {
        using var scope = NewDisposeScope();
        var stored = Stored();
        string[] values =
        [
            "None", "True", "False", "", "0", "1", "-1", "2", "3", "1e9", "-1e300", "1e300", "nan", "inf", "-inf", "2147483648",
            "0.5", "[0, 0, 0, 0]", "[…]", "{}", "abc", "16", "20", "1e-320",
        ];
        var (random, refused) = (new Random(3), 0);
        for (var mutant = 0; mutant < 20_000; mutant++)
        {
            var attributes = new Dictionary<string, string>(stored.Attributes);
            var shapes = new Dictionary<string, IReadOnlyList<long>>(stored.Shapes);
            for (var change = random.Next(1, 4); change > 0; change--)
                if (random.Next(3) > 0)
                    attributes[attributes.Keys.ElementAt(random.Next(attributes.Count))] = values[random.Next(values.Length)];
                else
                    shapes[shapes.Keys.ElementAt(random.Next(shapes.Count))] =
                        [.. Enumerable.Range(0, random.Next(5)).Select(_ => (long)random.Next(-2, 70_000))];
            try
            {
                _architecture.Describe(new StoredNetwork(shapes, attributes));
            }
            catch (ArgumentException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 10_000, 19_999);
    }

    [Theory]
    [InlineData("up_filter")]
    [InlineData("down_filter")]
    public void Load_FilterThatIsNotTheDesignedOne_IsRefused(string filter)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var networks = ForeignFiles.Gan("stylegan3");
        var changed = networks.Generator.state_dict().First(
            named => named.Key.EndsWith(filter, StringComparison.Ordinal)).Value;
        changed[0] += 0.01 * changed.abs().max();
        ForeignFiles.WriteNvidia(At("g.pkl"), networks, "stylegan3");

        var refused = Assert.Throws<CheckpointException>(() => GeneratorCheckpoint.Load(At("g.pkl"), "auto", null, null, CPU));

        Assert.Contains(filter, refused.Message, StringComparison.Ordinal);
        Assert.Contains("TorchScript", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_FileWithoutAttributes_IsRefusedAndSaysWhichFileHasThem()
    {
        using var scope = NewDisposeScope();
        using var networks = ForeignFiles.Gan("stylegan3");
        ForeignFiles.WriteUnder(
            At("g.safetensors"),
            "stylegan3",
            new Dictionary<string, nn.Module> { ["g_ema/"] = networks.Generator },
            safetensors: true);

        var refused = Assert.Throws<CheckpointException>(
            () => GeneratorCheckpoint.Load(At("g.safetensors"), "auto", null, null, CPU));

        Assert.Contains("StyleGAN3", refused.Message, StringComparison.Ordinal);
        Assert.Contains("NVIDIA's pickle", refused.Message, StringComparison.Ordinal);
        Assert.Contains("TorchScript", refused.Message, StringComparison.Ordinal);
        Assert.Contains(
            Inspection.Inspect(At("g.safetensors")).Notes,
            note => note.Contains("NVIDIA's pickle", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("t")]
    [InlineData("r")]
    public void Save_PublishedPickle_ReplacesBothGeneratorsAndNothingElse(string name)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var original = Path.Combine(AppContext.BaseDirectory, "Models", "StyleGan3Data", name, "network.pkl");
        using var loaded = GeneratorCheckpoint.Load(original, "auto", null, null, CPU);
        using var changed = new GanPair(loaded.Generator, loaded.Discriminator!).Copy();

        GeneratorCheckpoint.RequireRewritable(CheckpointFile.Open(original), loaded);
        GeneratorCheckpoint.SaveInFormatOf(
            CheckpointFile.Open(original), loaded, At("again.pkl"), changed, new Dictionary<string, string>());
        foreach (var parameter in changed.Generator.parameters())
            parameter.add_(0.125f);
        GeneratorCheckpoint.SaveInFormatOf(
            CheckpointFile.Open(original), loaded, At("changed.pkl"), changed, new Dictionary<string, string>());

        Assert.Equal(new FileInfo(original).Length, new FileInfo(At("changed.pkl")).Length);
        foreach (var network in (string[])["ema", "generator"])
        {
            using var again = GeneratorCheckpoint.Load(At("changed.pkl"), "auto", null, null, CPU, network);
            Assert.Equal(changed.Generator.parameters().Select(Small.Bytes), again.Generator.parameters().Select(Small.Bytes));
        }

        using var same = GeneratorCheckpoint.Load(At("again.pkl"), "auto", null, null, CPU);
        Assert.Equal(
            loaded.Generator.state_dict().Values.Select(Small.Bytes), same.Generator.state_dict().Values.Select(Small.Bytes));
    }

    [Fact]
    public void Inspect_PublishedPickle_DescribesItAndMissesNothing()
    {
        var inspected = Inspection.Inspect(Path.Combine(AppContext.BaseDirectory, "Models", "StyleGan3Data", "t", "network.pkl"));

        Assert.Equal(("stylegan3", 16, "G_ema"), (
            inspected.Generator!.Architecture, inspected.Generator.Resolution, inspected.Generator.Place));
        Assert.DoesNotContain(inspected.Notes, note => note.Contains("StyleGAN3", StringComparison.Ordinal)
            || note.Contains("noise", StringComparison.Ordinal));
    }

    // The preset `paper` asks for both, though the published training of StyleGAN3 uses neither.
    [Fact]
    public void Step_PathLengthAndStyleMixing_TrainsItAndLeavesItsBuffers()
    {
        using var networks = ForeignFiles.Gan("stylegan3");
        using var images = Small.Images();
        var settings = Small.Options.TrainingSettings(0.01) with
        {
            PathLengthWeight = 2,
            PathLengthEvery = 1,
            StyleMixing = 1,
        };
        using var trainer = new AdversarialTrainer(
            networks.Generator, networks.Discriminator, settings, new RandomStreams(1, "stylegan3"));
        var (before, buffers) = (Small.Bytes(trainer.Generator.Values), Buffers());

        for (var step = 1; step <= 3; step++)
            trainer.Step(step, images);

        Assert.NotEqual(before, Small.Bytes(trainer.Generator.Values));
        Assert.True(trainer.Generator.Values.isfinite().all().item<bool>());
        Assert.Equal(buffers, Buffers());

        List<byte[]> Buffers() => [.. networks.Generator.named_buffers().Select(named => Small.Bytes(named.buffer))];
    }

    // Each weight's gradient against the difference that a small step along it makes.
    [Fact]
    public void Gradient_OfEachWeight_IsTheSlope()
    {
        using var scope = NewDisposeScope();
        using var networks = ForeignFiles.Gan("stylegan3");
        manual_seed(9);
        var (latents, target) = (randn(2, 8), randn(2, 1, 16, 16));
        Loss().backward();
        foreach (var (name, parameter) in networks.Generator.named_parameters())
        {
            using var _ = no_grad();
            using var each = NewDisposeScope();
            var (gradient, start) = (parameter.grad!, parameter.clone());
            var direction = gradient / gradient.norm();
            var step = 1e-2 * Math.Max(start.norm().item<float>(), 0.1);

            parameter.copy_(start + step * direction);
            var above = Loss().item<double>();
            parameter.copy_(start - step * direction);
            var below = Loss().item<double>();
            parameter.copy_(start);

            var slope = (above - below) / (2 * step);
            Assert.True(
                Math.Abs(slope / gradient.norm().item<float>() - 1) < 0.05,
                FormattableString.Invariant($"{name}: {gradient.norm().item<float>()}, and the slope is {slope}"));
        }

        Tensor Loss() => (networks.Generator.Generate(latents, noise: null) - target).to(float64).square().mean();
    }

    // An image must not depend on the other images of its batch, nor on its place in it.
    [Fact]
    public void Generate_OneLatentInAnyBatch_GivesTheSameImage()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var networks = ForeignFiles.Gan("stylegan3");
        var latents = randn(5, 8);
        latents[3] *= 100;

        var together = networks.Generator.Generate(latents, noise: null);

        for (var image = 0; image < 5; image++)
            Assert.True((together[image] - networks.Generator.Generate(latents.narrow(0, image, 1), noise: null)[0])
                .abs().max().item<float>() < 1e-6);
    }

    [Fact]
    public void MirrorDiscriminator_Published512Channels_IsAsWideAsThePublishedOne()
    {
        using var scope = NewDisposeScope();
        using var generator = new StyleGan3Generator(
            new StyleGan3Schedule { ChannelBase = 2048, ChannelMaximum = 32 }.For(new ImageShape(3, 256), 8, 8));

        using var mirrored = (Torch.Models.StyleGan2.StyleGan2Discriminator)_architecture.MirrorDiscriminator(generator);

        // min(2048 / resolution, 32), up to the cutoffs that lie between two resolutions.
        Assert.Equal(new ImageShape(3, 256), mirrored.Shape);
        Assert.Equal([32, 32, 32, 32, 32], mirrored.Settings.Channels.Take(5));
        Assert.InRange(mirrored.Settings.ChannelsAt(128), 8, 16);
        Assert.Equal(8, mirrored.Settings.ChannelsAt(256));
    }

    private static List<string> Names(GanPair networks) =>
        [.. ((StyleGan3Generator)networks.Generator).Settings.Layers
            .Select((layer, index) => $"L{index}_{layer.OutSize}_{layer.Outputs}")];

    private static StoredNetwork Stored(string? without = null, (string Name, string Value)? said = null)
    {
        using var networks = ForeignFiles.Gan("stylegan3");
        var attributes = ForeignFiles.AttributesOf(networks.Generator).Where(one => one.Key != without).ToDictionary();
        if (said is var (name, value))
            attributes[name] = value;
        return new StoredNetwork(
            ForeignFiles.Located(_architecture, networks.Generator)
                .ToDictionary(located => located.Name, located => (IReadOnlyList<long>)located.Tensor.shape),
            attributes);
    }

    private string At(string name) => Path.Combine(_folder, name);
}
