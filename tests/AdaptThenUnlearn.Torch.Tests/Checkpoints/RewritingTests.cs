using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Checkpoints;

/// <summary>
/// Checks that a checkpoint is saved in its own format: the same bytes for the same weights, and no other difference for other
/// weights.
/// </summary>
public sealed class RewritingTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-rewriting-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public static TheoryData<string, string> Files => new()
    {
        { "rosinality_s32", "010000.pt" },
        { "rosinality_s64", "010000.pt" },
        { "nvidia_r32_c1_uncond", "network-snapshot-000200.pkl" },
        { "nvidia_r64_c3_cond", "network-snapshot-000200.pkl" },
        { "nvidia_r64_c3_cond", "network-snapshot-000200-protocol3.pkl" },
        { "csinva_mlp_gan", "G--300.ckpt" },
        { "csinva_mlp_gan", "D--300.ckpt" },
        { "csinva_dcgan_d", "netD_epoch_99.pth" },
        { "csinva_lenet", "lenet_epoch=12_test_acc=0.991.pth" },
    };

    [Theory]
    [MemberData(nameof(Files))]
    public void Rewrite_ItsOwnValues_GivesTheSameBytes(string name, string file)
    {
        using var scope = NewDisposeScope();
        var original = Interop.Case(name).PathOf(file);
        var read = CheckpointFormats.Read(original);

        CheckpointFormats.Named(read.Format).Rewrite(
            read,
            At("copy"),
            read.Tensors.ToDictionary(tensor => tensor.Name, tensor => tensor.Load()),
            new Dictionary<string, string>());

        Assert.True(File.ReadAllBytes(original).AsSpan().SequenceEqual(File.ReadAllBytes(At("copy"))));
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Rewrite_OneTensor_ChangesNothingElse(string name, string file)
    {
        using var scope = NewDisposeScope();
        var read = CheckpointFormats.Read(Interop.Case(name).PathOf(file));
        var changed = read.Tensors.First(tensor => tensor.Count > 1 && tensor.Type == ElementType.F32);
        var values = randn([.. changed.Shape]);

        CheckpointFormats.Named(read.Format).Rewrite(
            read, At("copy"), new Dictionary<string, Tensor> { [changed.Name] = values }, new Dictionary<string, string>());

        var copy = CheckpointFormats.Read(At("copy"));
        Assert.Equal(read.Values, copy.Values);
        Assert.Equal(
            read.Tensors.Select(tensor => (tensor.Name, tensor.Type, string.Join(' ', tensor.Shape))),
            copy.Tensors.Select(tensor => (tensor.Name, tensor.Type, string.Join(' ', tensor.Shape))));
        foreach (var tensor in read.Tensors)
            Assert.Equal(Small.Bytes(tensor.Name == changed.Name
                ? values
                : tensor.Load()), Small.Bytes(copy[tensor.Name].Load()));
    }

    [Theory]
    [InlineData("rosinality_s32", "010000.pt")]
    [InlineData("rosinality_s64", "010000.pt")]
    public void Rewrite_ZipArchive_HasTheChecksumsOfItsContent(string name, string file)
    {
        using var scope = NewDisposeScope();
        var original = Interop.Case(name).PathOf(file);
        var read = CheckpointFormats.Read(original);
        var one = ones(1);
        var values = read.Tensors.Where(tensor => tensor.Type == ElementType.F32)
            .ToDictionary(tensor => tensor.Name, tensor => tensor.Load() + one);

        CheckpointFormats.Named(read.Format).Rewrite(read, At("copy"), values, new Dictionary<string, string>());

        using var copy = ZipFile.OpenRead(At("copy"));
        using var again = new ZipArchive(new MemoryStream(), ZipArchiveMode.Create);
        foreach (var entry in copy.Entries)
            Assert.Equal(ChecksumOf(entry, again), entry.Crc32);
        using var before = ZipFile.OpenRead(original);
        Assert.NotEqual(before.Entries.Select(entry => entry.Crc32), copy.Entries.Select(entry => entry.Crc32));
    }

    [Fact]
    public void SaveInFormatOf_ChangedNetworks_LeavesNoGeneratorAsItWas()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        foreach (var (name, file) in new[]
        {
            ("rosinality_s32", "010000.pt"),
            ("nvidia_r64_c3_cond", "network-snapshot-000200.pkl")
        })
        {
            var original = Interop.Case(name).PathOf(file);
            using var loaded = GeneratorCheckpoint.Load(original, "auto", null, null, CPU);
            using var networks = new GanPair(loaded.Generator, loaded.Discriminator!).Copy();
            foreach (var parameter in networks.Generator.parameters().Concat(networks.Discriminator.parameters()))
                parameter.mul_(1.25f);
            GeneratorCheckpoint
                .SaveInFormatOf(CheckpointFile.Open(original), loaded, At("saved"), networks, new Dictionary<string, string>());

            foreach (var network in (string[])["ema", "generator"])
            {
                using var saved = GeneratorCheckpoint.Load(At("saved"), loaded.Format, null, null, CPU, network);
                Assert.Equal(
                    networks.Generator.parameters().Select(parameter => Small.Bytes(parameter)),
                    saved.Generator.parameters().Select(parameter => Small.Bytes(parameter)));
                Assert.Equal(
                    networks.Discriminator.parameters().Select(parameter => Small.Bytes(parameter)),
                    saved.Discriminator!.parameters().Select(parameter => Small.Bytes(parameter)));
            }
        }
    }

    [Fact]
    public void Rewrite_Safetensors_KeepsTypesAndAddsTheMetadata()
    {
        using var scope = NewDisposeScope();
        SafetensorsFile.Write(
            At("half"), new Dictionary<string, Tensor>
            {
                ["a"] = tensor([1f, 2f])
                .to(float16),
                ["b"] = tensor([3f]).to(bfloat16),
                ["c"] = arange(3, int64)
            },
            new Dictionary<string, string> { ["kept"] = "yes", ["policy"] = "earlier" });

        var read = CheckpointFormats.Read(At("half"));
        CheckpointFormats.Named(read.Format).Rewrite(
            read,
            At("copy"),
            new Dictionary<string, Tensor> { ["a"] = tensor([0.5f, 0.1f]) },
            new Dictionary<string, string> { ["policy"] = "no-eights" });

        var copy = SafetensorsFile.Read(At("copy"));
        Assert.Equal(new Dictionary<string, string> { ["kept"] = "yes", ["policy"] = "no-eights" }, copy.Metadata);
        Assert.Equal(
            read.Tensors.Select(tensor => (tensor.Name, tensor.Type)), copy.Tensors.Select(tensor => (tensor.Name, tensor.Type)));
        Assert.Equal([0x00, 0x38, 0x66, 0x2e], Small.Bytes(copy["a"].Load()));   // IEEE 754 halves of 0.5 and 0.1
        Assert.Equal(Small.Bytes(read["b"].Load()), Small.Bytes(copy["b"].Load()));
    }

    // Python's own zip and pickle readers, with stand-ins for torch: archive and checksums are whole, and the values are where
    // PyTorch will look for them.
    private const string PythonReader = """
        import collections, pickle, struct, sys, zipfile
        archive = zipfile.ZipFile(sys.argv[1])
        assert archive.testzip() is None
        class Reader(pickle.Unpickler):
            def find_class(self, module, name):
                return collections.OrderedDict if name == 'OrderedDict' else type(name, (), {'__new__': lambda cls, *a: a or object.__new__(cls)})
            def persistent_load(self, id):
                return archive.read(root + 'data/' + id[2])
        pickled = [name for name in archive.namelist() if name.endswith('/data.pkl')][0]
        root = pickled[:-len('data.pkl')]
        storage, first, shape, *_ = Reader(archive.open(pickled)).load()['g_ema']['conv1.activate.bias']
        print(*struct.unpack_from('<%df' % shape[0], storage, 4 * first))
        """;

    [Fact]
    public void Rewrite_ReadByPython_HoldsTheValues()
    {
        using var scope = NewDisposeScope();
        var read = CheckpointFormats.Read(Interop.Case("rosinality_s32").PathOf("010000.pt"));
        var values = arange(read["g_ema/conv1.activate.bias"].Count, float32) / 8;   // exact in text and in float32
        CheckpointFormats.Named(read.Format).Rewrite(
            read,
            At("copy"),
            new Dictionary<string, Tensor> { ["g_ema/conv1.activate.bias"] = values },
            new Dictionary<string, string>());
        File.WriteAllText(At("reader.py"), PythonReader);

        Assert.Equal(
            values.data<float>().ToArray(),
            Python(At("reader.py"), At("copy")).Split(' ').Select(number => float.Parse(number, CultureInfo.InvariantCulture)));
    }

    private static string Python(params string[] arguments)
    {
        try
        {
            using var process = Process.Start(
                new ProcessStartInfo("python3", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            var (output, errors) = (process.StandardOutput.ReadToEnd(), process.StandardError.ReadToEnd());
            process.WaitForExit();
            Assert.True(process.ExitCode == 0, errors);
            return output;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("python3 is not on this machine");
            throw;
        }
    }

    private static uint ChecksumOf(ZipArchiveEntry entry, ZipArchive scratch)
    {
        var written = scratch.CreateEntry(entry.FullName, CompressionLevel.NoCompression);
        using (var from = entry.Open())
        using (var into = written.Open())
            from.CopyTo(into);
        return written.Crc32;
    }

    private string At(string name) => Path.Combine(_folder, name);
}
