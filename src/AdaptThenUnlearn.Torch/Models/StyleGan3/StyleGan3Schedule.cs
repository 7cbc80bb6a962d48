namespace AdaptThenUnlearn.Torch.Models.StyleGan3;

/// <summary>
/// How cutoffs, sampling rates, sizes and channels grow from layer to layer; the defaults are those of StyleGAN3-T.
/// </summary>
/// <remarks>
/// Karras et al. 2021 (arXiv:2106.12423), section 3.2 and appendix C; <c>SynthesisNetwork</c> of github.com/NVlabs/stylegan3. A
/// checkpoint's layers are read from the checkpoint; this makes new ones.
/// </remarks>
public sealed record StyleGan3Schedule
{
    /// <summary>The configuration T: 3×3 kernels and separable filters.</summary>
    public static StyleGan3Schedule Translation { get; } = new();

    /// <summary>The configuration R: 1×1 kernels, radially symmetric filters, and twice the channels.</summary>
    public static StyleGan3Schedule Rotation { get; } =
        new() { Kernel = 1, Radial = true, ChannelBase = 65536, ChannelMaximum = 1024 };

    /// <summary>Layers beside the one that makes the image.</summary>
    public int Layers { get; init; } = 14;

    /// <summary>Layers at the end that use all frequencies up to half the sampling rate.</summary>
    public int Critical { get; init; } = 2;

    /// <summary>Cutoff of the first layer, cycles per image width.</summary>
    public double FirstCutoff { get; init; } = 2;

    /// <summary>Lowest stopband of the first layer, cycles per image width.</summary>
    public double FirstStopband { get; init; } = Math.Pow(2, 2.1);

    /// <summary>Lowest stopband of the last layer, as a multiple of its cutoff.</summary>
    public double LastStopband { get; init; } = Math.Pow(2, 0.3);

    /// <summary>Pixels around the image.</summary>
    public int Margin { get; init; } = 10;

    /// <summary>Channels times twice the cutoff.</summary>
    public int ChannelBase { get; init; } = 32768;

    /// <summary>Most channels of a layer.</summary>
    public int ChannelMaximum { get; init; } = 512;

    /// <summary>Pixels a side of the kernels.</summary>
    public int Kernel { get; init; } = 3;

    /// <summary>Taps of a filter for each pixel of the lower resolution.</summary>
    public int FilterSize { get; init; } = 6;

    /// <summary>Sampling rate of the leaky ReLU, as a multiple of the larger rate beside it.</summary>
    public int LeakySampling { get; init; } = 2;

    /// <summary>Whether filters behind the leaky ReLU are the same in all directions, but for critical layers.</summary>
    public bool Radial { get; init; }

    /// <summary>Largest magnitude behind the leaky ReLU; null for no limit.</summary>
    public double? Clamp { get; init; } = 256;

    /// <summary>Factor on the image.</summary>
    public double OutputScale { get; init; } = 0.25;

    /// <summary>Settings of a generator whose layers follow this schedule.</summary>
    /// <param name="images">The images it makes; their resolution is a power of two.</param>
    /// <param name="latentSize">Length of z.</param>
    /// <param name="styleSize">Length of w.</param>
    /// <param name="mappingLayers">Layers of the mapping network; 2 in the published networks.</param>
    /// <param name="classes">Classes; 0 for none.</param>
    /// <exception cref="ArgumentException">The settings cannot be built; the message says why.</exception>
    public StyleGan3Settings For(ImageShape images, int latentSize, int styleSize, int mappingLayers = 2, int classes = 0)
    {
        var steps = Enumerable.Range(0, Layers + 1).Select(index => StepAt(index, images)).ToList();
        return new StyleGan3Settings(
            latentSize,
            styleSize,
            mappingLayers,
            new FourierInput(steps[0].Channels, steps[0].Size, steps[0].Rate, steps[0].Band.Cutoff),
            [.. steps.Select((step, index) => LayerBetween(steps[Math.Max(index - 1, 0)], step, index))],
            OutputScale)
        {
            Classes = classes,
        }.Checked();
    }

    // Cutoffs and stopbands grow geometrically up to the critical layers. A rate is the power of two that holds the stopband.
    private Step StepAt(int index, ImageShape images)
    {
        var exponent = Math.Min((double)index / (Layers - Critical), 1);
        var lastCutoff = images.Resolution / 2.0;
        var cutoff = FirstCutoff * Math.Pow(lastCutoff / FirstCutoff, exponent);
        var stopband = FirstStopband * Math.Pow(lastCutoff * LastStopband / FirstStopband, exponent);
        var rate = Math.Pow(2, Math.Ceiling(Math.Log2(Math.Min(2 * stopband, images.Resolution))));
        return new Step(
            (int)rate,
            index >= Layers - 1 ? images.Resolution : (int)rate + 2 * Margin,
            index == Layers ? images.Channels : (int)Math.Round(Math.Min(ChannelBase / 2.0 / cutoff, ChannelMaximum)),
            new Band(cutoff, Math.Max(stopband, rate / 2) - cutoff));
    }

    private StyleGan3Layer LayerBetween(Step before, Step here, int index)
    {
        var isImage = index == Layers;
        var work = Math.Max(before.Rate, here.Rate) * (isImage ? 1 : LeakySampling);
        return new StyleGan3Layer(
            before.Channels,
            here.Channels,
            isImage ? 1 : Kernel,
            before.Size,
            here.Size,
            before.Rate,
            here.Rate,
            work,
            Taps(work / before.Rate),
            Taps(work / here.Rate))
        {
            In = before.Band,
            Out = here.Band,
            Radial = Radial && index < Layers - Critical,
            Clamp = Clamp,
            IsImage = isImage,
        };

        int Taps(int factor) => factor > 1 && !isImage ? FilterSize * factor : 1;
    }

    private sealed record Step(int Rate, int Size, int Channels, Band Band);
}
