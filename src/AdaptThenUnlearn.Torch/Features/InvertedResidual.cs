using TorchSharp.Modules;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>
/// Expansion by 1×1 kernels, one kernel for each channel, a gate for each channel, and a projection: the block of MobileNetV3 and
/// EfficientNet, with torchvision's names.
/// </summary>
/// <remarks>
/// Sandler et al. 2018 (arXiv:1801.04381); the gate ("squeeze and excitation") is of Hu et al. 2018 (arXiv:1709.01507).
/// </remarks>
internal sealed class InvertedResidual : nn.Module<Tensor, Tensor>
{
    private readonly Sequential block;
    private readonly bool _adds;

    /// <param name="sizes">Its channels, kernel and stride.</param>
    /// <param name="style">Of the whole network.</param>
    public InvertedResidual(BlockSizes sizes, BlockStyle style) : base(nameof(InvertedResidual))
    {
        var (inputs, expanded, activation) = (sizes.Inputs, sizes.Expanded, sizes.Activation);
        List<nn.Module<Tensor, Tensor>> layers = [];
        if (expanded != inputs)
            layers.Add(Convolution(inputs, expanded, kernel: 1, stride: 1, groups: 1, style, activation));
        layers.Add(Convolution(expanded, expanded, sizes.Kernel, sizes.Stride, groups: expanded, style, activation));
        if (sizes.Squeezed is { } squeezed)
            layers.Add(new ChannelGate(expanded, squeezed, style));
        layers.Add(Convolution(expanded, sizes.Outputs, kernel: 1, stride: 1, groups: 1, style, activation: null));

        block = InOrder(layers);
        _adds = sizes.Stride == 1 && inputs == sizes.Outputs;
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input) => _adds ? block.call(input) + input : block.call(input);

    /// <summary>A convolution, batch normalisation and an activation, called 0, 1 and 2.</summary>
    /// <param name="inputs">Channels.</param>
    /// <param name="outputs">Channels.</param>
    /// <param name="kernel">Its side, odd.</param>
    /// <param name="stride">In both directions.</param>
    /// <param name="groups">Of channels that are convolved apart.</param>
    /// <param name="style">Of the whole network.</param>
    /// <param name="activation">Makes the last layer; null for none.</param>
    public static Sequential Convolution(
        int inputs, int outputs, int kernel, int stride, int groups, BlockStyle style,
        Func<nn.Module<Tensor, Tensor>>? activation)
    {
        var convolution = nn.Conv2d(
            inputs, outputs, kernel, stride, padding: (kernel - 1) / 2, groups: groups, bias: false);
        var normalisation = nn.BatchNorm2d(outputs, eps: style.Epsilon);
        return InOrder(activation is null ? [convolution, normalisation] : [convolution, normalisation, activation()]);
    }

    /// <summary>Layers that follow one another, called 0, 1 and so on.</summary>
    public static Sequential InOrder(IEnumerable<nn.Module<Tensor, Tensor>> layers) => nn.Sequential(
        [.. layers.Select((layer, index) => (FormattableString.Invariant($"{index}"), layer))]);

    /// <summary>Scales each channel by a number that follows from the mean of every channel.</summary>
    private sealed class ChannelGate : nn.Module<Tensor, Tensor>
    {
        private readonly Conv2d fc1;
        private readonly Conv2d fc2;
        private readonly BlockStyle _style;

        public ChannelGate(int channels, int squeezed, BlockStyle style) : base(nameof(ChannelGate))
        {
            (fc1, fc2, _style) = (nn.Conv2d(channels, squeezed, 1), nn.Conv2d(squeezed, channels, 1), style);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input)
        {
            using var scope = NewDisposeScope();
            var means = input.mean([2, 3], keepdim: true);
            return (_style.Gate(fc2.call(_style.Squeeze(fc1.call(means)))) * input).MoveToOuterDisposeScope();
        }
    }
}

/// <summary>Sizes of one block.</summary>
/// <param name="Inputs">Channels.</param>
/// <param name="Kernel">Side of the kernel.</param>
/// <param name="Expanded">Channels within the block.</param>
/// <param name="Outputs">Channels.</param>
/// <param name="Squeezed">Channels of the gate's hidden layer; null without a gate.</param>
/// <param name="Activation">Makes its activations.</param>
/// <param name="Stride">In both directions.</param>
internal sealed record BlockSizes(
    int Inputs, int Kernel, int Expanded, int Outputs, int? Squeezed, Func<nn.Module<Tensor, Tensor>> Activation, int Stride);

/// <summary>What the blocks of a network have in common.</summary>
/// <param name="Epsilon">Of batch normalisation.</param>
/// <param name="Squeeze">Activation of the gate's hidden layer.</param>
/// <param name="Gate">Activation that gives the gate, 0 to 1.</param>
internal sealed record BlockStyle(double Epsilon, Func<Tensor, Tensor> Squeeze, Func<Tensor, Tensor> Gate);
