using System.Text;
using AdaptThenUnlearn.Onnx.Export;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Tests.Checkpoints;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Onnx.Tests;

/// <summary>Files that are no graphs, or graphs that are not run; and what is said of those that are.</summary>
public sealed class GraphFileTests : IDisposable
{
    private readonly GraphFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "Git LFS pointer")]
    [InlineData("<!DOCTYPE html><html></html>", "web page")]
    [InlineData("words and words and words", "is of no known format")]
    public void Load_AnotherFile_SaysWhatItIs(string content, string expected) => Assert.Contains(
        expected, GraphFolder.Refused(() => GraphFolder.Generator(_folder.Write(Encoding.UTF8.GetBytes(content)))),
        StringComparison.Ordinal);

    [Fact]
    public void Load_CutOff_IsRefused()
    {
        var whole = File.ReadAllBytes(_folder.WriteGenerator([1, 4, 4]).Path);
        for (var length = 3; length < whole.Length; length += 7)
        {
            var path = _folder.Write(whole[..length], "cut.onnx");
            Assert.Throws<CheckpointException>(() => GraphFolder.Generator(path));
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData("safetensors")]
    public void Load_FormatNotNamed_IsNotRun(string? format)
    {
        var (path, _) = _folder.WriteGenerator([1, 4, 4]);

        var message = GraphFolder.Refused(() => GeneratorCheckpoint.Load(path, format ?? "auto", null, null, CPU));

        Assert.Contains(
            format is null ? "name the format ('onnx'), and ONNX Runtime runs it" : "it is of the format 'onnx'", message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Load_OperatorThatOnnxDoesNotDefine_IsRefused()
    {
        var graph = new GraphBuilder();
        var made = graph.Node("my.company", "Sharpen", [graph.Input("z", ScalarType.Float32, "N", 4)]);
        graph.Output(made, "images", ScalarType.Float32, "N", 1, 2, 2);

        Assert.Contains("'my.company.Sharpen'", GraphFolder.Refused(() => GraphFolder.Generator(_folder.Write(graph))),
            StringComparison.Ordinal);
    }

    // A function of that name would make "its last layer is Tanh" a guess.
    [Fact]
    public void Load_FunctionUnderOnnxsOwnName_IsRefused()
    {
        var whole = File.ReadAllBytes(_folder.WriteGenerator([1, 4, 4]).Path);
        var function = new WireWriter().Message(25, new WireWriter().Text(1, "Tanh").Text(4, "x").Text(5, "y")
            .Message(7, new WireWriter().Text(1, "x").Text(2, "y").Text(4, "Identity")));

        Assert.Contains(
            "under ONNX's own names ('Tanh')",
            GraphFolder.Refused(() => GraphFolder.Generator(_folder.Write([.. whole, .. function.ToArray()]))),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Load_OperatorThatDrawsRandomNumbers_IsRefused()
    {
        var graph = new GraphBuilder();
        var z = graph.Input("z", ScalarType.Float32, "N", 4);
        var made = graph.Node("Add", [z, graph.Node("RandomNormalLike", [z])]);
        graph.Output(graph.Node("Reshape", [made, graph.Store(-1, 1, 2, 2)]), "images", ScalarType.Float32, "N", 1, 2, 2);

        Assert.Contains("'RandomNormalLike'", GraphFolder.Refused(() => GraphFolder.Generator(_folder.Write(graph))),
            StringComparison.Ordinal);
    }

    // Weights in another file would not be hashed; and the path could name any file of the machine.
    [Theory]
    [InlineData(13)]   // external_data
    [InlineData(14)]   // data_location
    public void Load_WeightsInAnotherFile_AreRefused(int field)
    {
        File.WriteAllBytes(_folder.At("weights.bin"), new byte[64]);
        var tensor = new WireWriter().Integer(1, 4).Integer(1, 4).Integer(2, 1).Text(8, "w");
        if (field == 13)
            tensor.Message(13, new WireWriter().Text(1, "location").Text(2, "weights.bin"));
        tensor.Integer(14, field == 14 ? 1 : 0);
        var graph = new WireWriter()
            .Message(1, new WireWriter().Text(1, "z").Text(1, "w").Text(2, "y").Text(4, "MatMul"))
            .Message(5, tensor);

        var message = GraphFolder.Refused(() => GraphFolder.Generator(_folder.Write(Model(graph).ToArray())));

        Assert.Contains("keeps the weights of 'w' in another file", message, StringComparison.Ordinal);
        Assert.Contains("save_as_external_data=False", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_WeightsOfANodesGraphInAnotherFile_AreRefused()
    {
        var tensor = new WireWriter().Integer(2, 1).Text(8, "hidden").Integer(14, 1);
        var inner = new WireWriter().Message(1, new WireWriter().Text(4, "Constant")
            .Message(5, new WireWriter().Text(1, "value").Message(5, tensor)));
        var graph = new WireWriter().Message(
            1, new WireWriter().Text(4, "If").Message(5, new WireWriter().Text(1, "then_branch").Message(6, inner)));

        Assert.Contains(
            "'hidden' in another file", GraphFolder.Refused(() => GraphFolder.Generator(_folder.Write(Model(graph).ToArray()))),
            StringComparison.Ordinal);
    }

    // Such a file is a message with a producer, and the runtime would take it for its own format, which nobody has checked.
    [Fact]
    public void Load_MessageThatIsTheRuntimesOwnFormatToo_IsRefused()
    {
        var path = _folder.Write(new GraphBuilder().ToFile("ORTM"));

        Assert.Contains("ONNX Runtime's own format", GraphFolder.Refused(() => GraphFolder.Generator(path)),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Load_GraphsWithinGraphsWithoutEnd_AreRefused()
    {
        var graph = new WireWriter();
        for (var depth = 0; depth < 2000; depth++)
            graph = new WireWriter().Message(1, new WireWriter().Text(4, "If").Message(5, new WireWriter().Message(6, graph)));

        Assert.Contains(
            "too deep", GraphFolder.Refused(() => GraphFolder.Generator(_folder.Write(Model(graph).ToArray()))),
                StringComparison.Ordinal);
    }

    [Fact]
    public void Load_NewerOperatorSet_SaysHowToExport()
    {
        var graph = new GraphBuilder(opset: 99);
        var z = graph.Input("z", ScalarType.Float32, "N", 4);
        graph.Output(graph.Node("Reshape", [z, graph.Store(-1, 1, 2, 2)]), "images", ScalarType.Float32, "N", 1, 2, 2);

        var message = GraphFolder.Refused(() => GraphFolder.Generator(_folder.Write(graph)));

        Assert.Contains("opset_version=17", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void Load_OperatorThatDoesNotExist_IsOneLine()
    {
        var graph = new GraphBuilder();
        var made = graph.Node("Sharpen", [graph.Input("z", ScalarType.Float32, "N", 4)]);
        graph.Output(made, "images", ScalarType.Float32, "N", 1, 2, 2);

        var message = GraphFolder.Refused(() => GraphFolder.Generator(_folder.Write(graph)));

        Assert.Contains("cannot be loaded", message, StringComparison.Ordinal);
        Assert.Contains("Sharpen", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void Inspect_AGraph_SaysWhatItTakesAndWhatThePolicyNeeds()
    {
        var (path, _) = _folder.WriteGenerator([1, 4, 4], last: null);

        var found = Inspection.Inspect(path);

        Assert.Equal(("onnx", null), (found.Format, found.Generator));
        Assert.Contains(found.Values, value => (value.Name, value.Text) == ("input z", "float32 [N, 4]"));
        Assert.Contains(found.Values, value => (value.Name, value.Text) == ("output images", "float32 [N, 1, 4, 4]"));
        Assert.Contains(found.Values, value => (value.Name, value.Text) == ("opset", "17"));
        Assert.Contains(found.Values, value => (value.Name, value.Text) == ("operators", "Identity ×1, MatMul ×1, Reshape ×1"));
        Assert.Contains(found.Notes, note => note.StartsWith("It is an ONNX graph; nothing of it was run.",
            StringComparison.Ordinal));
        Assert.Contains(
            "As a generator it needs in the policy: \"format\": \"onnx\", \"output\": { \"range\": \"-1..1\" } (or what it is).",
                found.Notes);
        Assert.All(found.Notes, note => Assert.DoesNotContain("TorchScript", note, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 2)]
    public void Read_ChangedFiles_GiveADescriptionOrTheDocumentedError(bool classifies, int seed)
    {
        var original = File.ReadAllBytes(classifies
            ? _folder.WriteClassifier([1, 8, 8], 3, ScalarType.Byte, "logits", "copy").Path
            : _folder.WriteGenerator([1, 4, 4]).Path);

        var refused = Mutants.CountRefused(original, Mutants.Many / 2, seed, mutant =>
        {
            var path = _folder.Write(mutant, "mutant.onnx");
            try
            {
                using var scope = NewDisposeScope();
                var file = CheckpointFile.Open(path);
                var read = new OnnxFormat().Read(file);
                foreach (var tensor in read.Tensors)
                    tensor.Load().Dispose();
                _ = Inspection.Inspect(file);
                return false;
            }
            catch (CheckpointException)
            {
                return true;
            }
        });

        Assert.InRange(refused, Mutants.Many / 20, Mutants.Many / 2 - 100);   // both ends are reached
    }

    // What passes the reader meets the runtime, which must not end the process.
    [Fact]
    public void Load_ChangedFiles_RunOrAreRefused()
    {
        var original = File.ReadAllBytes(_folder.WriteGenerator([1, 4, 4]).Path);
        const int some = 600;

        var refused = Mutants.CountRefused(original, some, seed: 3, mutant =>
        {
            try
            {
                GraphFolder.Generator(_folder.Write(mutant, "mutant.onnx")).Dispose();
                return false;
            }
            catch (CheckpointException)
            {
                return true;
            }
        });

        Assert.InRange(refused, 1, some - 1);
    }

    private static WireWriter Model(WireWriter graph) => new WireWriter().Integer(1, 8).Text(2, "test").Message(7, graph)
        .Message(8, new WireWriter().Text(1, "").Integer(2, 17));
}
