using System.IO.Compression;
using System.Text;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Checkpoints;

/// <summary>
/// Checks that intact checkpoints are read exactly, and that any other file gives one clear error and is never executed.
/// </summary>
public sealed class CheckpointTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-checkpoints-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Safetensors_EveryElementType_ReadsWhatWasWritten()
    {
        using var scope = NewDisposeScope();
        var tensors = new Dictionary<string, Tensor>
        {
            ["float32"] = randn(2, 3),
            ["float64"] = randn([4], float64),
            ["int64"] = arange(5, int64),
            ["uint8"] = arange(7, uint8),
            ["bool"] = tensor([true, false]),
            ["half"] = randn(3).to(float16),
            ["scalar"] = tensor(2.5),
            ["empty"] = zeros(0, 4),
        };
        SafetensorsFile.Write(At("all.safetensors"), tensors, new Dictionary<string, string> { ["key"] = "wert \u00fc \"x\"" });

        var read = SafetensorsFile.Read(At("all.safetensors"));

        Assert.Equal("wert \u00fc \"x\"", read.Metadata["key"]);
        foreach (var (name, expected) in tensors)
        {
            Assert.Equal(expected.shape, read[name].Shape);
            Assert.Equal(Small.Bytes(expected), Small.Bytes(read[name].Load()));
        }
    }

    // Its images would be no numbers either, and a classifier's likeliest class of nothing is the first.
    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.NegativeInfinity)]
    public void Load_WeightsThatAreNoFiniteNumbers_AreRefused(float value)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var networks = Small.Gan();
        networks.Generator.parameters().First().view(-1)[1] = tensor(value);
        GeneratorCheckpoint.Save(At("diverged.safetensors"), networks, new Dictionary<string, string>());

        var failed = Assert.Throws<CheckpointException>(
            () => GeneratorCheckpoint.Load(At("diverged.safetensors"), "auto", null, null, CPU));

        Assert.Contains("not finite numbers", failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Safetensors_SameTensors_SameBytesWhateverTheOrder()
    {
        using var scope = NewDisposeScope();
        var (a, b) = (randn(3), randn(4));
        SafetensorsFile.Write(At("one"), new Dictionary<string, Tensor> { ["a"] = a, ["b"] = b });
        SafetensorsFile.Write(At("two"), new Dictionary<string, Tensor> { ["b"] = b, ["a"] = a });

        Assert.Equal(File.ReadAllBytes(At("one")), File.ReadAllBytes(At("two")));
    }

    [Fact]
    public void Safetensors_InSeveralFiles_ReadsAsOneAndBecomesOne()
    {
        using var scope = NewDisposeScope();
        var (a, b) = (randn(3, 2), randn([4]).to(float16));
        WriteIndex(("a", "one.safetensors", a), ("b", "two.safetensors", b));

        var read = CheckpointFormats.Read(At("model.index.json"));
        CheckpointFormats.Named(read.Format).Rewrite(
            read,
            At("whole.safetensors"),
            new Dictionary<string, Tensor> { ["a"] = a + 1 },
            new Dictionary<string, string> { ["policy"] = "p" });

        Assert.Equal("safetensors", read.Format);
        Assert.Equal(Small.Bytes(a), Small.Bytes(read["a"].Load()));
        Assert.Equal(Small.Bytes(b), Small.Bytes(read["b"].Load()));
        Assert.Equal([At("one.safetensors"), At("two.safetensors")], CheckpointFormats.FurtherFiles(At("model.index.json")));
        var whole = SafetensorsFile.Read(At("whole.safetensors"));
        Assert.Equal(Small.Bytes(a + 1), Small.Bytes(whole["a"].Load()));
        Assert.Equal(Small.Bytes(b), Small.Bytes(whole["b"].Load()));
        Assert.Equal("p", whole.Metadata["policy"]);
    }

    // An index in front of a released file does not hide which limits it must keep, or how it was trained.
    [Theory]
    [InlineData(SafetensorsFile.EarlierRunsKey)]
    [InlineData("training.r1Weight")]
    public void Safetensors_InSeveralFiles_KeepWhatTheirPartsSayOfTraining(string key)
    {
        using var scope = NewDisposeScope();
        WriteIndex(("a", "one.safetensors", randn(3)), ("b", "two.safetensors", randn(3)));
        Write("one", "2");
        Assert.Equal("2", Said());
        Write("two", "2");
        Assert.Equal("2", Said());
        Write("two", "8");
        Assert.Equal("", Said());

        void Write(string part, string said) => SafetensorsFile.Write(
            At(part + ".safetensors"), new Dictionary<string, Tensor> { [part == "one" ? "a" : "b"] = randn(3) },
            new Dictionary<string, string> { [key] = said });

        string Said() => CheckpointFormats.Read(At("model.index.json")).Metadata[key];
    }

    [Fact]
    public void Safetensors_InSeveralFiles_CannotBePinned()
    {
        using var scope = NewDisposeScope();
        WriteIndex(("a", "one.safetensors", randn(3)));

        var failed = Assert.Throws<CheckpointException>(() => CheckpointDigest
            .RequirePinned(CheckpointFile.Open(At("model.index.json")), CheckpointDigest.Compute(At("model.index.json"))));

        Assert.Contains("index of several files", failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Safetensors_PartsWithMoreOrLessThanTheIndexSays_AreReadOrNamed()
    {
        using var scope = NewDisposeScope();
        WriteIndex(("a", "one.safetensors", randn(3)));
        SafetensorsFile.Write(At("one.safetensors"), new Dictionary<string, Tensor> { ["a"] = randn(3), ["stray"] = randn(1) });
        // Other readers of parts see the same tensors.
        Assert.Equal(
            ["a", "stray"],
            CheckpointFormats.Read(At("model.index.json")).Tensors.Select(tensor => tensor.Name).Order(StringComparer.Ordinal));

        var placed = ones(1);
        SafetensorsFile.Write(At("two.safetensors"), new Dictionary<string, Tensor> { ["b"] = randn(3), ["stray"] = placed });
        File.WriteAllText(
            At("model.index.json"),
            """{"weight_map":{"a":"one.safetensors","b":"two.safetensors","stray":"two.safetensors"} }""");
        // The tensor is read from the file that the index names.
        Assert.Equal(Small.Bytes(placed), Small.Bytes(CheckpointFormats.Read(At("model.index.json"))["stray"].Load()));

        File.WriteAllText(
            At("model.index.json"),
            """{"weight_map":{"a":"one.safetensors","stray":"one.safetensors","gone":"one.safetensors"} }""");
        Assert.Contains(
            "'gone'",
            Assert.Throws<CheckpointException>(() => CheckpointFormats.Read(At("model.index.json"))).Message,
            StringComparison.Ordinal);
    }

    private void WriteIndex(params (string Name, string File, Tensor Tensor)[] tensors)
    {
        foreach (var file in tensors.GroupBy(tensor => tensor.File))
            SafetensorsFile.Write(At(file.Key), file.ToDictionary(tensor => tensor.Name, tensor => tensor.Tensor));
        File.WriteAllText(At("model.index.json"), System.Text.Json.JsonSerializer.Serialize(
            new
            {
                metadata = new { total_size = 1 },
                weight_map = tensors.ToDictionary(tensor => tensor.Name, tensor => tensor.File)
            }));
    }

    public static TheoryData<string, string> BadHeaders => new()
    {
        { "not JSON", "{nonsense" },
        { "beyond the file", """{"a":{"dtype":"F32","shape":[1000],"data_offsets":[0,4000]}}""" },
        {
            "overlapping",
            """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"""
                + ""","b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"""
        },
        { "backwards", """{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""" },
        { "shape and bytes differ", """{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""" },
        { "negative", """{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""" },
        { "overflowing", """{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}}""" },
        { "type that is none", """{"a":{"dtype":7,"shape":[2],"data_offsets":[0,16]}}""" },
        {
            "shape and bytes of a type that is not read differ",
            """{"a":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,16]}}"""
        },
        {
            "twice",
            """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"""
                + ""","a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"""
        },
    };

    [Theory]
    [MemberData(nameof(BadHeaders))]
    public void Safetensors_BadHeader_IsOneClearError(string what, string header)
    {
        var bytes = Encoding.UTF8.GetBytes(header);
        File.WriteAllBytes(At("bad.safetensors"), [.. BitConverter.GetBytes((long)bytes.Length), .. bytes, .. new byte[16]]);

        var failed = Assert.Throws<CheckpointException>(() => SafetensorsFile.Read(At("bad.safetensors")));

        Assert.True(failed.Message.StartsWith(At("bad.safetensors"), StringComparison.Ordinal), what);
    }

    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData(-1)]
    [InlineData(1 << 30)]
    public void Safetensors_ImpossibleHeaderLength_IsOneClearError(long length)
    {
        File.WriteAllBytes(At("bad.safetensors"), [.. BitConverter.GetBytes(length), (byte)'{', (byte)'}']);

        Assert.Throws<CheckpointException>(() => SafetensorsFile.Read(At("bad.safetensors")));
    }

    // Each pickle would do something when loaded by Python; protocol 2, written by hand from the format's definition:
    // c global, X text with its length, 0x85 a tuple of one, R call, . stop.
    [Theory]
    [InlineData("os system", "cos\nsystem\nX\u0017\0\0\0touch /tmp/atu-was-here\u0085R.")]
    [InlineData("builtins eval", "cbuiltins\neval\nX\u0003\0\0\01+1\u0085R.")]
    [InlineData("subprocess Popen", "csubprocess\nPopen\n]X\u0005\0\0\0toucha\u0085R.")]
    [InlineData("torch load", "ctorch\nload\nX\u0001\0\0\0x\u0085R.")]
    public void PyTorchZip_PickleThatAsksForMore_IsRefusedByName(string global, string pickle)
    {
        File.Delete("/tmp/atu-was-here");
        WriteZip(Encoding.Latin1.GetBytes(pickle));

        var failed = Assert.Throws<CheckpointException>(() => CheckpointFormats.Read(At("evil.pt")));

        Assert.Contains(global.Split(' ')[1], failed.Message, StringComparison.Ordinal);
        Assert.False(File.Exists("/tmp/atu-was-here"));
        Assert.Contains(global, Inspection.Inspect(At("evil.pt")).Refused);
    }

    [Theory]
    [InlineData("")]                                  // nothing
    [InlineData(".")]                                 // stops with an empty stack
    [InlineData("R.")]                                // reduces nothing
    [InlineData("I99999999999999999999999999\n.")]    // a number without end
    [InlineData("(((((((((((((((((((((((((((((((((")]  // marks without end
    [InlineData("h\u0009.")]                          // a memo that was never put
    public void PyTorchZip_NonsensePickle_IsOneClearError(string pickle)
    {
        WriteZip(Encoding.Latin1.GetBytes(pickle));

        Assert.Throws<CheckpointException>(() => CheckpointFormats.Read(At("evil.pt")));
    }

    [Fact]
    public void Safetensors_AnythingFlippedOrCutOff_IsReadOrRefusedButNothingElse()
    {
        using var scope = NewDisposeScope();
        SafetensorsFile.Write(
            At("good.safetensors"), new Dictionary<string, Tensor> { ["a"] = randn(4, 3), ["b"] = arange(5, int64) });

        Assert.NotEqual(0, RefusalsOf(File.ReadAllBytes(At("good.safetensors"))));
    }

    [Fact]
    public void PyTorchZip_AnythingFlippedOrCutOff_IsReadOrRefusedButNothingElse() =>
        Assert.NotEqual(0, RefusalsOf(File.ReadAllBytes(Interop.Case("authors_repulsion").PathOf("theta.pt"))));

    // Any other exception than the one that says what is wrong ends the test.
    private int RefusalsOf(byte[] good)
    {
        var random = new Random(4);
        var refusals = 0;
        for (var trial = 0; trial < 400; trial++)
        {
            var bad = good.ToArray();
            for (var flip = random.Next(1, 6); flip > 0; flip--)
                bad[random.Next(bad.Length)] = (byte)random.Next(256);
            File.WriteAllBytes(At("fuzzed"), trial % 4 == 0 ? bad[..random.Next(bad.Length)] : bad);
            try
            {
                foreach (var tensor in CheckpointFormats.Read(At("fuzzed")).Tensors)
                    tensor.Load().Dispose();
            }
            catch (CheckpointException)
            {
                refusals++;
            }
        }

        return refusals;
    }

    [Fact]
    public void Inspect_PyTorchCheckpoint_ListsSectionsAndValues()
    {
        var reference = Interop.Case("rosinality_s32");

        var found = Inspection.Inspect(reference.PathOf("010000.pt"));

        Assert.Equal(reference["checkpoint"].GetProperty("sha256").GetString(), found.Sha256);
        Assert.Contains("g_ema", found.Sections.Select(section => section.Name));
        Assert.Equal(reference["checkpoint"].GetProperty("pickle_globals").EnumerateArray().Select(
            name => name.GetString()!).Order(StringComparer.Ordinal), found.Globals.Order(StringComparer.Ordinal));
        Assert.Equal(("stylegan2", 3, 32), (found.Generator!.Architecture, found.Generator.Channels, found.Generator.Resolution));
    }

    public static TheoryData<string, string, string, string, int> Inspected => new()
    {
        { "nvidia_r64_c3_cond", "network-snapshot-000200.pkl", "nvidia", "stylegan2-ada", 64 },
        { "nvidia_r32_c1_uncond", "network-snapshot-000200.pkl", "nvidia", "stylegan2-ada", 32 },
        { "csinva_mlp_gan", "G--300.ckpt", "pytorch", "mlp-gan", 28 },
    };

    [Theory]
    [MemberData(nameof(Inspected))]
    public void Inspect_AnyFormat_SaysWhatItIs(string name, string file, string format, string architecture, int resolution)
    {
        var found = Inspection.Inspect(Interop.Case(name).PathOf(file));

        Assert.Equal(
            (format, architecture, resolution), (found.Format, found.Generator!.Architecture, found.Generator.Resolution));
        Assert.True(found.Types[nameof(ElementType.F32)] > 3 && found.Parameters > 10_000);
        Assert.Contains("torch._utils _rebuild_tensor_v2", found.Globals);
        Assert.Empty(found.Refused);
    }

    [Fact]
    public void Inspect_Nvidia_ListsTheGlobalsItRefersTo()
    {
        foreach (var name in (string[])["nvidia_r64_c3_cond", "nvidia_r32_c1_uncond"])
        {
            var reference = Interop.Case(name);
            var listed = reference["checkpoint"].GetProperty("pickle_globals")
                .EnumerateArray()
                .Select(global => global.GetString()!);
            var found = Inspection.Inspect(reference.PathOf("network-snapshot-000200.pkl"));

            // The case lists those of the outer pickle; storages and protocol 4's own opcode for sets make the difference.
            Assert.Equal(
                listed.Except(["builtins set"]).Append("torch FloatStorage").Order(StringComparer.Ordinal),
                found.Globals.Except(["builtins set"]));
        }
    }

    public static TheoryData<string> Formats => [.. CheckpointFormats.Names];

    [Theory]
    [MemberData(nameof(Formats))]
    public void EveryFormat_OtherContent_IsOneClearError(string format)
    {
        File.WriteAllText(At("text"), "this is no checkpoint at all, but long enough to look into");

        var failed = Assert.Throws<CheckpointException>(() => CheckpointFormats.Read(At("text"), format));

        Assert.Contains(At("text"), failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Digest_OtherThanPinned_NamesBoth()
    {
        File.WriteAllText(At("some"), "x");

        var failed = Assert.Throws<CheckpointException>(
            () => CheckpointDigest.RequirePinned(CheckpointFile.Open(At("some")), new string('a', 64)));

        Assert.Contains(new string('a', 64), failed.Message, StringComparison.Ordinal);
        // The digest is the SHA-256 of "x".
        Assert.Contains(
            "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881", failed.Message, StringComparison.Ordinal);
    }

    private void WriteZip(byte[] pickle)
    {
        using var zip = new ZipArchive(File.Create(At("evil.pt")), ZipArchiveMode.Create);
        using (var entry = zip.CreateEntry("archive/data.pkl", CompressionLevel.NoCompression).Open())
            entry.Write(pickle);
        using (var entry = zip.CreateEntry("archive/version", CompressionLevel.NoCompression).Open())
            entry.Write("3\n"u8);
    }

    private string At(string name) => Path.Combine(_folder, name);
}
