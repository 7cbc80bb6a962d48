using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models;
using static AdaptThenUnlearn.Torch.Tests.Checkpoints.PickleText;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Checkpoints;

/// <summary>
/// Checks that networks are found under the names that projects give them, where only one can be meant, and are saved under the
/// same names.
/// </summary>
public sealed class NetworkPlacesTests : IDisposable
{
    private static readonly Dictionary<string, string> _noMetadata = [];

    private readonly string _folder = Directory.CreateTempSubdirectory("atu-places-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // The prefix of the generator's names and of the discriminator's, and what the description says.
    private static readonly (string Generator, string? Discriminator, string Described)[] _layouts =
    [
        ("module.", null, "module."),
        ("state_dict/", null, "state_dict"),
        ("model_state_dict/", null, "model_state_dict"),
        ("netG/", "netD/", "netG"),
        ("generator.", "discriminator.", "generator."),
        ("state_dict/generator.", "state_dict/discriminator.", "state_dict/generator."),
        ("G_ema/module.", "D/module.", "G_ema/module."),
        ("checkpoint/g_state_dict/", "checkpoint/d_state_dict/", "checkpoint/g_state_dict"),
        ("state_dict/decoder.", null, "state_dict/decoder."),
        ("g_ema.", "d.", "g_ema."),
        ("params_ema/", null, "params_ema"),
        ("g_ema/_orig_mod.", "d/_orig_mod.", "g_ema/_orig_mod."),
    ];

    [Theory]
    [InlineData("g/", "g_ema/")]
    [InlineData("params/", "params_ema/")]
    [InlineData("netG/", "netG_ema/")]
    public void Load_AverageThatCannotBeRead_TheOtherGeneratorDoesNotStandInForIt(string trained, string averaged)
    {
        using var scope = NewDisposeScope();
        using var networks = ForeignFiles.Gan("stylegan2");
        Write("whole", "stylegan2", safetensors: true, [(trained, networks.Generator), (averaged, networks.Generator)]);
        var tensors = CheckpointFormats.Read(At("whole")).Tensors.Where(tensor => tensor.Name != averaged + "conv1.conv.weight")
            .Select(tensor => KeyValuePair.Create(tensor.Name, tensor.Load(float32))).ToList();
        SafetensorsFile.Write(At("without"), tensors);

        var refused = Assert.Throws<CheckpointException>(() => GeneratorCheckpoint.Load(At("without"), "auto", null, null, CPU));

        Assert.Contains($"holds '{averaged.TrimEnd('/')}', which is not a generator", refused.Message, StringComparison.Ordinal);
        using var whole = GeneratorCheckpoint.Load(At("whole"), "auto", null, null, CPU);
        using var asked = GeneratorCheckpoint.Load(At("without"), "auto", null, null, CPU, network: "generator");
        Assert.Equal(whole.Generator.Shape, asked.Generator.Shape);
    }

    [Fact]
    public void Load_DiscriminatorThatDoesNotFit_IsNoHindranceToTheGeneratorAlone()
    {
        using var scope = NewDisposeScope();
        using var networks = ForeignFiles.Gan("dcgan");
        using var other = nn.Linear(3, 3);
        Write("file", "dcgan", safetensors: true, [("netG/", networks.Generator), ("netD/", other)]);

        using var alone = GeneratorCheckpoint.Load(At("file"), "auto", null, null, CPU, generatorAlone: true);

        Assert.Null(alone.Discriminator);
        Assert.Throws<CheckpointException>(() => GeneratorCheckpoint.Load(At("file"), "auto", null, null, CPU));
    }

    public static TheoryData<string, int, bool> Layouts
    {
        get
        {
            var all = new TheoryData<string, int, bool>();
            foreach (var architecture in GeneratorArchitectures.All)
                for (var layout = 0; layout < _layouts.Length; layout++)
                    // Safetensors hold no attributes, and a StyleGAN3 is not built without.
                    foreach (var safetensors in (bool[])(architecture.Name == "stylegan3" ? [false] : [false, true]))
                        all.Add(architecture.Name, layout, safetensors);
            return all;
        }
    }

    [Theory]
    [MemberData(nameof(Layouts))]
    public void Load_AnyUsualLayout_FindsTheNetworksAndSavesThemUnderTheirNames(string architecture, int layout, bool safetensors)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var networks = ForeignFiles.Gan(architecture);
        var (generator, discriminator, prefix) = _layouts[layout];
        // Numbers follow there, so that it is the name of the sequence itself.
        var described = architecture == "mlp-gan"
            && prefix is ("module." or "G_ema/module." or "g_ema/_orig_mod." or "state_dict/decoder.")
                ? TensorFile.SectionOf(prefix)
                : prefix;
        Write("file", architecture, safetensors, [(generator, networks.Generator), .. discriminator is null
            ? Array.Empty<(string, nn.Module)>()
            : [(discriminator, networks.Discriminator)]]);

        using var loaded = GeneratorCheckpoint.Load(At("file"), "auto", null, null, CPU);
        using var changed = new GanPair(loaded.Generator, loaded.Discriminator ?? networks.Discriminator).Copy();
        foreach (var parameter in changed.Generator.parameters().Concat(changed.Discriminator.parameters()))
            parameter.add_(0.125f);
        GeneratorCheckpoint.RequireRewritable(CheckpointFile.Open(At("file")), loaded);
        GeneratorCheckpoint.SaveInFormatOf(CheckpointFile.Open(At("file")), loaded, At("saved"), changed, _noMetadata);

        Assert.Equal((described, described), (loaded.Section, Inspection.Inspect(At("file")).Generator!.Place));
        Assert.Equal(discriminator is null, loaded.Discriminator is null);
        Assert.Equal(Bytes(networks.Generator), Bytes(loaded.Generator));
        Assert.Equal(Names(At("file")), Names(At("saved")));
        using var saved = GeneratorCheckpoint.Load(At("saved"), loaded.Format, null, null, CPU);
        Assert.Equal(Bytes(changed.Generator), Bytes(saved.Generator));
        if (discriminator is not null)
            Assert.Equal(Bytes(changed.Discriminator), Bytes(saved.Discriminator!));
    }

