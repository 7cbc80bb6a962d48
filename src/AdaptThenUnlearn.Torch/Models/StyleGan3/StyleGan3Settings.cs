using System.Globalization;

namespace AdaptThenUnlearn.Torch.Models.StyleGan3;

/// <summary>The size of a StyleGAN3 generator, and how each of its layers samples its maps.</summary>
/// <param name="LatentSize">Length of z.</param>
/// <param name="StyleSize">Length of w.</param>
/// <param name="MappingLayers">Layers of the mapping network.</param>
/// <param name="Input">The Fourier features that every image starts from.</param>
/// <param name="Layers">The layers of the synthesis network; the last makes the image.</param>
/// <param name="OutputScale">Factor on the image.</param>
public sealed record StyleGan3Settings(
    int LatentSize,
    int StyleSize,
    int MappingLayers,
    FourierInput Input,
    IReadOnlyList<StyleGan3Layer> Layers,
    double OutputScale)
{
    // More than anybody has trained; a file that claims more is taken for an attack.
    private const int MostPixels = 20_000;
    private const int MostTaps = 256;
    private const int MostLayers = 100;
    private const int LargestFactor = 16;

    /// <summary>Classes of a conditional network; 0 where there are none.</summary>
    public int Classes { get; init; }

    /// <summary>Shape of an image.</summary>
    public ImageShape Images => new(Layers[^1].Outputs, Layers[^1].OutSize);

    /// <summary>Parts that take a style: the Fourier features, and each layer.</summary>
    public int StyledLayers => Layers.Count + 1;

    /// <summary>Lists everything that is wrong with these settings; empty where they can be built.</summary>
    public IEnumerable<string> Problems()
    {
        if (Layers.Count is < 2 or > MostLayers)
        {
            yield return $"layers must be 2 to {MostLayers}, but are {Layers.Count}";
            yield break;
        }

        if (Layers[^1].Outputs is not (1 or 3))
            yield return $"image channels must be 1 or 3, but are {Layers[^1].Outputs}";
        if (LatentSize < 1 || StyleSize < 1 || MappingLayers < 1)
            yield return $"latent size, style size and mapping layers must be at least 1, but are {LatentSize}, {StyleSize} and "
                + $"{MappingLayers}";
        if (Classes < 0)
            yield return $"classes must be at least 0, but are {Classes}";
        if (!(Input.SamplingRate > 0) || !double.IsFinite(Input.SamplingRate) || !double.IsFinite(Input.Bandwidth)
            || Input.SamplingRate / 2 == Input.Bandwidth)
            yield return "the Fourier features need a positive sampling rate that is not twice their bandwidth";
        if (!double.IsFinite(OutputScale) || OutputScale <= 0)
            yield return "the output scale must be positive";
        for (var index = 0; index < Layers.Count; index++)
            foreach (var problem in ProblemsOf(index))
                yield return string.Create(CultureInfo.InvariantCulture, $"layer {index}: {problem}");
    }

    private IEnumerable<string> ProblemsOf(int index)
    {
        var layer = Layers[index];
        var (channels, size, rate) = index == 0
            ? (Input.Channels, Input.Size, Input.SamplingRate)
            : (Layers[index - 1].Outputs, Layers[index - 1].OutSize, Layers[index - 1].OutRate);
        if (layer.Inputs != channels || layer.InSize != size || layer.InRate != rate)
            yield return string.Create(CultureInfo.InvariantCulture,
                $"takes {layer.Inputs} maps of {layer.InSize} pixels at the rate {layer.InRate}, and is given {channels} of "
                    + $"{size} at {rate}");
        if (layer.Outputs < 1 || layer.Inputs < 1 || layer.Kernel < 1)
            yield return "maps and kernel must be at least 1";
        if (layer.InSize is < 1 or > MostPixels || layer.OutSize is < 1 or > MostPixels)
            yield return $"maps must have 1 to {MostPixels} pixels a side";
        if (layer.InRate < 1 || layer.OutRate < 1
            || layer.WorkRate % layer.InRate != 0 || layer.WorkRate % layer.OutRate != 0
            || layer.UpFactor > LargestFactor || layer.DownFactor > LargestFactor)
            yield return $"the rate {layer.WorkRate} must be a multiple of {layer.InRate} and {layer.OutRate}, up to "
                + $"{LargestFactor} times";
        else if ((layer.UpFactor > 1) != (layer.UpTaps > 1) || (layer.DownFactor > 1) != (layer.DownTaps > 1))
            yield return "there must be a filter where the rate changes, and only there";
        if (layer.UpTaps is < 1 or > MostTaps || layer.DownTaps is < 1 or > MostTaps)
            yield return $"filters must have 1 to {MostTaps} taps";
        if (layer.Clamp is <= 0)
            yield return "the clamp must be positive";
        if (layer.IsImage != (index == Layers.Count - 1))
            yield return "the last layer, and no other, makes the image";
    }

    /// <inheritdoc cref="Problems"/>
    /// <exception cref="ArgumentException">Something is wrong; the message lists all of it.</exception>
    internal StyleGan3Settings Checked()
    {
        var problems = Problems().ToList();
        return problems.Count == 0 ? this : throw new ArgumentException(string.Join("; ", problems));
    }
}

