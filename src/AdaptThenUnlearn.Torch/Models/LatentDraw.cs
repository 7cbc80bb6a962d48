using AdaptThenUnlearn.Torch.Models.StyleGan2;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Models;

/// <summary>Everything random behind one batch of generated images, so that two generators can be asked for the same images.</summary>
/// <param name="Latents"><c>[N, LatentSize]</c>.</param>
/// <param name="Second">Latents mixed in from layer <paramref name="MixFrom"/> on, or null.</param>
/// <param name="MixFrom">1 to the number of styled layers − 1.</param>
/// <param name="Noise">One map a layer.</param>
public sealed record LatentDraw(Tensor Latents, Tensor? Second, long MixFrom, IReadOnlyList<Tensor> Noise)
{
    /// <summary>Draws latents and noise on the CPU; the tensors belong to the caller's scope.</summary>
    /// <param name="generator">Says which sizes it takes.</param>
    /// <param name="images">How many.</param>
    /// <param name="random">Where they come from.</param>
    /// <param name="device">Where they go.</param>
    /// <param name="styleMixing">Probability of a second latent; only style-based generators mix.</param>
    public static LatentDraw Sample(ImageGenerator generator, int images, Generator random, Device device, double styleMixing = 0)
    {
        var latents = Normal();
        IReadOnlyList<Tensor> noise = [.. generator.NoiseSizes.Select(size => randn([images, 1, size, size], generator: random).to(device))];
        if (styleMixing == 0 || generator is not StyleGan2Generator styleBased || rand([1], generator: random).item<float>() >= styleMixing)
            return new LatentDraw(latents, null, 0, noise);

        var from = randint(1, styleBased.Settings.StyledLayers, [1], dtype: int64, generator: random).item<long>();
        return new LatentDraw(latents, Normal(), from, noise);

        Tensor Normal() => randn([images, generator.LatentSize], generator: random).to(device);
    }

    /// <summary>The images that a generator makes of this draw.</summary>
    /// <returns><c>[N, C, H, W]</c>; belongs to the caller's scope.</returns>
    public Tensor Images(ImageGenerator generator) =>
        generator is StyleGan2Generator styleBased ? styleBased.Synthesize(LayerStyles(styleBased), Noise) : generator.Generate(Latents, Noise);

    /// <summary>The style of every layer.</summary>
    /// <returns><c>[N, layers, latent]</c>; belongs to the caller's scope.</returns>
    public Tensor LayerStyles(StyleGan2Generator generator) => Second is null
        ? generator.Broadcast(generator.Map(Latents))
        : generator.Mix(generator.Map(Latents), generator.Map(Second), MixFrom);
}