    public static TheoryData<string> Architectures => [.. GeneratorArchitectures.All.Select(architecture => architecture.Name)];

    [Theory]
    [MemberData(nameof(Architectures))]
    public void Load_DiscriminatorInAWrappedFileOfItsOwn_FindsIt(string architecture)
    {
        using var scope = NewDisposeScope();
        using var networks = ForeignFiles.Gan(architecture);
        Write("g", architecture, safetensors: false, ("module.", networks.Generator));
        Write("d", architecture, safetensors: false, ("model_state_dict/module.", networks.Discriminator));

        using var loaded = GeneratorCheckpoint.Load(At("g"), "auto", null, At("d"), CPU);

        Assert.Equal(Bytes(networks.Discriminator), Bytes(loaded.Discriminator!));
    }

    [Theory]
    [InlineData("netG_A/", "netG_B/")]
    [InlineData("0/", "1/")]
    [InlineData("generator.", "state_dict/")]
    [InlineData("netG_A2B/module.", "netG_B2A/module.")]
    public void Load_TwoGeneratorsOfWhichNoneIsTheOthersAverage_RefusesAndNamesBoth(string one, string other)
    {
        using var networks = ForeignFiles.Gan("stylegan2");
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var second = networks.Generator.Copy();
        second.parameters().First().add_(1f);
        Write("file", "stylegan2", safetensors: false, (one, networks.Generator), (other, second));

        var failed = Assert.Throws<CheckpointException>(() => GeneratorCheckpoint.Load(At("file"), "auto", null, null, CPU));

        Assert.Contains($"'{one.TrimEnd('/')}'", failed.Message, StringComparison.Ordinal);
        Assert.Contains($"'{other.TrimEnd('/')}'", failed.Message, StringComparison.Ordinal);
        Assert.Contains(
            Inspection.Inspect(At("file")).Notes, note => note.Contains("several generators", StringComparison.Ordinal));
    }

    [Fact]
    public void Load_GeneratorBesideItsAverage_TakesTheOneThatIsAskedForAndReplacesBoth()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var networks = ForeignFiles.Gan("dcgan");
        using var average = networks.Generator.Copy();
        foreach (var parameter in average.parameters())
            parameter.add_(0.5f);
        Write("file", "dcgan", safetensors: false, ("generator/", networks.Generator), ("generator_ema/", average));

        using var averaged = GeneratorCheckpoint.Load(At("file"), "auto", null, null, CPU);
        using var trained = GeneratorCheckpoint.Load(At("file"), "auto", null, null, CPU, network: "generator");
        GeneratorCheckpoint.SaveInFormatOf(
            CheckpointFile.Open(At("file")),
            averaged,
            At("saved"),
            new GanPair(averaged.Generator, networks.Discriminator),
            _noMetadata);

