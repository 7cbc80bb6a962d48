using System.Globalization;

namespace AdaptThenUnlearn.Torch.Models.Sequence;

/// <summary>What comes out of each layer of a generator, by arithmetic alone.</summary>
/// <param name="Features">Feature maps, or the length of a row.</param>
/// <param name="Side">Pixels a side; 0 of a row.</param>
public readonly record struct SequenceShape(int Features, int Side)
{
    private const int SmallestSide = 8;
    private const int LargestSide = 16384;

    /// <summary>Length of the latents that a generator of these layers takes.</summary>
    /// <exception cref="ArgumentException">None of the layers has weights.</exception>
    public static int LatentSize(IReadOnlyList<SequenceLayer> layers) => First(layers).Features;

    /// <summary>What images these layers make of one latent vector.</summary>
    /// <exception cref="ArgumentException">They do not belong together, or make none of 1 or 3 channels.</exception>
    public static ImageShape Images(IReadOnlyList<SequenceLayer> layers)
    {
        var last = Along(layers)[^1];
        var image = last.Side == 0 ? ImageOf(last.Features) : last.Features is 1 or 3 ? new ImageShape(last.Features, last.Side) : null;
        return image is { Resolution: >= SmallestSide and <= LargestSide }
            ? image
            : throw new ArgumentException($"the layers make {last}, which is no square image of 1 or 3 channels and at least {SmallestSide.ToString(CultureInfo.InvariantCulture)} pixels a side");
    }

    /// <summary>What goes in, and then what comes out of each layer.</summary>
    /// <exception cref="ArgumentException">Two layers do not belong together.</exception>
    public static IReadOnlyList<SequenceShape> Along(IReadOnlyList<SequenceLayer> layers)
    {
        List<SequenceShape> shapes = [First(layers)];
        foreach (var layer in layers)
            shapes.Add(shapes[^1].After(layer));
        return shapes;
    }

    /// <summary>A square image of so many numbers, or null.</summary>
    public static ImageShape? ImageOf(int numbers)
    {
        foreach (var channels in (int[])[1, 3])
            if (numbers % channels == 0 && (int)Math.Round(Math.Sqrt(numbers / channels)) is >= SmallestSide and var side && side * side * channels == numbers)
                return new ImageShape(channels, side);

        return null;
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Features}{(Side == 0 ? " numbers" : $" maps of {Side}×{Side}")}");

    private static SequenceShape First(IReadOnlyList<SequenceLayer> layers) => layers.FirstOrDefault(layer => layer is ConvolutionLayer or LinearLayer) switch
    {
        ConvolutionLayer convolution => new(convolution.Inputs, 1),
        LinearLayer linear => new(linear.Inputs, 0),
        _ => throw new ArgumentException("none of the layers has weights that latents could go into"),
    };

    private SequenceShape After(SequenceLayer layer) => layer switch
    {
        ConvolutionLayer convolution when Side > 0 && convolution.Inputs == Features => Positive(new(convolution.Outputs, convolution.SizeAfter(Side)), layer),
        LinearLayer linear when Side == 0 && linear.Inputs == Features => new(linear.Outputs, 0),
        UnflattenLayer maps when Side == 0 && (long)maps.Maps * maps.Side * maps.Side == Features => new(maps.Maps, maps.Side),
        UpsampleLayer up when Side > 0 => Positive(new(Features, Side * up.Factor), layer),
        BatchNormLayer norm when norm.Features == Features && norm.Rows == (Side == 0) => this,
        InstanceNormLayer norm when Side > 1 && (!norm.Affine || norm.Features == Features) => this,
        PreluLayer prelu when prelu.Slopes == 1 || prelu.Slopes == Features => this,
        ReluLayer or TanhLayer or SigmoidLayer or IdentityLayer => this,
        _ => throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"layer {layer.Number} cannot take {this}")),
    };

    private static SequenceShape Positive(SequenceShape made, SequenceLayer layer) => made.Side is > 0 and <= LargestSide
        ? made
        : throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"layer {layer.Number} would make {made}"));
}
