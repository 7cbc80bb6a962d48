using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using static AdaptThenUnlearn.Torch.Tests.Checkpoints.PickleText;

namespace AdaptThenUnlearn.Torch.Tests.Checkpoints;

/// <summary>
/// Checks that files that try to run code, to exhaust memory or time, or to mislead are refused at once, and that nothing in them
/// runs.
/// </summary>
public sealed class AttackTests : IDisposable
{
    private const long AllowedBytes = 200 << 20;

    private static readonly string _trace = Path.Combine(Path.GetTempPath(), "atu-attack-trace");
    private static readonly byte[] _touch = Call(Global("posix", "system"), Text($"touch {_trace}"));

    private readonly string _folder = Directory.CreateTempSubdirectory("atu-attacks-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static readonly Dictionary<string, Func<byte[]>> _attacks = new()
    {
        ["system call in a zip"] = () => Zip(Pickle(_touch)),
        ["system call in an old stream"] = () => Old(Pickle(_touch)),
        ["system call in a bare pickle"] = () => Pickle(_touch),
        ["system call in place of the magic number"] = () => Old(Pickle(None))[..4].Concat(Pickle(_touch)).ToArray(),
        ["eval"] = () => Pickle(Call(Global("builtins", "eval"), Text("__import__('os')"))),
        ["getattr"] = () => Pickle(Call(Global("builtins", "getattr"), Text("a"), Text("b"))),
        ["global by stack"] = () => Pickle([.. Text("os"), .. Text("system"), 0x93]),
        ["call hidden in a storage's bytes"] = () => Pickle(Dictionary(
            ("w", Tensor(Call(Global("torch.storage", "_load_from_bytes"), Bytes(Old(Pickle(_touch)))), 0, [1], [1])))),
        ["storage's bytes that are another pickle"] = () => Pickle(
            Dictionary(("w", Tensor(Call(Global("torch.storage", "_load_from_bytes"), Bytes(Pickle(_touch))), 0, [1], [1])))),
        ["bytes within bytes"] = () => Pickle(Call(
            Global("torch.storage", "_load_from_bytes"),
            Bytes(Old(Pickle(Call(Global("torch.storage", "_load_from_bytes"), Bytes(Old(Pickle(_touch))))))))),
        ["class instead of a function"] = () => Pickle([.. Global("subprocess", "Popen"), .. Tuple(Text("touch")), 0x81]),
        ["old instance opcode"] = () => Pickle("(ios\nsystem\n"u8.ToArray()),
        ["extension registry"] = () => Pickle([0x82, 1]),
        ["state of a global"] = () => Pickle([.. Global("collections", "OrderedDict"), .. Dictionary(("a", None)), (byte)'b']),
        ["call of an allowed name with other arguments"] = () => Pickle(Call(Global("collections", "OrderedDict"), _touch)),
        ["storage class called"] = () => Pickle(Call(Global("torch", "FloatStorage"), Integer(1 << 30))),
        ["object without attributes"] = () => Pickle(Call(
            Global("torch_utils.persistence", "_reconstruct_persistent_obj"), Dictionary(("module_src", Text("import os"))))),
        ["decoded bytes"] = () => Pickle(Call(Global("_codecs", "encode"), Text("x"), Text("latin1"))),

        ["values without end"] = () => Pickle(Repeated("N", 4 << 20)),
        ["lists without end"] = () => Pickle(Repeated("]", 4 << 20)),
        ["dictionaries without end"] = () => Pickle(Repeated("}K\u0001Ns", 1 << 20)),
        ["memo without end"] = () => Pickle(Repeated("]\u0094", 2 << 20)),
        ["marks without end"] = () => Pickle(Repeated("(", 4 << 20)),
        ["one text again and again"] = () => Pickle([.. Text(new string('x', 1 << 19)), 0x94, .. Repeated("}h\0Ns", 1 << 18)]),
        ["one global's name again and again"] =
            () => Pickle([.. Text(new string('x', 1 << 19)), 0x94, .. Repeated("h\0h\0\u0093", 1 << 18)]),
        ["much text"] = () => Pickle([.. Enumerable.Repeat(Text(new string('x', 1 << 19)), 64).SelectMany(text => text)]),
        ["billion laughs"] = () => Pickle(Dictionary(("a", [
            .. Text("lol"), 0x94, .. Enumerable.Range(0, 60).SelectMany(level => (byte[])[(byte)'h', (byte)level, 0x86, 0x94])
        ]))),
        ["billion laughs of lists"] = () => Pickle(Dictionary(("a", [(byte)']', 0x94, .. Enumerable.Range(0, 30)
            .SelectMany(level => (byte[])[(byte)']', (byte)'(', .. Repeated($"h{(char)level}", 20), (byte)'e', 0x94])]))),
        ["long list looked at again and again"] = () => Pickle(Dictionary(("a", [(byte)']', (byte)'(', .. Repeated(
            "N", 400_000), (byte)'e', 0x94, (byte)'0', (byte)']', (byte)'(', .. Repeated("h\0", 200_000), .. Lone, (byte)'e']))),
        ["long list named again and again"] = () => Pickle([(byte)']', (byte)'(', .. Repeated(
            "N", 400_000), (byte)'e', 0x94, (byte)']', (byte)'(', .. Repeated("h\0", 200_000), .. Lone, (byte)'e', 0x86]),
        ["object with much to pass over, again and again"] = () => Pickle(Dictionary(
            ("child", [
                .. Object("Module", "", [.. Enumerable.Range(0, 40_000).Select(number => ($"_{number}", None))]),
                (byte)'r',
                .. Int32(9)
            ]),
            ("G", Object("Generator", "", ("_modules", Dictionary(
                [.. Enumerable.Range(0, 40_000).Select(number => ($"m{number}", (byte[])[(byte)'j', .. Int32(9)]))])))))),
        ["list within itself"] = () => Pickle(Dictionary(("a", "]\u0094h\0a"u8.ToArray()))),
        ["dictionary within itself"] = () => Pickle([(byte)'}', 0x94, .. Text("a"), (byte)'h', 0, (byte)'s']),
        ["text longer than the file"] = () => Pickle([(byte)'X', 0xff, 0xff, 0xff, 0x7f]),
        ["bytes longer than the file"] = () => Pickle([0x8e, .. Int64(long.MaxValue)]),
        ["frame longer than the file"] = () => Pickle([0x95, .. Int64(long.MaxValue)]),
        ["integer of many digits"] = () => Pickle([0x8b, .. Int32(1 << 20), .. new byte[1 << 20]]),
        ["integer as text"] = () => Pickle([(byte)'L', .. Repeated("9", 1 << 20), (byte)'L', (byte)'\n']),
        ["line without end"] = () => Pickle([(byte)'c', .. Repeated("x", 1 << 20)]),
        ["many unknown names"] = () => Pickle([.. Enumerable.Range(0, 100_000).SelectMany(number => Global("m", $"n{number}"))]),

        ["absurd storage in a zip"] = () => Zip(
            Pickle(Dictionary(("w", Tensor(Storage("0", long.MaxValue / 4, old: false), 0, [1], [1])))), ("0", Raw([1]))),
        ["absurd storage in an old stream"] = () => Old(
            Pickle(Dictionary(("w", Tensor(Storage("0", long.MaxValue / 4, old: true), 0, [1], [1])))), ("0", 1, Raw([1]))),
        ["storages of different sizes"] = () => Old(Pickle(Dictionary(
            ("w", Tensor(Storage("0", 1, old: true), 0, [1], [1])),
            ("v", Tensor(Storage("0", 2, old: true), 0, [1], [1])))), ("0", 1, Raw([1]))),
        ["missing storage in a zip"] = () => Zip(Pickle(Dictionary(("w", Tensor(Storage("7", 1, old: false), 0, [1], [1]))))),
        ["missing storage in an old stream"] =
            () => Old(Pickle(Dictionary(("w", Tensor(Storage("7", 1, old: true), 0, [1], [1]))))),
        ["absurd shape"] = () => One(0, [1L << 40, 1L << 40], [1, 1]),
        ["absurd shape hidden by a zero"] = () => One(0, [0, 1L << 62], [1, 1]),
        ["absurd strides"] = () => One(0, [2], [long.MaxValue]),
        ["negative stride"] = () => One(0, [2], [-1]),
        ["negative start"] = () => One(-4, [1], [1]),
        ["expanded storage"] = () => One(0, [1 << 20], [0]),
        ["many dimensions"] = () => One(0, [.. Enumerable.Repeat(1L, 65)], [.. Enumerable.Repeat(1L, 65)]),
        ["same key twice"] = () => Zip(Pickle(Dictionary(("w", None), ("w", None)))),
        ["system call as a key"] = () => Zip(Pickle([(byte)'}', .. _touch, .. None, (byte)'s'])),
        ["system call beside weights"] = () => Zip(
            Pickle(Dictionary(("w", Tensor(Storage("0", 1, old: false), 0, [1], [1])), ("callback", _touch))), ("0", Raw([1]))),
        ["dotted name"] = () => Pickle([.. Text("torch"), .. Text("os.system"), 0x93]),
        ["tensors within something unknown, again and again"] = () => Pickle(Dictionary(
            ("a", [.. Call(Global("project", "Thing"), List([.. Enumerable.Repeat(None, 40_000)])), (byte)'r', .. Int32(9)]),
            ("b", List([.. Enumerable.Repeat((byte[])[(byte)'j', .. Int32(9)], 40_000)])))),
        ["pairs again and again"] = () => Pickle([
            .. List([.. Enumerable.Range(0, 100_000).Select(number => Tuple(Integer(number), None))]),
            (byte)'r',
            .. Int32(9),
            .. Repeated("ccollections\nOrderedDict\nj\u0009\0\0\0\u0085R", 1000)
        ]),
        ["text for bytes again and again"] = () => Pickle([.. Text(new string('x', 1 << 19)), (byte)'r', .. Int32(9),
            .. Repeated(
                "ctorch.storage\n_load_from_bytes\nc_codecs\nencode\nj\u0009\0\0\0X\u0006\0\0\0latin1\u0086R\u0085R", 1000)]),

        ["compressed entry"] = () => Archive(("archive/data.pkl", new byte[1 << 20], CompressionLevel.SmallestSize)),
        ["entry that leads out of the folder"] = () => Archive(
            ("archive/data.pkl", Pickle(Dictionary()), CompressionLevel.NoCompression),
            ("archive/../../evil", [1], CompressionLevel.NoCompression)),
        ["entry with an absolute path"] = () => Archive(
            ("archive/data.pkl", Pickle(Dictionary()), CompressionLevel.NoCompression),
            ("/etc/evil", [1], CompressionLevel.NoCompression)),
        ["two pickles"] = () => Archive(
            ("a/data.pkl", Pickle(Dictionary()), CompressionLevel.NoCompression),
            ("b/data.pkl", Pickle(Dictionary()), CompressionLevel.NoCompression)),
        ["two entries of a name"] = () => Archive(
            ("a/data.pkl", Pickle(Dictionary()), CompressionLevel.NoCompression),
            ("a/data.pkl", Pickle(_touch), CompressionLevel.NoCompression)),
        ["overlapping entries"] = () => Overlapping(),
        ["index that leads out of the folder"] = () => Encoding.UTF8.GetBytes("""{"weight_map":{"w":"../../etc/passwd"} }"""),
        ["index of itself"] = () => Encoding.UTF8.GetBytes("""{"weight_map":{"w":"attack"} }"""),
        ["index with a tensor twice"] =
            () => Encoding.UTF8.GetBytes("""{"weight_map":{"w":"a.safetensors","w":"b.safetensors"} }"""),
        ["index of many files"] = () => Encoding.UTF8.GetBytes("{\"weight_map\":{"
            + string.Join(',', Enumerable.Range(0, 50_000).Select(number => $"\"w{number}\":\"f{number}\""))
            + "}}"),
        ["safetensors header without end"] = () => [.. Int64(90_000_000), (byte)'{'],
        ["safetensors nested deep"] = () => CheckpointMutants
            .Safetensors(new string('{', 100_000).Replace("{", "{\"a\":", StringComparison.Ordinal), 8),
        ["safetensors absurd shape"] = () => CheckpointMutants
            .Safetensors("""{"a":{"dtype":"F32","shape":[9223372036854775807,9223372036854775807],"data_offsets":[0,8]}}""", 8),
    };

    public static TheoryData<string> Attacks => [.. _attacks.Keys];

    [Theory]
    [MemberData(nameof(Attacks))]
    public void Attack_AnyWayOfLooking_IsRefusedAtOnceAndRunsNothing(string name)
    {
        File.Delete(_trace);
        File.WriteAllBytes(At("attack"), _attacks[name]());

        Assert.Throws<CheckpointException>(
            () => GeneratorCheckpoint.Load(At("attack"), "auto", null, null, TorchSharp.torch.CPU));
        Assert.True(Quickly(() => Assert.True(CheckpointMutants.Refuses(At("attack")))), $"{name}: takes longer than a second");
        Assert.True(Quickly(() => Survey(At("attack"))), $"{name}: takes longer than a second to inspect");
        Assert.False(File.Exists(_trace));
    }

    [Fact]
    public void Refusal_UnknownGlobal_NamesIt()
    {
        File.WriteAllBytes(At("attack"), _attacks["call hidden in a storage's bytes"]());

        Assert.Contains(
            "posix system",
            Assert.Throws<CheckpointException>(() => CheckpointFormats.Read(At("attack"))).Message,
            StringComparison.Ordinal);
    }

    public static TheoryData<string> Originals => [.. CheckpointMutants.Originals.Keys];

    [Theory]
    [MemberData(nameof(Originals))]
    public void CutOff_AtEveryByte_IsRefused(string kind)
    {
        var original = CheckpointMutants.Originals[kind];
        CheckpointMutants.Prepare(_folder);
        File.WriteAllBytes(At("whole"), original);
        Assert.False(CheckpointMutants.Refuses(At("whole")));

        for (var length = 0; length < original.Length; length++)
        {
            File.WriteAllBytes(At("cut"), original[..length]);
            Assert.True(CheckpointMutants.Refuses(At("cut")), $"cut off at byte {length}");
        }
    }

    [Theory]
    [MemberData(nameof(Originals))]
    public void Mutants_Thousands_AreReadOrRefusedButNothingElse(string kind)
    {
        CheckpointMutants.Prepare(_folder);
        var mutants = kind == CheckpointMutants.StyleGan3 ? Mutants.Many : 6000;

        var refused = new CheckpointMutants(_folder, seed: kind.Length).CountRefused(CheckpointMutants.Originals[kind], mutants);

        Assert.InRange(refused, mutants / 4, mutants - 1);   // most do harm, some do none
    }

    [Fact]
    public void HonestSource_ThatWouldRunSomething_IsPassedOver()
    {
        File.Delete(_trace);
        File.WriteAllBytes(At("honest"), Pickle(Dictionary(("G_ema", Object(
            "Generator", $"import os; os.system('touch {_trace}')", ("_parameters", Dictionary(("w", Carried([1, 2], 2)))))))));

        var read = CheckpointFormats.Read(At("honest"));

        Assert.Equal(["G_ema/w"], read.Tensors.Select(tensor => tensor.Name));
        Assert.False(File.Exists(_trace));
    }

    // The best of three. Memory and processor time are those of the thread, since other tests run beside this one.
    private static bool Quickly(Action look)
    {
        for (var attempt = 0; attempt < 3; attempt++)
        {
            var (before, clock) = (GC.GetAllocatedBytesForCurrentThread(), SpentSeconds());
            look();
            var elapsed = SpentSeconds() - clock;
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, AllowedBytes);
            if (elapsed < 1)
                return true;
        }

        return false;
    }

