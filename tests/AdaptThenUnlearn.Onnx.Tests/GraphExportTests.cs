using AdaptThenUnlearn.Onnx.Export;
using AdaptThenUnlearn.Tests;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.Sequence;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Onnx.Tests;

/// <summary>Exported networks compute in ONNX Runtime what the originals compute in libtorch.</summary>
public sealed class GraphExportTests : IDisposable
{
    private const double Tolerance = 1e-5;

    private readonly GraphFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string> Classifiers => ["lenet5", "auditor"];

    public static TheoryData<string> Generators => [.. _generators.Keys];

    [Theory]
    [MemberData(nameof(Classifiers))]
    public void Write_EmbeddedClassifier_GivesTheSameLogits(string name)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var original = ClassifierCheckpoint.Load(
            Path.Combine(Repository.Root, "models", "mnist", $"{name}.safetensors"), sha256: null, classes: null, CPU).Classifier;
        GraphExport.Write(_folder.At("c.onnx"), original);
        using var exported = GraphFolder.Classifier(
            _folder.At("c.onnx"), original.Shape, classes: [.. original.Classes]);
        manual_seed(1);
        var images = rand([64, 1, 32, 32]) * 2 - 1;

        var (wanted, given) = (original.Logits(original.Features(images)), exported.Logits(exported.Features(images)));

        Assert.InRange(GraphFolder.Difference(wanted, given), 0, Tolerance * wanted.abs().max().item<float>());
        Assert.NotInRange(wanted.std().item<float>(), 0, 0.1);
    }

    [Theory]
    [MemberData(nameof(Generators))]
    public void Write_GeneratorOfEveryLayer_GivesTheSameImages(string name)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        manual_seed(2);
        using var original = new SequentialGenerator("main", _generators[name]);
        foreach (var (key, value) in original.state_dict())
            if (key.EndsWith("running_mean", StringComparison.Ordinal))
                value.normal_(0, 0.2);
            else if (key.EndsWith("running_var", StringComparison.Ordinal))
                value.uniform_(0.5, 2);
        Weights.Detach(original).eval();
        GraphExport.Write(_folder.At("g.onnx"), original);
        using var exported = GraphFolder.Generator(_folder.At("g.onnx"));
        var latents = randn(16, original.LatentSize);

        var (wanted, given) = (original.Generate(latents, noise: null), exported.Generator.Generate(latents, noise: null));

        Assert.InRange(GraphFolder.Difference(wanted, given), 0, Tolerance);
        Assert.NotInRange(wanted.std().item<float>(), 0, 0.01);
        Assert.Equal(original.Shape, exported.Generator.Shape);
        Assert.Equal(original.LatentSize, exported.Generator.LatentSize);
    }

    // A StyleGAN2 of each published kind: its inputs are those that the export names.
    [Theory]
    [InlineData(0, false)]
    [InlineData(3, true)]
    public void Write_StyleGan2_GivesTheSameImages(int classes, bool asNvidia)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        manual_seed(5);
        using var original = new StyleGan2Generator(
            new StyleGan2Settings(Resolution: 32, ImageChannels: 3, LatentSize: 8, MappingLayers: 3, Channels: [12, 8, 6, 4])
            {
                Classes = classes,
                StyleSize = asNvidia ? 10 : 8,
                Clamp = asNvidia ? 0.5 : null,
                PlainWeights = asNvidia,
                StoresMeanStyle = asNvidia,
                StoresNoise = !asNvidia,
            });
        foreach (var (key, value) in original.state_dict())
            if (key.EndsWith("noise.weight", StringComparison.Ordinal) || key.EndsWith("bias", StringComparison.Ordinal)
                || key.EndsWith("mean", StringComparison.Ordinal))
                value.add_(randn_like(value), alpha: 0.3);
        Weights.Detach(original).eval();
        var use = GraphExport.Write(_folder.At("g.onnx"), original);
        using var exported = GraphFolder.Generator(_folder.At("g.onnx"), use.Inputs, use.Output);
        var latents = randn(16, original.LatentSize);
        var noise = original.NoiseSizes.Select(size => randn(16, 1, size, size)).ToList();

        foreach (var truncation in new[] { 1, 0.5 })
        {
            var wanted = original.Generate(latents, noise, truncation);
            Assert.InRange(
                GraphFolder.Difference(wanted, exported.Generator.Generate(latents, noise, truncation)),
                0, 1e-5 * Math.Max(1, wanted.abs().max().item<float>()));
            Assert.NotInRange(wanted.std().item<float>(), 0, 0.01);
        }

        Assert.InRange(
            GraphFolder.Difference(original.Generate(latents, noise: null), exported.Generator.Generate(latents, noise: null)),
                0, 2e-5);
        Assert.Equal((original.LatentSize, classes), (exported.Generator.LatentSize, exported.Generator.Classes));
        Assert.Equal(original.NoiseSizes, exported.Generator.NoiseSizes);
    }

    [Fact]
    public void Write_Twice_GivesTheSameBytes()
    {
        manual_seed(3);
        using var original = new SequentialGenerator("main", _generators["mlp"]);

        GraphExport.Write(_folder.At("one.onnx"), original);
        GraphExport.Write(_folder.At("two.onnx"), original);

        Assert.Equal(File.ReadAllBytes(_folder.At("one.onnx")), File.ReadAllBytes(_folder.At("two.onnx")));
    }

    private static readonly Dictionary<string, SequenceLayer[]> _generators = new()
    {
        ["mlp"] =
        [
            new LinearLayer(0, 8, 16, Bias: true), new BatchNormLayer(1, 16, 1e-5, Rows: true, Affine: true), new ReluLayer(2,
                0.2),
            new LinearLayer(3, 16, 256, Bias: false), new TanhLayer(4),
        ],
        ["mlp that ends in Sigmoid"] =
        [
            new LinearLayer(0, 8, 16, Bias: true), new ReluLayer(1, 0), new IdentityLayer(2),
            new LinearLayer(3, 16, 768, Bias: true), new SigmoidLayer(4),
        ],
        ["dcgan"] =
        [
            Up(0, 8, 12, 4, 1, 0), new BatchNormLayer(1, 12, 1e-5, Rows: false, Affine: true), new ReluLayer(2, 0),
            Up(3, 12, 6, 4, 2, 1), new BatchNormLayer(4, 6, 1e-3, Rows: false, Affine: false), new PreluLayer(5, 6),
            Up(6, 6, 3, 4, 2, 1), new TanhLayer(7),
        ],
        ["maps from rows, with upsampling"] =
        [
            new LinearLayer(0, 8, 64, Bias: true), new UnflattenLayer(1, 4, 4), new UpsampleLayer(2, 2),
            new ConvolutionLayer(3, 4, 6, 3, 1, 1, 0, Bias: true, Transposed: false),
            new InstanceNormLayer(4, 6, 1e-5, Affine: true), new PreluLayer(5, 1),
            new ConvolutionLayer(6, 6, 4, 3, 2, 1, 1, Bias: true, Transposed: true),
            new InstanceNormLayer(7, 4, 1e-5, Affine: false), new ConvolutionLayer(8, 4, 1, 3, 1, 1, 0, true, Transposed: false),
            new TanhLayer(9),
        ],
    };

    private static ConvolutionLayer Up(int number, int inputs, int outputs, int kernel, int stride, int padding) =>
        new(number, inputs, outputs, kernel, stride, padding, 0, Bias: false, Transposed: true);
}
