using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace AdaptThenUnlearn.Torch.Models.Sequence;

/// <summary>A generator that is one sequence of layers: a DCGAN, or fully connected layers.</summary>
/// <remarks>
/// Radford, Metz and Chintala 2016 (arXiv:1511.06434), figure 1; Goodfellow et al. 2014 (arXiv:1406.2661). The statistics of
/// batch normalisation stay as they were stored, in training too: the network that is trained is then the one that is measured,
/// and the statistics fit an average of weights. Outputs of a sequence that ends in a logistic function, 0 to 1, become -1 to 1,
/// as for every other generator.
/// </remarks>
public sealed class SequentialGenerator : ImageGenerator
{
    private readonly List<Func<Tensor, Tensor>> _steps = [];
    private readonly bool _fromMaps;

    /// <summary>Builds it with fresh weights from torch's default random source.</summary>
    /// <param name="prefix">As <see cref="StoredSequence.Prefix"/>.</param>
    /// <param name="layers">From latents to images.</param>
    /// <exception cref="ArgumentException">
    /// The layers do not belong together, or do not end in images of 1 or 3 channels.
    /// </exception>
    public SequentialGenerator(string prefix, IReadOnlyList<SequenceLayer> layers)
        : base(nameof(SequentialGenerator), SequenceShape.Images(layers), SequenceShape.LatentSize(layers))
    {
        (Prefix, Layers) = (prefix, layers);
        _fromMaps = layers.First(layer => layer is ConvolutionLayer or LinearLayer) is ConvolutionLayer;
        var numbered = new NumberedLayers();
        foreach (var layer in layers)
            _steps.Add(Step(layer, prefix.Length == 0 ? this : numbered));
        if (prefix.Length > 0)
            register_module(prefix, numbered);
        train();   // sets batch normalisation to its stored statistics from the beginning
    }

    /// <summary>The name before its layers' numbers; empty where there is none.</summary>
    public string Prefix { get; }

    /// <summary>Its layers, in order.</summary>
    public IReadOnlyList<SequenceLayer> Layers { get; }

    /// <summary>Whether its last layer gives 0 to 1, which becomes -1 to 1.</summary>
    public bool EndsInUnitRange => Layers.Last(layer => layer is not IdentityLayer) is SigmoidLayer;

    /// <inheritdoc/>
    public override bool SupportsTruncation => false;

    /// <inheritdoc/>
    public override IReadOnlyList<int> NoiseSizes => [];

    /// <inheritdoc/>
    public override IReadOnlyList<Tensor> StoredNoise => [];

    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">Truncation other than 1: there is no mean image to come nearer to.</exception>
    public override Tensor Generate(Tensor latents, IReadOnlyList<Tensor>? noise, double truncation = 1)
    {
        if (truncation != 1)
            throw new NotSupportedException("such a generator has no truncation; leave it at 1");

        using var scope = NewDisposeScope();
        var given = _fromMaps ? latents.unsqueeze(-1).unsqueeze(-1) : latents;
        var images = _steps.Aggregate(given, (current, step) => step(current))
            .view(-1, Shape.Channels, Shape.Resolution, Shape.Resolution);
        return (EndsInUnitRange ? images * 2 - 1 : images).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor ToNetworkRange(Tensor images) => EndsInUnitRange ? (images + 1) / 2 : images;

    /// <inheritdoc/>
    public override ImageGenerator Copy() => Weights.CopiedTo(new SequentialGenerator(Prefix, Layers), this);

    /// <inheritdoc/>
    public override void train(bool train = true)
    {
        base.train(train);
        foreach (var layer in modules()
            .Where(module => module is TorchSharp.Modules.BatchNorm2d or TorchSharp.Modules.BatchNorm1d))
            layer.train(false);
    }

    private static Func<Tensor, Tensor> Step(SequenceLayer layer, nn.Module owner)
    {
        return layer switch
        {
            ConvolutionLayer { Transposed: true } up => Weighted(ConvTranspose2d(
                up.Inputs,
                up.Outputs,
                up.Kernel,
                stride: up.Stride,
                padding: up.Padding,
                output_padding: up.OutputPadding,
                bias: up.Bias)),
            ConvolutionLayer plain => Weighted(Conv2d(
                plain.Inputs, plain.Outputs, plain.Kernel, stride: plain.Stride, padding: plain.Padding, bias: plain.Bias)),
            LinearLayer linear => Weighted(Linear(linear.Inputs, linear.Outputs, hasBias: linear.Bias)),
            BatchNormLayer { Rows: true } norm => Weighted(BatchNorm1d(norm.Features, eps: norm.Epsilon, affine: norm.Affine)),
            BatchNormLayer norm => Weighted(BatchNorm2d(norm.Features, eps: norm.Epsilon, affine: norm.Affine)),
            InstanceNormLayer { Affine: true } norm => Weighted(InstanceNorm2d(norm.Features, eps: norm.Epsilon, affine: true)),
            InstanceNormLayer norm => maps => functional.instance_norm(maps, eps: norm.Epsilon),
            PreluLayer prelu => Weighted(PReLU(prelu.Slopes)),
            ReluLayer { Slope: 0 } => values => functional.relu(values),
            ReluLayer relu => values => functional.leaky_relu(values, relu.Slope),
            TanhLayer => values => values.tanh(),
            SigmoidLayer => values => values.sigmoid(),
            UpsampleLayer up =>
                maps => functional.interpolate(maps, scale_factor: [up.Factor, up.Factor], mode: InterpolationMode.Nearest),
            UnflattenLayer maps => rows => rows.view(-1, maps.Maps, maps.Side, maps.Side),
            _ => values => values,
        };

        Func<Tensor, Tensor> Weighted(Module<Tensor, Tensor> module)
        {
            owner.register_module(layer.Number.ToString(System.Globalization.CultureInfo.InvariantCulture), module);
            return module.call;
        }
    }
}

/// <summary>
/// Holds layers under their numbers, so that their tensors are called as PyTorch calls those of an <c>nn.Sequential</c>.
/// </summary>
internal sealed class NumberedLayers() : nn.Module(nameof(NumberedLayers));