    // This thread's processor time (proc(5): utime and stime, in hundredths of a second); the clock where there is no such file.
    private static double SpentSeconds()
    {
        if (!OperatingSystem.IsLinux())
            return Stopwatch.GetTimestamp() / (double)Stopwatch.Frequency;

        var line = File.ReadAllText("/proc/thread-self/stat");
        var fields = line[(line.LastIndexOf(')') + 2)..].Split(' ');   // from the third field, the state, on
        return fields[11..13].Sum(ticks => double.Parse(ticks, CultureInfo.InvariantCulture)) / 100;
    }

    private static void Survey(string path)
    {
        try
        {
            Inspection.Inspect(path);
        }
        catch (CheckpointException)
        {
            // Inspecting may be refused as well; what matters is that nothing else happens.
        }
    }

    // A list that holds a tensor is laid out item by item; any other long one is a value.
    private static byte[] Lone => Carried([1], 1);

    private static byte[] One(long first, long[] shape, long[] strides) =>
        Zip(Pickle(Dictionary(("w", Tensor(Storage("0", 2, old: false), first, shape, strides)))), ("0", Raw([1, 2])));

    private static byte[] Archive(params (string Name, byte[] Content, CompressionLevel Level)[] entries)
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
            foreach (var (name, content, level) in entries)
            {
                using var entry = zip.CreateEntry(name, level).Open();
                entry.Write(content);
            }

        return stream.ToArray();
    }

    // The second entry's place in the directory is given the first one's: one storage's bytes would serve for two.
    private static byte[] Overlapping()
    {
        var zip = Zip(Pickle(Dictionary()), ("0", Raw([1])), ("1", Raw([2])));
        var text = Encoding.Latin1.GetString(zip);
        var (first, second) = (text.LastIndexOf(
            "archive/data/0", StringComparison.Ordinal), text.LastIndexOf("archive/data/1", StringComparison.Ordinal));
        zip.AsSpan(first - 4, 4).CopyTo(zip.AsSpan(second - 4, 4));
        zip[second + "archive/data/".Length] = (byte)'0';
        zip[first + "archive/data/".Length] = (byte)'0';
        return zip;
    }

    private static byte[] Repeated(string opcodes, int times)
    {
        var once = Encoding.Latin1.GetBytes(opcodes);
        var all = new byte[once.Length * times];
        for (var index = 0; index < times; index++)
            once.CopyTo(all, index * once.Length);
        return all;
    }

    private string At(string name) => Path.Combine(_folder, name);
}
