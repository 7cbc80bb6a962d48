using TorchSharp.Modules;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>
/// MobileNetV3 and EfficientNet-B0 as torchvision builds them: <c>features</c>, a mean over the pixels, and <c>classifier</c>.
/// </summary>
/// <remarks>
/// Howard et al. 2019 (arXiv:1905.02244), tables 1 and 2; Tan and Le 2019 (arXiv:1905.11946), table 1.
/// </remarks>
internal sealed class MobileNetwork : nn.Module<Tensor, Tensor>
{
    private readonly Sequential features;
    private readonly Sequential classifier;

    private MobileNetwork(
        string name, IEnumerable<nn.Module<Tensor, Tensor>> features, IEnumerable<nn.Module<Tensor, Tensor>> classifier)
        : base(name)
    {
        (this.features, this.classifier) = (InvertedResidual.InOrder(features), InvertedResidual.InOrder(classifier));
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        return classifier.call(features.call(input).mean([2, 3])).MoveToOuterDisposeScope();
    }

    /// <summary>MobileNetV3-Small.</summary>
    /// <param name="classes">Number of outputs.</param>
    public static MobileNetwork SmallV3(int classes) => VersionThree(
        "mobilenet_v3_small", classes, hidden: 1024,
        [
            (16, 3, 16, 16, true, false, 2),
            (16, 3, 72, 24, false, false, 2),
            (24, 3, 88, 24, false, false, 1),
            (24, 5, 96, 40, true, true, 2),
            (40, 5, 240, 40, true, true, 1),
            (40, 5, 240, 40, true, true, 1),
            (40, 5, 120, 48, true, true, 1),
            (48, 5, 144, 48, true, true, 1),
            (48, 5, 288, 96, true, true, 2),
            (96, 5, 576, 96, true, true, 1),
            (96, 5, 576, 96, true, true, 1),
        ]);

    /// <summary>MobileNetV3-Large.</summary>
    /// <param name="classes">Number of outputs.</param>
    public static MobileNetwork LargeV3(int classes) => VersionThree(
        "mobilenet_v3_large", classes, hidden: 1280,
        [
            (16, 3, 16, 16, false, false, 1),
            (16, 3, 64, 24, false, false, 2),
            (24, 3, 72, 24, false, false, 1),
            (24, 5, 72, 40, true, false, 2),
            (40, 5, 120, 40, true, false, 1),
            (40, 5, 120, 40, true, false, 1),
            (40, 3, 240, 80, false, true, 2),
            (80, 3, 200, 80, false, true, 1),
            (80, 3, 184, 80, false, true, 1),
            (80, 3, 184, 80, false, true, 1),
            (80, 3, 480, 112, true, true, 1),
            (112, 3, 672, 112, true, true, 1),
            (112, 5, 672, 160, true, true, 2),
            (160, 5, 960, 160, true, true, 1),
            (160, 5, 960, 160, true, true, 1),
        ]);

    /// <summary>EfficientNet-B0.</summary>
    /// <param name="classes">Number of outputs.</param>
    public static MobileNetwork EfficientB0(int classes)
    {
        (int Expansion, int Kernel, int Stride, int Inputs, int Outputs, int Blocks)[] stages =
        [
            (1, 3, 1, 32, 16, 1), (6, 3, 2, 16, 24, 2), (6, 5, 2, 24, 40, 2), (6, 3, 2, 40, 80, 3), (6, 5, 1, 80, 112, 3),
            (6, 5, 2, 112, 192, 4), (6, 3, 1, 192, 320, 1),
        ];
        var style = new BlockStyle(1e-5, values => nn.functional.silu(values), sigmoid);
        return new MobileNetwork(
            "efficientnet_b0",
            [
                InvertedResidual.Convolution(3, 32, kernel: 3, stride: 2, groups: 1, style, Silu),
                .. stages.Select(stage => InvertedResidual.InOrder(Enumerable.Range(0, stage.Blocks).Select(block =>
                {
                    var inputs = block == 0 ? stage.Inputs : stage.Outputs;
                    return new InvertedResidual(
                        new BlockSizes(
                            inputs, stage.Kernel, inputs * stage.Expansion, stage.Outputs, inputs / 4, Silu,
                            block == 0 ? stage.Stride : 1),
                        style);
                }))),
                InvertedResidual.Convolution(320, 1280, kernel: 1, stride: 1, groups: 1, style, Silu),
            ],
            [nn.Dropout(0.2), nn.Linear(1280, classes)]);

        static nn.Module<Tensor, Tensor> Silu() => nn.SiLU();
    }

    // Blocks as in the tables: inputs, kernel, expanded channels, outputs, whether there is a gate, h-swish or else ReLU, stride.
    private static MobileNetwork VersionThree(
        string name, int classes, int hidden,
        IReadOnlyList<(int Inputs, int Kernel, int Expanded, int Outputs, bool HasGate, bool IsSwish, int Stride)> blocks)
    {
        var style = new BlockStyle(0.001, values => nn.functional.relu(values), values => nn.functional.hardsigmoid(values));
        var last = 6 * blocks[^1].Outputs;
        return new MobileNetwork(
            name,
            [
                InvertedResidual.Convolution(3, blocks[0].Inputs, kernel: 3, stride: 2, groups: 1, style, Hardswish),
                .. blocks.Select(block => new InvertedResidual(
                    new BlockSizes(
                        block.Inputs, block.Kernel, block.Expanded, block.Outputs,
                        block.HasGate ? Squeezed(block.Expanded) : null, block.IsSwish ? Hardswish : Relu, block.Stride),
                    style)),
                InvertedResidual.Convolution(blocks[^1].Outputs, last, kernel: 1, stride: 1, groups: 1, style, Hardswish),
            ],
            [nn.Linear(last, hidden), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(hidden, classes)]);

        static nn.Module<Tensor, Tensor> Hardswish() => nn.Hardswish();
        static nn.Module<Tensor, Tensor> Relu() => nn.ReLU();
    }

    // A quarter, rounded to a multiple of 8; not by more than a tenth down.
    private static int Squeezed(int channels)
    {
        var quarter = channels / 4;
        var rounded = Math.Max(8, (quarter + 4) / 8 * 8);
        return rounded < 0.9 * quarter ? rounded + 8 : rounded;
    }
}
