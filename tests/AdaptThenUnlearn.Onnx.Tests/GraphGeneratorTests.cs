using AdaptThenUnlearn.Onnx.Export;
using AdaptThenUnlearn.Policies;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Onnx.Tests;

/// <summary>Generators that are graphs: what their inputs get, and how their output holds images.</summary>
public sealed class GraphGeneratorTests : IDisposable
{
    private readonly GraphFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Load_OneInputThatEndsInTanh_IsFoundAndStated()
    {
        using var scope = NewDisposeScope();
        var (path, weights) = _folder.WriteGenerator([1, 4, 4]);
        using var loaded = GraphFolder.Generator(path);
        var latents = randn(5, 4);

        var images = loaded.Generator.Generate(latents, noise: null);

        Assert.InRange(GraphFolder.Difference(latents.matmul(weights).tanh().view(5, 1, 4, 4), images), 0, 1e-6);
        Assert.Contains("no weights that can be trained", loaded.WhyNotTrainable, StringComparison.Ordinal);
        Assert.Contains(
            loaded.Notes, note => note.Contains("'z' float32 [N, 4]: latent", StringComparison.Ordinal)
                && note.Contains("ONNX Runtime 1.", StringComparison.Ordinal));
        Assert.Contains(loaded.Notes, note => note.Contains("'nchw', found by the shape [8, 1, 4, 4]", StringComparison.Ordinal));
        Assert.Contains(loaded.Notes, note => note.Contains("its last layer is Tanh", StringComparison.Ordinal));
    }

    [Fact]
    public void Load_StatedOutput_IsNotFoundAgain()
    {
        var (path, _) = _folder.WriteGenerator([4, 4, 3], last: null);
        using var loaded = GraphFolder.Generator(path, output: new GraphOutput("images", "nhwc", "-1..1"));

        Assert.Single(loaded.Notes);
        Assert.Equal("3×4×4", loaded.Generator.Shape.ToString());
    }

