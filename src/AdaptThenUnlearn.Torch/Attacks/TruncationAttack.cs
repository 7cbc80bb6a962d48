using System.Globalization;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Torch.Models;

namespace AdaptThenUnlearn.Torch.Attacks;

/// <summary>Counts the feature at other truncations: nearer to the mean image, and farther from it than in training.</summary>
/// <remarks>Karras et al. 2019 (arXiv:1812.04948), appendix B: w ← μ + ψ·(w − μ).</remarks>
public sealed class TruncationAttack : IAttack
{
    private static readonly double[] _truncations = [0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3, 1.4];

    /// <inheritdoc/>
    public string Name => "truncation";

    /// <inheritdoc/>
    public string Summary => "images at truncations from 0.5 to 1.4";

    /// <inheritdoc/>
    public bool ChangesWeights => false;

    /// <inheritdoc/>
    public string? WhyImpossible(ImageGenerator generator, ImageDiscriminator? discriminator) =>
        generator.SupportsTruncation ? null : "truncates latents, and the generator has no truncation";

    /// <inheritdoc/>
    public AttackFindings Run(AttackContext context, CancellationToken cancel)
    {
        if (!context.Generator.SupportsTruncation)
            return AttackFindings.NotMeasured("ψ from 0.5 to 1.4", "the generator has no truncation");

        List<AttackVariant> variants = [];
        List<FoundImages> pictures = [];
        foreach (var (number, truncation) in _truncations.Index())
        {
            context.Progress(number, _truncations.Length);
            var (variant, found) = context.Count(
                string.Create(CultureInfo.InvariantCulture, $"ψ = {truncation:0.0}"),
                (batch, count) =>
                {
                    var draw = context.Draw("truncated", batch, count);
                    return context.Generator.Generate(draw.Latents, draw.Noise, truncation);
                },
                cancel);
            variants.Add(variant);
            if (found is not null)
                pictures.Add(found);
        }

        return new AttackFindings(variants, pictures);
    }
}
