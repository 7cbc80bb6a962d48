using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using static AdaptThenUnlearn.Torch.Tests.Checkpoints.PickleText;

namespace AdaptThenUnlearn.Torch.Tests.Checkpoints;

/// <summary>
/// Checks what real and older checkpoints hold beside their weights: plain values are read, others are passed over, and nothing
/// is run.
/// </summary>
public sealed class BesideWeightsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-beside-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static byte[] Weights => Tensor(Storage("0", 6, old: false), 0, [2, 3], [3, 1]);

    private static readonly Dictionary<string, Func<byte[]>> _beside = new()
    {
        ["NumPy number"] = () => NumPyNumber(0.25),
        ["NumPy array"] = () => NumPyArray([1, 2, 3]),
        ["NumPy random state"] = () => Call(Global("numpy.random._pickle", "__randomstate_ctor"), Text("MT19937")),
        ["device"] = () => Call(Global("torch", "device"), Text("cuda"), Integer(0)),
        ["element type"] = () => Global("torch", "float32"),
        ["counter"] = () => Call(Global("collections", "Counter"), Dictionary(("a", Integer(1)))),
        ["default dictionary"] =
            () => Keyed(Call(Global("collections", "defaultdict"), Global("__builtin__", "list")), (Text("a"), List(Real(1)))),
        ["path"] = () => Call(Global("pathlib", "PosixPath"), Text("/"), Text("data")),
        ["moment"] = () => Call(Global("datetime", "datetime"), AsText([7, 231, 1, 2, 3, 4, 5, 0, 0, 0])),
        ["complex number"] = () => Call(Global("__builtin__", "complex"), Real(1), Real(2)),
        ["object of the project's own class"] = () => [.. Call(
            Global("copy_reg", "_reconstructor"),
            Global("project.config", "Config"),
            Global("__builtin__", "object"),
            None), .. Dictionary(("size", Integer(64))), (byte)'b'],
        ["keys that are not text"] = () => Keyed(
            "}"u8.ToArray(),
            (Tuple(Integer(4), Integer(4)), Integer(1)),
            (None, Integer(2)),
            (Real(0.5), Integer(3)),
            (Call(Global("__builtin__", "complex"), Real(0), Real(1)), Integer(4))),
        ["long history"] = () => List([.. Enumerable.Repeat(Tuple(Integer(1), NumPyNumber(0.5)), 20_000)]),
        ["long text"] = () => Text(new string('x', 3 << 20)),
        ["instance of Python 2"] = () => [.. "(iproject\nConfig\n"u8, .. Dictionary(), (byte)'b'],
        ["text and numbers of protocol 0"] = () => List(
            "S'it''s'\n"u8.ToArray(),
            "Vtext\n"u8.ToArray(),
            "I7\n"u8.ToArray(),
            "I01\n"u8.ToArray(),
            "L99999999999999999999L\n"u8.ToArray(),
            "F0.5\n"u8.ToArray()),
    };

    public static TheoryData<string> Kinds => [.. _beside.Keys];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Read_PlainValueBesideTheWeights_ReadsTheWeightsAndKeepsTheValueInTheCopy(string kind)
    {
        using var scope = TorchSharp.torch.NewDisposeScope();
        var original = Zip(
            Pickle(Dictionary(("g", Dictionary(("w", Weights))), ("beside", _beside[kind]()))), ("0", Raw([1, 2, 3, 4, 5, 6])));
        File.WriteAllBytes(At("file"), original);

        var read = CheckpointFormats.Read(At("file"));
        CheckpointFormats.Named(read.Format).Rewrite(
            read,
            At("copy"),
            new Dictionary<string, TorchSharp.torch.Tensor> { ["g/w"] = read["g/w"].Load() },
            new Dictionary<string, string>());

        Assert.Equal(["g/w"], read.Tensors.Select(tensor => tensor.Name));
        Assert.Equal(Raw([1, 2, 3, 4, 5, 6]), Small.Bytes(read["g/w"].Load()));
        Assert.Empty(read.Refused);
        Assert.Empty(read.Unread);
        Assert.Equal(original, File.ReadAllBytes(At("copy")));
    }

    [Fact]
    public void Read_NumPyNumber_HasItsValue()
    {
        Write(("g", Dictionary(("w", Weights))), ("best", NumPyNumber(0.25)));

        Assert.Contains(new PlainValue("best", "number", "0.25"), CheckpointFormats.Read(At("file")).Values);
    }

    [Fact]
    public void Read_CounterAndDefaultDictionary_HaveTheirItems()
    {
        Write(
            ("g", Dictionary(("w", Weights))), ("counts", Call(Global("collections", "Counter"), Dictionary(("a", Integer(3))))),
            ("more", Keyed(
                Call(Global("collections", "defaultdict"), Global("__builtin__", "int")),
                (Tuple(Integer(4), Text("b")), Integer(5)))));

        var values = CheckpointFormats.Read(At("file")).Values;

        Assert.Contains(new PlainValue("counts/a", "integer", "3"), values);
        Assert.Contains(new PlainValue("more/(4, b)", "integer", "5"), values);
    }

    [Fact]
    public void Read_UnknownClass_IsSaidToBePassedOver()
    {
        Write(
            ("g", Dictionary(("w", Weights))),
            ("config", Call(Global("project.config", "Config"), Integer(1))),
            ("device", Call(Global("torch", "device"), Text("cpu"))));

        Assert.Equal(["project.config Config"], CheckpointFormats.Read(At("file")).PassedOver);
    }

    [Fact]
    public void Read_TensorsWithinAnUnknownClass_AreToldAndNotRead()
    {
        Write(("g", Dictionary(("w", Weights))), ("copy", Call(Global("project", "Average"), Dictionary(("w", Weights)))));

        var unread = Assert.Single(CheckpointFormats.Read(At("file")).Unread);

        Assert.Equal(("copy", "project Average"), (unread.Name, unread.Kind));
    }

    [Theory]
    [InlineData("_rebuild_sparse_tensor")]
    [InlineData("_rebuild_tensor_v3")]
    public void Load_TensorOfAKindThatIsNotRead_NamesItAndItsKind(string maker)
    {
        Write(("w", Call(Global("torch._utils", maker), Weights)), ("v", Weights));

        var failed = Assert.Throws<CheckpointException>(() => CheckpointFormats.Read(At("file"))["w"]);

        Assert.Contains($"'w' is kept as 'torch._utils {maker}'", failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_OldFileOfPython2_ReadsTheSameTensors()
    {
        using var scope = TorchSharp.torch.NewDisposeScope();
        File.WriteAllBytes(At("file"), CheckpointMutants.Originals["old stream of Python 2"]);

        Assert.Equal(Raw([1, 2, 3, 4, 5, 6]), Small.Bytes(CheckpointFormats.Read(At("file"))["a.weight"].Load()));
    }

    [Theory]
    [InlineData("torch._utils", "_rebuild_parameter", 3)]
    [InlineData("torch._utils", "_rebuild_parameter_with_state", 4)]
    public void Read_Parameter_IsItsTensor(string module, string name, int arguments)
    {
        using var scope = TorchSharp.torch.NewDisposeScope();
        byte[][] given = [Weights, [0x88], Call(Global("collections", "OrderedDict")), Dictionary(("tag", Text("x")))];
        Write(("w", Call(Global(module, name), given[..arguments])));

        Assert.Equal(Raw([1, 2, 3, 4, 5, 6]), Small.Bytes(CheckpointFormats.Read(At("file"))["w"].Load()));
    }

    [Fact]
    public void Read_TensorWithAttributes_IsTheTensor()
    {
        using var scope = TorchSharp.torch.NewDisposeScope();
        byte[] arguments = Tuple(
            Storage("0", 6, old: false),
            Integer(0),
            Tuple(Integer(2), Integer(3)),
            Tuple(Integer(3), Integer(1)),
            [0x89],
            Call(Global("collections", "OrderedDict")));
        Write(("w", Call(
            Global("torch._tensor", "_rebuild_from_type_v2"),
            Global("torch._utils", "_rebuild_tensor_v2"),
            Global("torch.nn.parameter", "Parameter"),
            arguments,
            Dictionary(("tag", Text("x"))))));

        Assert.Equal(Raw([1, 2, 3, 4, 5, 6]), Small.Bytes(CheckpointFormats.Read(At("file"))["w"].Load()));
    }

    [Theory]
    [InlineData("project.torch_utils.persistence")]
    [InlineData("persistence")]
    public void Read_NvidiasCodeUnderAnotherName_ReadsTheSameObjects(string module)
    {
        var pickle = CheckpointMutants.Originals["bare pickle"];
        var renamed = System.Text.Encoding.Latin1.GetString(pickle)
            .Replace("ctorch_utils.persistence\n", $"c{module}\n", StringComparison.Ordinal);
        File.WriteAllBytes(At("file"), System.Text.Encoding.Latin1.GetBytes(renamed));

        Assert.Equal(["G_ema/w", "G_ema/b"], CheckpointFormats.Read(At("file")).Tensors.Select(tensor => tensor.Name));
    }

    [Fact]
    public void Read_NvidiasPickleOfProtocol2_ReadsTensorsThatLieThereAsText()
    {
        using var scope = TorchSharp.torch.NewDisposeScope();
        var values = Enumerable.Range(0, 70_000).Select(number => number / 7f).ToArray();   // longer than what is held of a text
        File.WriteAllBytes(At("file"), Pickle(Dictionary(("G_ema", Object(
            "Generator", "", ("_parameters", Dictionary(("w", Encoded(values, 70_000)), ("v", Encoded([1, 2], 2)))))))));

        var read = CheckpointFormats.Read(At("file"));

        Assert.Equal(Raw(values), Small.Bytes(read["G_ema/w"].Load()));
        Assert.Equal(Raw([1, 2]), Small.Bytes(read["G_ema/v"].Load()));
    }

    public static TheoryData<string, byte[]> Unsupported => new()
    {
        { "out-of-band buffers", Pickle(Dictionary(("w", [0x97]))) },
        { "extension registry", Pickle([0x82, 1]) },
        { "pickle protocol 6", [0x80, 6, (byte)'N', (byte)'.'] },
    };

    [Theory]
    [MemberData(nameof(Unsupported))]
    public void Read_WhatIsNotSupported_SaysSoAndAccusesNobody(string what, byte[] pickle)
    {
        File.WriteAllBytes(At("file"), Zip(pickle));

        var failed = Assert.Throws<CheckpointException>(() => CheckpointFormats.Read(At("file")));

        Assert.Contains(what, failed.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("mislead", failed.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("F8_E4M3", 1)]
    [InlineData("F8_E5M2", 1)]
    [InlineData("F8_E8M0", 1)]
    [InlineData("U16", 2)]
    [InlineData("U32", 4)]
    [InlineData("U64", 8)]
    [InlineData("C64", 8)]
    [InlineData("Q7", 3)]
    public void Safetensors_TensorOfAnotherTypeBesideTheWeights_IsKeptAndNotRead(string type, int bytes)
    {
        using var scope = TorchSharp.torch.NewDisposeScope();
        var (from, end) = (4 + 2 * bytes, 8 + 2 * bytes);
        var header =
            """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"""
            + $$$""","odd":{"dtype":"{{{type}}}","shape":[2],"data_offsets":[4,{{{from}}}]}"""
            + $$$""","z":{"dtype":"F32","shape":[1],"data_offsets":[{{{from}}},{{{end}}}]}}""";
        byte[] data = [.. Raw([1]), .. Enumerable.Range(1, 2 * bytes).Select(number => (byte)number), .. Raw([2])];
        File.WriteAllBytes(At("file"), [.. Int64(header.Length), .. System.Text.Encoding.ASCII.GetBytes(header), .. data]);

        var read = CheckpointFormats.Read(At("file"));
        CheckpointFormats.Named(read.Format).Rewrite(
            read,
            At("copy"),
            new Dictionary<string, TorchSharp.torch.Tensor> { ["z"] = TorchSharp.torch.tensor([3f]) },
            new Dictionary<string, string>());

        Assert.Equal(["a", "z"], read.Tensors.Select(tensor => tensor.Name));
        Assert.Equal(("odd", type), (read.Unread[0].Name, read.Unread[0].Kind));
        Assert.Contains(
            $"'odd' is kept as '{type}'",
            Assert.Throws<CheckpointException>(() => read["odd"]).Message,
            StringComparison.Ordinal);
        Assert.Equal([.. data[..^4], .. Raw([3])], File.ReadAllBytes(At("copy"))[^data.Length..]);
        Assert.Equal(type, Assert.Single(CheckpointFormats.Read(At("copy")).Unread).Kind);
    }

    private void Write(params (string, byte[])[] items) =>
        File.WriteAllBytes(At("file"), Zip(Pickle(Dictionary(items)), ("0", Raw([1, 2, 3, 4, 5, 6]))));

    private string At(string name) => Path.Combine(_folder, name);
}
