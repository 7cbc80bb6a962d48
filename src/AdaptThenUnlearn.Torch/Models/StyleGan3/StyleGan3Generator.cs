using AdaptThenUnlearn.Torch.Models.StyleGan2;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace AdaptThenUnlearn.Torch.Models.StyleGan3;

/// <summary>The alias-free generator StyleGAN3, in its configurations T and R and those between.</summary>
/// <remarks>
/// Karras et al. 2021 (arXiv:2106.12423). It takes no noise. What training tracks of its maps (<c>magnitude_ema</c>, the mean of
/// w) stays as the checkpoint has it, as in eval mode of the published code; filters and frequencies are not trained. It is
/// computed in single precision throughout. Conditional latents are as those of <see cref="StyleGan2Generator"/>.
/// </remarks>
public sealed class StyleGan3Generator : ImageGenerator, IStyleBasedGenerator
{
    // The largest difference between a stored filter and its design, as a share of its largest tap: what half precision rounds.
    private const double FilterTolerance = 1e-3;

    // Field names are the keys of a checkpoint: renaming one orphans saved weights.
    private readonly MappingNetwork style;
    private readonly SynthesisNetwork synthesis;

    /// <summary>Builds it with fresh weights from torch's default random source.</summary>
    /// <exception cref="ArgumentException">The settings cannot be built; the message says why.</exception>
    public StyleGan3Generator(StyleGan3Settings settings)
        : base(nameof(StyleGan3Generator), settings.Checked().Images, settings.LatentSize + settings.Classes)
    {
        Settings = settings;
        style = new MappingNetwork(
            settings.LatentSize, settings.StyleSize, settings.MappingLayers, settings.Classes, storesMean: true);
        synthesis = new SynthesisNetwork(settings);
        RegisterComponents();
    }

    /// <summary>Its size.</summary>
    public StyleGan3Settings Settings { get; }

    /// <inheritdoc/>
    public override bool SupportsTruncation => true;

    /// <inheritdoc/>
    public override int Classes => Settings.Classes;

    /// <inheritdoc/>
    public override IReadOnlyList<int> NoiseSizes => [];

    /// <inheritdoc/>
    public override IReadOnlyList<Tensor> StoredNoise => [];

    /// <inheritdoc/>
    public override bool MakesImagesApart => true;

    /// <inheritdoc/>
    public int StyledLayers => Settings.StyledLayers;

    /// <inheritdoc/>
    public Tensor Map(Tensor latents) => style.call(latents);

    /// <inheritdoc/>
    public Tensor Broadcast(Tensor styles) => styles.unsqueeze(1).expand(styles.shape[0], StyledLayers, Settings.StyleSize);

    /// <inheritdoc/>
    public Tensor Mix(Tensor first, Tensor second, long from) => cat(
        [
            first.unsqueeze(1).expand(first.shape[0], from, Settings.StyleSize),
            second.unsqueeze(1).expand(second.shape[0], StyledLayers - from, Settings.StyleSize),
        ],
        dim: 1);

    /// <inheritdoc/>
    public Tensor Synthesize(Tensor layerStyles, IReadOnlyList<Tensor>? noise) => synthesis.call(layerStyles);

    /// <inheritdoc/>
    public override Tensor Generate(Tensor latents, IReadOnlyList<Tensor>? noise, double truncation = 1)
    {
        using var scope = NewDisposeScope();
        var styles = Map(latents);
        if (truncation != 1)
            styles = StyleGan2Generator.Truncate(styles, style.StoredMean!.unsqueeze(0), truncation);
        return Synthesize(Broadcast(styles), noise).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override ImageGenerator Copy() => Weights.CopiedTo(new StyleGan3Generator(Settings), this);

    /// <summary>Refuses filters that are not those that the bands of their layers describe.</summary>
    /// <exception cref="ArgumentException">One is another; the message names it.</exception>
    internal void CheckFilters()
    {
        foreach (var (name, layer) in synthesis.NamedLayers)
            foreach (var (filter, designed) in new[]
            {
                ("up_filter", layer.DesignedUpFilter()), ("down_filter", layer.DesignedDownFilter())
            })
            {
                using var scope = NewDisposeScope();
                if (designed is not null
                    && (layer.get_buffer(filter)!.cpu() - designed).abs().max().item<float>()
                        > FilterTolerance * designed.abs().max().item<float>())
                    throw new ArgumentException(
                        $"'synthesis.{name}.{filter}' is not the low-pass filter that the layer's cutoff and transition band "
                            + "describe");
            }
    }

    /// <summary>The name of a layer's part of a checkpoint.</summary>
    internal static string NameOf(StyleGan3Layer layer, int index) => FormattableString.Invariant(
        $"L{index}_{layer.OutSize}_{layer.Outputs}");
}

/// <summary>Fourier features, and the layers that make an image of them.</summary>
internal sealed class SynthesisNetwork : Module<Tensor, Tensor>
{
    private readonly FourierFeatures input;
    private readonly List<(string Name, SynthesisLayer Layer)> _layers = [];
    private readonly double _outputScale;

    /// <param name="settings">Of the generator.</param>
    public SynthesisNetwork(StyleGan3Settings settings) : base(nameof(SynthesisNetwork))
    {
        _outputScale = settings.OutputScale;
        input = new FourierFeatures(settings.Input, settings.StyleSize);
        foreach (var (index, layer) in settings.Layers.Index())
        {
            _layers.Add((StyleGan3Generator.NameOf(layer, index), new SynthesisLayer(layer, settings.StyleSize)));
            register_module(_layers[^1].Name, _layers[^1].Layer);
        }

        RegisterComponents();
    }

    /// <summary>The layers, by their names in a checkpoint.</summary>
    public IReadOnlyList<(string Name, SynthesisLayer Layer)> NamedLayers => _layers;

    /// <summary>Styles <c>[N, StyledLayers, StyleSize]</c> to images.</summary>
    public override Tensor forward(Tensor layerStyles)
    {
        var maps = input.call(layerStyles.select(1, 0));
        foreach (var (index, (_, layer)) in _layers.Index())
        {
            // Maps at the leaky ReLU's rate are large: none may live longer than its layer.
            using var scope = NewDisposeScope();
            using var before = maps;
            maps = layer.call(before, layerStyles.select(1, index + 1)).MoveToOuterDisposeScope();
        }

        return maps * _outputScale;
    }
}