        Assert.Equal(("generator_ema", "generator"), (averaged.Section, trained.Section));
        Assert.Equal((Bytes(average), Bytes(networks.Generator)), (Bytes(averaged.Generator), Bytes(trained.Generator)));
        using var saved = GeneratorCheckpoint.Load(At("saved"), "auto", null, null, CPU, network: "generator");
        Assert.Equal(saved.Generator.parameters().Select(Small.Bytes), average.parameters().Select(Small.Bytes));
    }

    [Fact]
    public void Load_SequenceUnderANameThatSaysItIsSomethingElse_IsNotTakenForAGenerator()
    {
        using var networks = ForeignFiles.Gan("dcgan");
        Write("file", "dcgan", safetensors: false, ("encoder/features.", networks.Generator));

        var failed = Assert.Throws<CheckpointException>(() => GeneratorCheckpoint.Load(At("file"), "auto", null, null, CPU));

        Assert.Contains("'encoder/features.main.0.weight' [8, 12, 4, 4]", failed.Message, StringComparison.Ordinal);
        Assert.Contains("TorchScript", failed.Message, StringComparison.Ordinal);
        Assert.Contains("docs/bring-your-own-generator.md", failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_WithoutStoredNoise_MakesTheImagesOfTheOneWithItAndSavesNone()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var networks = ForeignFiles.Gan("stylegan2");
        Write("with", "stylegan2", safetensors: false, ("g_ema/", networks.Generator));
        var whole = CheckpointFormats.Read(At("with"));
        SafetensorsFile.Write(
            At("without"),
            whole.Tensors
                .Where(tensor => !tensor.Name.Contains("noises", StringComparison.Ordinal))
                .Select(tensor => KeyValuePair.Create(tensor.Name, tensor.Load())));
        var latents = randn(3, networks.Generator.LatentSize);

        using var loaded = GeneratorCheckpoint.Load(At("without"), "auto", null, null, CPU);
        GeneratorCheckpoint.SaveInFormatOf(
            CheckpointFile.Open(At("without")),
            loaded,
            At("saved"),
            new GanPair(loaded.Generator, networks.Discriminator),
            _noMetadata);

        Assert.Equal(
            Small.Bytes(networks.Generator.Generate(latents, noise: null)),
            Small.Bytes(loaded.Generator.Generate(latents, noise: null)));
        Assert.Empty(loaded.Generator.StoredNoise);
        Assert.NotEmpty(loaded.Generator.NoiseSizes);
        Assert.Contains(loaded.Notes, note => note.Contains("no stored noise maps", StringComparison.Ordinal));
        Assert.Equal(Names(At("without")), Names(At("saved")));
    }

    [Theory]
    [InlineData(true)]    // one element, shown again and again
    [InlineData(false)]   // two layers in one storage
    public void RequireRewritable_ElementsThatAreShared_RefusesBeforeAnythingIsTrained(bool repeated)
    {
        using var networks = ForeignFiles.Gan("mlp-gan");
        var storages = new List<(string, byte[])>();
        var entries = networks.Generator.state_dict()
            .Select(pair => (pair.Key, Value: pair.Value.data<float>().ToArray(), pair.Value.shape))
            .ToList();
        var items = entries.Select(entry =>
        {
            var key = $"{storages.Count}";
            storages.Add((key, Raw(entry.Value)));
            return (entry.Key, Tensor(Storage(key, entry.Value.Length, old: false), 0, entry.shape, [.. entry.shape.Index()
                .Select(dimension => entry.shape.Skip(dimension.Index + 1).Aggregate(1L, (product, size) => product * size))]));
        }).ToList();
        items[1] = repeated
            ? (items[1].Key, Tensor(Storage("1", entries[1].Value.Length, old: false), 0, entries[1].shape, [0]))
            : (items[1].Key, Tensor(Storage("0", entries[0].Value.Length, old: false), 0, entries[1].shape, [1]));
        File.WriteAllBytes(At("file"), Zip(Pickle(Dictionary([.. items])), [.. storages]));
        using var loaded = GeneratorCheckpoint.Load(At("file"), "auto", null, null, CPU, layers: null);

        var failed = Assert.Throws<CheckpointException>(
            () => GeneratorCheckpoint.RequireRewritable(CheckpointFile.Open(At("file")), loaded));

        Assert.Contains($"'{items[1].Key}'", failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void RequireRewritable_CopyWithinAnObjectThatIsNotRead_Refuses()
    {
        using var networks = ForeignFiles.Gan("mlp-gan");
        List<(string, byte[])> storages = [("9", Raw(new float[64]))];
        List<(string, byte[])> items = [("average", Call(
            Global("project", "Average"), Dictionary(("w", Tensor(Storage("9", 64, old: false), 0, [8, 8], [8, 1])))))];
        items.Add(("G", Dictionary([.. networks.Generator.state_dict().Index().Select(entry =>
        {
            storages.Add(($"{entry.Index}", Raw(entry.Item.Value.data<float>().ToArray())));
            return (entry.Item.Key, Tensor(
                Storage($"{entry.Index}", entry.Item.Value.NumberOfElements, old: false),
                0,
                entry.Item.Value.shape,
                entry.Item.Value.stride()));
        })])));
        File.WriteAllBytes(At("file"), Zip(Pickle(Dictionary([.. items])), [.. storages]));
        using var loaded = GeneratorCheckpoint.Load(At("file"), "auto", null, null, CPU);

        var failed = Assert.Throws<CheckpointException>(
            () => GeneratorCheckpoint.RequireRewritable(CheckpointFile.Open(At("file")), loaded));

        Assert.Contains("'project Average'", failed.Message, StringComparison.Ordinal);
    }

    public static TheoryData<string, byte[]> UnknownFiles => new()
    {
        { "HDF5", [0x89, (byte)'H', (byte)'D', (byte)'F', 13, 10, 26, 10] },
        { "gunzip", [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3] },
        { "before 0.1.10", "sys_info\0\0\0\0\0\0\0\0"u8.ToArray() },
        { "before 0.1.10", [.. new byte[257], .. "ustar"u8, .. new byte[250]] },
        { "git lfs pull", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"u8.ToArray() },
        { "web page", "<!DOCTYPE html><html></html>"u8.ToArray() },
        { "NumPy array", [0x93, .. "NUMPY"u8, 1, 0] },
        { "compressed archive", [0x28, 0xb5, 0x2f, 0xfd, 0] },
    };

    [Theory]
    [MemberData(nameof(UnknownFiles))]
    public void Detect_FileOfAnotherKind_SaysWhatItIs(string what, byte[] content)
    {
        File.WriteAllBytes(At("file"), content);

        Assert.Contains(
            what,
            Assert.Throws<CheckpointException>(() => CheckpointFormats.Detect(CheckpointFile.Open(At("file")))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Load_PickleOfTensorFlow_NamesTheConversion()
    {
        File.WriteAllBytes(At("file"), Pickle(Tuple([.. Call(
            Global("copy_reg", "_reconstructor"),
            Global("dnnlib.tflib.network", "Network"),
            Global("__builtin__", "object"),
            None), .. Dictionary(("version", Integer(4))), (byte)'b'])));

        Assert.Contains(
            "legacy.py",
            Assert.Throws<CheckpointException>(() => GeneratorCheckpoint.Load(At("file"), "auto", null, null, CPU)).Message,
            StringComparison.Ordinal);
        Assert.Contains(Inspection.Inspect(At("file")).Notes, note => note.Contains("legacy.py", StringComparison.Ordinal));
    }

    [Fact]
    public void Load_StyleGan3_SaysSoAndNamesTheWayOut()
    {
        File.WriteAllBytes(At("file"), Pickle(Dictionary(
            ("G_ema", Object("Generator", "", ("_buffers", Dictionary(("synthesis.input.freqs", Carried([1, 2], 2)))))))));

        var failed = Assert.Throws<CheckpointException>(() => GeneratorCheckpoint.Load(At("file"), "auto", null, null, CPU));

        Assert.Contains("StyleGAN3", failed.Message, StringComparison.Ordinal);
        Assert.Contains("TorchScript", failed.Message, StringComparison.Ordinal);
    }

    private void Write(
        string name, string architecture, bool safetensors, params (string Prefix, nn.Module Network)[] networks) =>
        ForeignFiles.WriteUnder(
            At(name), architecture, networks.ToDictionary(network => network.Prefix, network => network.Network), safetensors);

    private static string Bytes(nn.Module network) => string.Join(
        '\n',
        network.state_dict()
            .Where(pair => pair.Value.dtype == float32)
            .Select(pair => Convert.ToHexString(Small.Bytes(pair.Value))));

    private static IEnumerable<string> Names(string path) =>
        CheckpointFormats.Read(path).Tensors.Select(tensor => tensor.Name).Order(StringComparer.Ordinal);

    private string At(string name) => Path.Combine(_folder, name);
}