    [Fact]
    public void Generate_ChannelsLastInUnitRange_GivesTheSameImages()
    {
        using var scope = NewDisposeScope();
        var (path, weights) = _folder.WriteGenerator([4, 4, 3], last: "Sigmoid");
        using var loaded = GraphFolder.Generator(path);
        var latents = randn(5, 4);
        var wanted = (latents.matmul(weights).sigmoid() * 2 - 1).view(5, 4, 4, 3).permute(0, 3, 1, 2);

        var images = loaded.Generator.Generate(latents, noise: null);

        Assert.InRange(GraphFolder.Difference(wanted, images), 0, 1e-6);
        Assert.InRange(GraphFolder.Difference((wanted + 1) / 2, loaded.Generator.ToNetworkRange(images)), 0, 1e-6);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Generate_FixedBatch_MakesAnyNumber(int batch)
    {
        using var scope = NewDisposeScope();
        var (path, weights) = _folder.WriteGenerator([1, 4, 4], batch);
        using var loaded = GraphFolder.Generator(path);
        var latents = randn(7, 4);

        var images = loaded.Generator.Generate(latents, noise: null);

        Assert.InRange(GraphFolder.Difference(latents.matmul(weights).tanh().view(7, 1, 4, 4), images), 0, 1e-6);
    }

    [Fact]
    public void Generate_HalfPrecision_IsConverted()
    {
        using var scope = NewDisposeScope();
        var (path, weights) = _folder.WriteGenerator([1, 4, 4], type: ScalarType.Float16);
        using var loaded = GraphFolder.Generator(path);
        var latents = randn(5, 4);

        var images = loaded.Generator.Generate(latents, noise: null);

        Assert.Equal(ScalarType.Float32, images.dtype);
        Assert.InRange(GraphFolder.Difference(latents.matmul(weights).tanh().view(5, 1, 4, 4), images), 1e-8, 1e-2);
    }

    [Fact]
    public void Generate_BytesOutOfColumns_AreImages()
    {
        using var scope = NewDisposeScope();
        var graph = new GraphBuilder();
        var z = graph.Input("z", ScalarType.Float32, "N", 16, 1, 1);
        var levels = graph.Node(
            "Clip", [graph.Node("Add", [graph.Node("Mul", [z, graph.Store(50f)]), graph.Store(128f)]), graph.Store(0f),
                graph.Store(255f)]);
        var bytes = graph.Node("Cast", [graph.Node("Reshape", [levels, graph.Store(-1, 1, 4, 4)])], ("to", 2L));
        graph.Output(bytes, "images", ScalarType.Byte, "N", 1, 4, 4);
        using var loaded = GraphFolder.Generator(_folder.Write(graph));
        var latents = randn(6, 16);

        var images = loaded.Generator.Generate(latents, noise: null);

        var wanted = (latents * 50 + 128).clamp(0, 255).trunc().view(6, 1, 4, 4) / 127.5 - 1;
        Assert.InRange(GraphFolder.Difference(wanted, images), 0, 1e-6);
        Assert.Contains(loaded.Notes, note => note.Contains("its images are bytes", StringComparison.Ordinal));
    }

    // images = tanh(psi · reshape(z) + noise + label · ramp + constant)
    [Fact]
    public void Generate_SeveralInputs_EachGetsWhatThePolicySays()
    {
        using var scope = NewDisposeScope();
        using var loaded = GraphFolder.Generator(WriteConditional(), _stated);
        var (latents, noise) = (randn(5, 16), randn(5, 1, 4, 4));

        var images = loaded.Generator.Generate(latents, [noise], truncation: 0.5);

        var wanted = (0.5 * latents.view(5, 1, 4, 4) + noise + 2 + 0.25).tanh();
        Assert.InRange(GraphFolder.Difference(wanted, images), 0, 1e-6);
        Assert.True(loaded.Generator.SupportsTruncation);
        Assert.Equal([4], loaded.Generator.NoiseSizes);
        Assert.Equal(16, loaded.Generator.LatentSize);
        Assert.Contains("'c' float32 [N, 3]: label, class 1", loaded.Notes[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Generate_DrawnLabel_IsTheLargestOfTheLastNumbers()
    {
        using var scope = NewDisposeScope();
        using var loaded = GraphFolder.Generator(
            WriteConditional(), new Dictionary<string, GraphInput>(_stated) { ["c"] = new(GraphInput.Label) });
        var latents = cat([zeros(2, 16), tensor(new float[,] { { 3, 1, 2 }, { 0, 1, 2 } })], dim: 1);

        var images = loaded.Generator.Generate(latents, noise: null);

        Assert.Equal((19, 3), (loaded.Generator.LatentSize, loaded.Generator.Classes));
        Assert.InRange(images[0].max().item<float>() - Math.Tanh(1.25), -1e-6, 1e-6);
        Assert.InRange(images[1].max().item<float>() - Math.Tanh(3.25), -1e-6, 1e-6);
    }

    [Fact]
    public void Load_SeveralInputsOfWhichNothingIsSaid_SaysTheLineToAdd()
    {
        var message = GraphFolder.Refused(() => GraphFolder.Generator(WriteConditional()));

        Assert.Contains("has 5 inputs", message, StringComparison.Ordinal);
        Assert.Contains("\"inputs\": { \"z\": { \"is\": \"latent\" }, \"psi\": { \"is\": \"truncation\" }", message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("c", "label", 3, null, "has 3 classes, 0 to 2, and 'class' says 3")]
    [InlineData("k", "constant", null, 3, "takes 1 numbers for an image, and 'value' has 3")]
    [InlineData("psi", "noise", null, null, "cannot be noise")]
    [InlineData("n", "truncation", null, null, "cannot be the truncation")]
    [InlineData("other", "constant", null, 1, "has no input 'other'; it has 'z'")]
    public void Load_InputThatCannotBeThat_IsRefused(string name, string kind, int? number, int? values, string expected)
    {
        var stated = new Dictionary<string, GraphInput>(_stated)
        {
            [name] = new(kind, number, values is { } count ? [.. Enumerable.Repeat(1.0, count)] : null),
        };

        Assert.Contains(
            expected, GraphFolder.Refused(() => GraphFolder.Generator(WriteConditional(), stated)), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_InputOfWhichNothingIsSaid_IsRefused()
    {
        var stated = new Dictionary<string, GraphInput>(_stated);
        stated.Remove("k");

        Assert.Contains(
            "has an input 'k' float32 [], of which 'inputs' says nothing",
            GraphFolder.Refused(() => GraphFolder.Generator(WriteConditional(), stated)), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_RangeThatNothingShows_IsAskedFor()
    {
        var (path, _) = _folder.WriteGenerator([1, 4, 4], last: null);

        Assert.Contains(
            "add \"output\": { \"range\": \"-1..1\" }", GraphFolder.Refused(() => GraphFolder.Generator(path)),
                StringComparison.Ordinal);
    }

    // A wrong range makes every image nearly black or white, in which no classifier sees anything.
    [Theory]
    [InlineData("Sigmoid", "-1..1")]
    [InlineData("Sigmoid", "0..255")]
    [InlineData("Tanh", "0..1")]
    [InlineData("Tanh", "0..255")]
    public void Load_RangeThatIsNotTrue_IsRefused(string last, string range)
    {
        var (path, _) = _folder.WriteGenerator([1, 4, 4], last: last);

        Assert.Contains(
            $"images in '{range}' were expected",
            GraphFolder.Refused(() => GraphFolder.Generator(path, output: new GraphOutput(Range: range))),
                StringComparison.Ordinal);
    }

    [Fact]
    public void Load_LayoutThatNothingShows_IsAskedFor()
    {
        var (path, _) = _folder.WriteGenerator([3, 3, 3]);

        Assert.Contains(
            "\"layout\": \"nchw\"", GraphFolder.Refused(() => GraphFolder.Generator(path)), StringComparison.Ordinal);
        using var loaded = GraphFolder.Generator(path, output: new GraphOutput(Layout: "nhwc"));
        Assert.Equal(3, loaded.Generator.Shape.Resolution);
    }

    [Theory]
    [InlineData(new long[] { 16 }, "no square images of 1 or 3 channels")]
    [InlineData(new long[] { 1, 2, 8 }, "no square images of 1 or 3 channels")]
    [InlineData(new long[] { 4, 2, 2 }, "no square images of 1 or 3 channels")]
    public void Load_OutputThatHoldsNoImages_IsRefused(long[] shape, string expected)
    {
        var (path, _) = _folder.WriteGenerator(shape);

        Assert.Contains(expected, GraphFolder.Refused(() => GraphFolder.Generator(path)), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_DynamicWidth_NeedsTheLatentSize()
    {
        var graph = new GraphBuilder();
        var z = graph.Input("z", ScalarType.Float32, "N", "width");
        graph.Output(
            graph.Node("Reshape", [graph.Node("Tanh", [z]), graph.Store(-1, 1, 4, 4)]), "images", ScalarType.Float32, "N", 1, 4,
                4);
        var path = _folder.Write(graph);

        Assert.Contains("\"latentSize\"", GraphFolder.Refused(() => GraphFolder.Generator(path)), StringComparison.Ordinal);
        using var loaded = GraphFolder.Generator(path, latentSize: 16);
        Assert.Equal(16, loaded.Generator.LatentSize);
    }

    [Fact]
    public void Load_ConstantOfADynamicShape_IsRefused()
    {
        var graph = new GraphBuilder();
        var (z, k) = (graph.Input("z", ScalarType.Float32, "N", 16), graph.Input("k", ScalarType.Float32, "N", "width"));
        graph.Output(
            graph.Node("Tanh", [graph.Node("Reshape", [graph.Node("Add", [z, k]), graph.Store(-1, 1, 4, 4)])]), "images",
            ScalarType.Float32, "N", 1, 4, 4);
        var path = _folder.Write(graph);
        var stated = new Dictionary<string, GraphInput>
        {
            ["z"] = new(GraphInput.Latent),
            ["k"] = new(GraphInput.Constant, Value: [1, 2]),
        };

        Assert.Contains(
            "has a dynamic dimension that nothing decides", GraphFolder.Refused(() => GraphFolder.Generator(path, stated)),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Load_OtherLatentSizeThanTheGraphs_IsRefused()
    {
        var (path, _) = _folder.WriteGenerator([1, 4, 4]);

        Assert.Contains(
            "takes latents of 4 numbers, and 'latentSize' says 5",
            GraphFolder.Refused(() => GraphFolder.Generator(path, latentSize: 5)), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_ImagesThatAreNotFinite_AreRefused()
    {
        var (path, _) = _folder.WriteGenerator([1, 4, 4], last: "Sqrt");   // of negative numbers too

        Assert.Contains(
            "makes images that are not finite",
            GraphFolder.Refused(() => GraphFolder.Generator(path, output: new GraphOutput(Range: "-1..1"))),
                StringComparison.Ordinal);
    }

    [Fact]
    public void Load_OutputThatIsNotThere_NamesThoseThatAre()
    {
        var (path, _) = _folder.WriteGenerator([1, 4, 4]);

        Assert.Contains(
            "has no output 'pictures'; it has 'images' float32 [N, 1, 4, 4]",
            GraphFolder.Refused(() => GraphFolder.Generator(path, output: new GraphOutput("pictures"))),
                StringComparison.Ordinal);
    }

    [Fact]
    public void Copy_OfAGraph_MakesTheSameImages()
    {
        using var scope = NewDisposeScope();
        var (path, _) = _folder.WriteGenerator([1, 4, 4]);
        using var loaded = GraphFolder.Generator(path);
        using var copy = loaded.Generator.Copy();
        var latents = randn(5, 4);

        Assert.Equal(0, GraphFolder.Difference(loaded.Generator.Generate(latents, null), copy.Generate(latents, null)));
    }

    private static readonly Dictionary<string, GraphInput> _stated = new()
    {
        ["z"] = new(GraphInput.Latent),
        ["psi"] = new(GraphInput.Truncation),
        ["n"] = new(GraphInput.Noise),
        ["c"] = new(GraphInput.Label, Class: 1),
        ["k"] = new(GraphInput.Constant, Value: [0.25]),
    };

    private string WriteConditional()
    {
        var graph = new GraphBuilder();
        using var ramp = tensor(new float[,] { { 1 }, { 2 }, { 3 } });
        var z = graph.Input("z", ScalarType.Float32, "N", 16);
        var psi = graph.Input("psi", ScalarType.Float32);
        var noise = graph.Input("n", ScalarType.Float32, "N", 1, 4, 4);
        var label = graph.Input("c", ScalarType.Float32, "N", 3);
        var constant = graph.Input("k", ScalarType.Float32);
        var maps = graph.Node("Reshape", [graph.Node("Mul", [z, psi]), graph.Store(-1, 1, 4, 4)]);
        var added = graph.Node("Reshape", [graph.Node("MatMul", [label, graph.Store("ramp", ramp)]), graph.Store(-1, 1, 1, 1)]);
        var sum = graph.Node("Add", [graph.Node("Add", [maps, noise]), graph.Node("Add", [added, constant])]);
        graph.Output(graph.Node("Tanh", [sum]), "images", ScalarType.Float32, "N", 1, 4, 4);
        return _folder.Write(graph);
    }
}
