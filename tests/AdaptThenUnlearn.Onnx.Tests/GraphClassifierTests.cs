using AdaptThenUnlearn.Onnx.Export;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Onnx.Tests;

/// <summary>Classifiers and extractors that are graphs.</summary>
public sealed class GraphClassifierTests : IDisposable
{
    private static readonly ImageShape _images = new(1, 8);

    private readonly GraphFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(null)]
    [InlineData(1)]
    [InlineData(4)]
    public void Features_AnyBatch_AreTheGraphs(int? batch)
    {
        using var scope = NewDisposeScope();
        var (path, weights) = _folder.WriteClassifier([1, 8, 8], batch);
        using var classifier = GraphFolder.Classifier(path, _images);
        var images = randn(6, 1, 8, 8);

        Assert.InRange(GraphFolder.Difference(images.flatten(1).matmul(weights), classifier.Features(images)), 0, 1e-5);
        Assert.Equal(2, classifier.FeatureSize);
    }

    [Fact]
    public void Features_HalfPrecision_AreConverted()
    {
        using var scope = NewDisposeScope();
        var (path, weights) = _folder.WriteClassifier([1, 8, 8], type: ScalarType.Float16);
        using var classifier = GraphFolder.Classifier(path, _images);
        var images = randn(6, 1, 8, 8);

        Assert.InRange(GraphFolder.Difference(images.to(float16).to(float32).flatten(1).matmul(weights),
            classifier.Features(images)), 0, 1e-5);
    }

    [Fact]
    public void Features_BytesWithChannelsLast_AreWholeLevels()
    {
        using var scope = NewDisposeScope();
        var (path, weights) = _folder.WriteClassifier([16, 16, 3], type: ScalarType.Byte);
        using var classifier = GraphFolder.Classifier(
            path, _images, new ImagePreprocessing("rgb", 16, "nearest", Range: "0..255", Layout: "nhwc"));
        var images = rand([6, 1, 8, 8]) * 2 - 1;
        var enlarged = nn.functional.interpolate(images, size: [16, 16], mode: InterpolationMode.Nearest).expand(-1, 3, -1, -1);
        var levels = ((enlarged + 1) * 127.5).round().permute(0, 2, 3, 1).flatten(1);

        Assert.InRange(GraphFolder.Difference(levels.matmul(weights), classifier.Features(images)), 0, 1e-2);
    }

    [Fact]
    public void Load_BytesThatNothingMakes_SaysThePreprocessing()
    {
        var (path, _) = _folder.WriteClassifier([1, 8, 8], type: ScalarType.Byte);

        Assert.Contains(
            "\"range\": \"0..255\"", GraphFolder.Refused(() => GraphFolder.Classifier(path, _images)), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_ImagesOfAnotherSize_SaysBoth()
    {
        var (path, _) = _folder.WriteClassifier([3, 16, 16]);

        var message = GraphFolder.Refused(() => GraphFolder.Classifier(path, _images));

        Assert.Contains(
            "takes 'x' float32 [N, 3, 16, 16], and the images it would get are [2, 1, 8, 8]", message, StringComparison.Ordinal);
        Assert.Contains("\"resize\"", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_SeveralOutputs_NeedsTheName()
    {
        using var scope = NewDisposeScope();
        var (path, weights) = _folder.WriteClassifier([1, 8, 8], outputs: ["logits", "copy"]);

        Assert.Contains("has 2 outputs", GraphFolder.Refused(() => GraphFolder.Classifier(path, _images)),
            StringComparison.Ordinal);
        Assert.Contains(
            "has no output 'scores'",
            GraphFolder.Refused(() => GraphFolder.Classifier(path, _images, output: "scores")), StringComparison.Ordinal);
        using var classifier = GraphFolder.Classifier(path, _images, output: "copy");
        var images = randn(3, 1, 8, 8);
        Assert.InRange(GraphFolder.Difference(images.flatten(1).matmul(weights), classifier.Features(images)), 0, 1e-5);
    }

    [Fact]
    public void Load_OtherNumberOfClasses_IsRefused()
    {
        var (path, _) = _folder.WriteClassifier([1, 8, 8]);

        Assert.Contains(
            "makes Float32 [2, 2] of images [2, 1, 8, 8], and the policy names 3 classes",
            GraphFolder.Refused(() => GraphFolder.Classifier(path, _images, classes: ["a", "b", "c"])), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_SeveralInputs_AreRefused()
    {
        var graph = new GraphBuilder();
        var sum = graph.Node(
            "Add", [graph.Input("x", ScalarType.Float32, "N", 2), graph.Input("y", ScalarType.Float32, "N", 2)]);
        graph.Output(sum, "logits", ScalarType.Float32, "N", 2);
        var path = _folder.Write(graph);

        Assert.Contains("has 2 inputs", GraphFolder.Refused(() => GraphFolder.Classifier(path, _images)),
            StringComparison.Ordinal);
    }

    // The graph says that it takes any number of images, and its reshape takes two.
    [Fact]
    public void Load_BatchFixedWithin_IsRefused()
    {
        var graph = new GraphBuilder();
        var x = graph.Input("x", ScalarType.Float32, "N", 1, 8, 8);
        var rows = graph.Node("Reshape", [graph.Node("GlobalAveragePool", [x]), graph.Store(1, 2)]);
        graph.Output(rows, "logits", ScalarType.Float32, "N", 2);
        var path = _folder.Write(graph);

        Assert.Contains(
            "makes Float32 [1, 2] of 2 rows", GraphFolder.Refused(() => GraphFolder.Classifier(path, _images)),
                StringComparison.Ordinal);
    }

    [Fact]
    public void Extractor_OfAGraph_GetsWholeLevels()
    {
        using var scope = NewDisposeScope();
        var (path, weights) = _folder.WriteClassifier([3, 8, 8], type: ScalarType.Byte);
        using var loaded = FeatureExtractors.Load(WeightsExtractor.Onnx, path, sha256: null, CPU, _images);
        var images = rand([20, 1, 8, 8]) * 2 - 1;
        var levels = ((images + 1) * 127.5).round().expand(-1, 3, -1, -1).flatten(1);

        Assert.InRange(GraphFolder.Difference(levels.matmul(weights), loaded.Extractor.Features(images)), 0, 1e-2);
        Assert.Equal(("ONNX Fréchet distance", 2), (loaded.Metric, loaded.Extractor.FeatureSize));
    }

    [Fact]
    public void Extractor_ForOtherImages_IsRefused()
    {
        var (path, _) = _folder.WriteClassifier([3, 16, 16]);

        Assert.Contains(
            "takes 'x' float32 [N, 3, 16, 16], and the images it would get are [1, 3, 8, 8]",
            GraphFolder.Refused(() => FeatureExtractors.Load(WeightsExtractor.Onnx, path, sha256: null, CPU, _images)),
            StringComparison.Ordinal);
    }

    // As Optimum exports vision transformers: a row for each token, and one for the image.
    [Fact]
    public void Extractor_NamedOutput_IsTaken()
    {
        using var scope = NewDisposeScope();
        var path = WriteTransformer();
        var images = rand([20, 3, 8, 8]) * 2 - 1;
        var levels = ((images + 1) * 127.5).round();

        using var pooled = LoadExtractor(path, new ExtractorUse(Output: "pooler_output"));
        using var token = LoadExtractor(path, new ExtractorUse(Output: "last_hidden_state", Tokens: "first"));

        Assert.Equal((192, 64), (pooled.Extractor.FeatureSize, token.Extractor.FeatureSize));
        Assert.InRange(GraphFolder.Difference(levels.flatten(1), pooled.Extractor.Features(images)), 0, 1e-4);
        Assert.InRange(GraphFolder.Difference(levels.flatten(2).select(1, 0), token.Extractor.Features(images)), 0, 1e-4);
        Assert.Distinct([pooled.Sha256AsUsed, token.Sha256AsUsed, pooled.Sha256]);
    }

    [Theory]
    [InlineData(null, null, "has 2 outputs ('last_hidden_state' float32 [N, 3, 64], 'pooler_output' float32 [N, 192])",
        "\"output\" of the policy's quality")]
    [InlineData("image_embeds", null, "has no output 'image_embeds'; it has 'last_hidden_state'", "--output")]
    [InlineData("last_hidden_state", null, "it made Float32 [1, 3, 64], a row for each token", "\"tokens\": \"first\"")]
    [InlineData("last_hidden_state", null, "does not make one row of features for each image", "last_hidden_state[:, 0]")]
    [InlineData("pooler_output", "first", "makes one row of features for each image and no tokens", "leave 'tokens' out")]
    public void Extractor_OutputThatIsNotOneRow_SaysHowToGetOne(
        string? output, string? tokens, string problem, string remedy)
    {
        var use = new ExtractorUse(Output: output, Tokens: tokens);

        var message = GraphFolder.Refused(() => LoadExtractor(WriteTransformer(), use));

        Assert.Contains(problem, message, StringComparison.Ordinal);
        Assert.Contains(remedy, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Extractor_Preprocessing_PreparesImagesOfEightBits()
    {
        using var scope = NewDisposeScope();
        var (path, weights) = _folder.WriteClassifier([3, 8, 8]);
        var steps = new ImagePreprocessing("rgb", Range: "0..1", Mean: [0.5, 0.25, 0], Std: [0.5, 2, 1]);
        using var loaded = FeatureExtractors.Load(
            WeightsExtractor.Onnx, path, sha256: null, CPU, _images, use: new ExtractorUse(steps));
        var images = rand([20, 1, 8, 8]) * 2 - 1;
        var levels = (((images + 1) * 127.5).round() / 255).expand(-1, 3, -1, -1);
        var expected = (levels - tensor([0.5f, 0.25f, 0f]).view(1, 3, 1, 1)) / tensor([0.5f, 2f, 1f]).view(1, 3, 1, 1);

        Assert.InRange(GraphFolder.Difference(expected.flatten(1).matmul(weights), loaded.Extractor.Features(images)), 0, 1e-4);
    }

    private static LoadedExtractor LoadExtractor(string path, ExtractorUse use) =>
        FeatureExtractors.Load(WeightsExtractor.Onnx, path, sha256: null, CPU, new ImageShape(3, 8), use: use);

    private string WriteTransformer()
    {
        var graph = new GraphBuilder();
        var images = graph.Input("pixel_values", ScalarType.Float32, "N", 3, 8, 8);
        graph.Output(
            graph.Node("Reshape", [images, graph.Store(-1, 3, 64)]), "last_hidden_state", ScalarType.Float32, "N", 3, 64);
        graph.Output(graph.Node("Flatten", [images]), "pooler_output", ScalarType.Float32, "N", 192);
        return _folder.Write(graph);
    }

    [Fact]
    public void Features_SameNumberOfThreads_GivesTheSameBits()
    {
        using var scope = NewDisposeScope();
        manual_seed(4);
        using var original = ClassifierArchitectures.Build(StridedConvNet.Name, new ImageShape(3, 32), ["a", "b"]);
        original.eval();
        GraphExport.Write(_folder.At("c.onnx"), original);
        var (images, before) = (randn(40, 3, 32, 32), get_num_threads());
        try
        {
            set_num_threads(2);
            using var one = GraphFolder.Classifier(_folder.At("c.onnx"), original.Shape);
            using var other = GraphFolder.Classifier(_folder.At("c.onnx"), original.Shape);
            var first = one.Features(images);

            Assert.Equal(0, GraphFolder.Difference(first, one.Features(images)));
            Assert.Equal(0, GraphFolder.Difference(first, other.Features(images)));
        }
        finally
        {
            set_num_threads(before);
        }
    }
}
