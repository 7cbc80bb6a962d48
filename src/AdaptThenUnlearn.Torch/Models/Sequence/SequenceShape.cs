using System.Globalization;

namespace AdaptThenUnlearn.Torch.Models.Sequence;

/// <summary>The size of what a layer of a generator makes, computed without running it.</summary>
/// <param name="Features">Feature maps, or the length of a row.</param>
/// <param name="Side">Pixels a side; 0 for a row.</param>
public readonly record struct SequenceShape(int Features, int Side)
{
    private const int SmallestSide = 8;       // fewer pixels are rather a row of numbers than an image
    private const int LargestSide = 16384;   // more than anybody has trained; keeps damaged files from claiming all memory

    /// <summary>Length of the latents that a generator of these layers takes.</summary>
    /// <exception cref="ArgumentException">None of the layers has weights.</exception>
    public static int LatentSize(IReadOnlyList<SequenceLayer> layers) => First(layers).Features;

    /// <summary>The shape of the images that these layers make.</summary>
    /// <exception cref="ArgumentException">
    /// Two layers do not belong together, or they do not make images of 1 or 3 channels.
    /// </exception>
    public static ImageShape Images(IReadOnlyList<SequenceLayer> layers)
    {
        var last = Along(layers)[^1];
        var image = last.Side == 0
            ? ImageOf(last.Features)
            : last.Features is 1 or 3 ? new ImageShape(last.Features, last.Side) : null;
        return image is { Resolution: >= SmallestSide and <= LargestSide }
            ? image
            : throw new ArgumentException(
                $"the layers make {last}, which is not a square image of 1 or 3 channels and at least "
                    + $"{SmallestSide.ToString(CultureInfo.InvariantCulture)} pixels a side");
    }

    /// <summary>The size of the input, then the size of each layer's output.</summary>
    /// <exception cref="ArgumentException">Two layers do not belong together.</exception>
    public static IReadOnlyList<SequenceShape> Along(IReadOnlyList<SequenceLayer> layers)
    {
        List<SequenceShape> shapes = [First(layers)];
        foreach (var layer in layers)
            shapes.Add(shapes[^1].After(layer));
        return shapes;
    }

    /// <summary>The square image that has so many numbers; null where there is none.</summary>
    public static ImageShape? ImageOf(int numbers)
    {
        foreach (var channels in (int[])[1, 3])
            if (numbers % channels == 0
                && (int)Math.Round(Math.Sqrt(numbers / channels)) is >= SmallestSide and var side
                && side * side * channels == numbers)
                return new ImageShape(channels, side);

        return null;
    }

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Features}{(Side == 0 ? " numbers" : $" maps of {Side}×{Side}")}");

    private static SequenceShape First(IReadOnlyList<SequenceLayer> layers) =>
        layers.FirstOrDefault(layer => layer is ConvolutionLayer or LinearLayer) switch
        {
            ConvolutionLayer convolution => new(convolution.Inputs, 1),
            LinearLayer linear => new(linear.Inputs, 0),
            _ => throw new ArgumentException("none of the layers has weights that latents could go into"),
        };

    private SequenceShape After(SequenceLayer layer) => layer switch
    {
        ConvolutionLayer convolution when Side > 0 && convolution.Inputs == Features =>
            Positive(new(convolution.Outputs, convolution.SizeAfter(Side)), layer),
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