/// <summary>The Fourier features that every image starts from.</summary>
/// <param name="Channels">Features.</param>
/// <param name="Size">Pixels a side, margins included.</param>
/// <param name="SamplingRate">Pixels per image width, margins not included.</param>
/// <param name="Bandwidth">Largest frequency, cycles per image width.</param>
public sealed record FourierInput(int Channels, int Size, double SamplingRate, double Bandwidth);

/// <summary>One layer of a StyleGAN3: a modulated convolution and a filtered leaky ReLU.</summary>
/// <param name="Inputs">Feature maps that come in.</param>
/// <param name="Outputs">Feature maps that go out.</param>
/// <param name="Kernel">Pixels a side of the convolution's kernel.</param>
/// <param name="InSize">Pixels a side of the maps that come in, margins included.</param>
/// <param name="OutSize">Pixels a side of the maps that go out, margins included.</param>
/// <param name="InRate">Pixels per image width that come in.</param>
/// <param name="OutRate">Pixels per image width that go out.</param>
/// <param name="WorkRate">Pixels per image width at which the leaky ReLU is computed.</param>
/// <param name="UpTaps">Taps of the filter before the leaky ReLU; 1 where there is none.</param>
/// <param name="DownTaps">Taps of the filter behind it, in each dimension; 1 where there is none.</param>
public sealed record StyleGan3Layer(
    int Inputs, int Outputs, int Kernel, int InSize, int OutSize, int InRate, int OutRate, int WorkRate, int UpTaps, int DownTaps)
{
    /// <summary>Cutoff and half of the transition band of the maps that come in, cycles per image width.</summary>
    public Band In { get; init; } = new(0, 0);

    /// <summary>Cutoff and half of the transition band of the maps that go out, cycles per image width.</summary>
    public Band Out { get; init; } = new(0, 0);

    /// <summary>Whether the filter behind the leaky ReLU is the same in all directions.</summary>
    public bool Radial { get; init; }

    /// <summary>Largest magnitude behind the leaky ReLU; null for no limit.</summary>
    public double? Clamp { get; init; }

    /// <summary>Whether it makes the image: without demodulation, and without leaky ReLU.</summary>
    public bool IsImage { get; init; }

    /// <summary>How many times more pixels the leaky ReLU has than the maps that come in.</summary>
    public int UpFactor => WorkRate / InRate;

    /// <summary>How many times more pixels the leaky ReLU has than the maps that go out.</summary>
    public int DownFactor => WorkRate / OutRate;

    /// <summary>
    /// Zero pixels to add before and behind the maps with <see cref="WorkRate"/>, so that the layer has its size in the end;
    /// negative ones are cut off.
    /// </summary>
    /// <remarks>
    /// Karras et al. 2021 (arXiv:2106.12423), appendix C.3: pixels are areas, so that enlarging shifts by half of the new pixels
    /// less one; <c>SynthesisLayer</c> of github.com/NVlabs/stylegan3.
    /// </remarks>
    public (int Before, int Behind) Padding
    {
        get
        {
            var total = (OutSize - 1) * DownFactor + 1
                - (InSize + Kernel - 1) * UpFactor
                + UpTaps + DownTaps - 2;
            var before = (total + UpFactor) >> 1;   // rounds down, also below 0
            return (before, total - before);
        }
    }
}

/// <summary>A low-pass band.</summary>
/// <param name="Cutoff">Cycles per image width.</param>
/// <param name="HalfWidth">Half of the transition band, in the same unit.</param>
public sealed record Band(double Cutoff, double HalfWidth);
