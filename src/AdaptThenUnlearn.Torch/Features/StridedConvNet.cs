using AdaptThenUnlearn.Torch.Models;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>
/// Strided 3×3 convolutions with batch normalisation and global average pooling, for any resolution that 4 divides.
/// </summary>
/// <remarks>
/// Springenberg et al. 2015 (arXiv:1412.6806), "All convolutional net", with batch normalisation: deliberately unlike LeNet-5, so
/// that annotator and auditor err differently.
/// </remarks>
public sealed class StridedConvNet : FeatureClassifier
{
    /// <summary>In the catalogue and in checkpoints.</summary>
    public const string Name = "strided-convnet";

    private readonly Sequential layers;
    private readonly Linear output;

    /// <summary>Builds it with fresh weights from torch's default random source.</summary>
    /// <exception cref="ArgumentException">Images have a resolution that 4 does not divide.</exception>
    public StridedConvNet(ImageShape shape, IReadOnlyList<string> classes) : base(Name, shape, classes)
    {
        if (shape.Resolution % 4 != 0)
            throw new ArgumentException($"{Name} takes images whose resolution 4 divides, not {shape}");

        layers = Sequential(
        [
            .. Block("1", shape.Channels, 16, stride: 1),   // [N, 16, R,   R]
            .. Block("2", 16, 32, stride: 2),               // [N, 32, R/2, R/2]
            .. Block("3", 32, 32, stride: 1),
            .. Block("4", 32, 64, stride: 2),               // [N, 64, R/4, R/4]
            .. Block("5", 64, 64, stride: 1),
        ]);
        output = Linear(64, classes.Count);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override int FeatureSize => 64;

    /// <inheritdoc/>
    public override Tensor Features(Tensor images)
    {
        using var scope = NewDisposeScope();
        return layers.call(images).mean([2, 3]).MoveToOuterDisposeScope();   // [N, 64]
    }

    /// <inheritdoc/>
    public override Tensor Logits(Tensor features) => output.call(features);

    private static (string, Module<Tensor, Tensor>)[] Block(string number, int inputs, int outputs, int stride) =>
    [
        ($"conv{number}", Conv2d(inputs, outputs, 3, stride: stride, padding: 1, bias: false)),
        ($"norm{number}", BatchNorm2d(outputs)),
        ($"relu{number}", ReLU()),
    ];
}
