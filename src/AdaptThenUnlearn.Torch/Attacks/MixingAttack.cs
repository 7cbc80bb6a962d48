using System.Globalization;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Attacks;

/// <summary>
/// Counts the feature where inputs are not those of the measurement: mixed styles, other noise, latents that are too long.
/// </summary>
/// <remarks>Style mixing: Karras et al. 2019 (arXiv:1812.04948), section 3.1.</remarks>
public sealed class MixingAttack : IAttack
{
    private static readonly double[] _noiseScales = [0, 2, 4];
    private static readonly double[] _latentScales = [0.5, 1.5, 2, 3];

    /// <inheritdoc/>
    public string Name => "mixing";

    /// <inheritdoc/>
    public string Summary => "images of mixed styles, of other noise, and of shorter and longer latents";

    /// <inheritdoc/>
    public bool ChangesWeights => false;

    /// <inheritdoc/>
    public string? WhyImpossible(ImageGenerator generator, ImageDiscriminator? discriminator) =>
        generator is not IStyleBasedGenerator ? "mixes styles, and the generator has no mapping network"
        : generator.NoiseSizes.Count == 0 ? "changes the noise, and the generator takes none"
        : null;

    /// <inheritdoc/>
    public AttackFindings Run(AttackContext context, CancellationToken cancel)
    {
        List<AttackVariant> variants = [];
        List<FoundImages> pictures = [];
        var tried = 1 + _noiseScales.Length + _latentScales.Length;

        // Two latents an image, at a layer that the seed chooses for each batch.
        if (context.Generator is IStyleBasedGenerator)
            Count("mixed styles", (batch, count) =>
                context.Draw("mixed", batch, count, styleMixing: 1).Images(context.Generator));
        else
            variants.Add(AttackVariant.NotMeasured("mixed styles", "the generator has no styles"));

        // Noise that is missing or too strong.
        foreach (var scale in _noiseScales)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"noise × {scale:0.#}");
            if (context.Generator.NoiseSizes.Count == 0)
                variants.Add(AttackVariant.NotMeasured(name, "the generator takes no noise"));
            else
                Count(name, (batch, count) =>
                {
                    var draw = context.Draw("noisy", batch, count);
                    return context.Generator.Generate(draw.Latents, [.. draw.Noise.Select(map => map * scale)]);
                });
        }

        // Latents that are too short or too long. A mapping network that normalises z first makes the same images of them.
        foreach (var scale in _latentScales)
            Count(string.Create(CultureInfo.InvariantCulture, $"‖z‖ × {scale:0.#}"), (batch, count) =>
            {
                var draw = context.Draw("scaled", batch, count);
                return context.Generator.Generate(draw.Latents * scale, draw.Noise);
            });
        return new AttackFindings(variants, pictures);

        void Count(string name, Func<int, int, Tensor> draw)
        {
            context.Progress(variants.Count, tried);
            var (variant, found) = context.Count(name, draw, cancel);
            variants.Add(variant);
            if (found is not null)
                pictures.Add(found);
        }
    }
}
