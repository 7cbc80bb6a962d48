using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Models;

/// <summary>
/// Everything random behind one batch of generated images, so that two generators can be asked for the same images.
/// </summary>
/// <param name="Latents"><c>[N, LatentSize]</c>.</param>
/// <param name="Second">
/// Latents that layers from <paramref name="MixFrom"/> on take instead; null where styles are not mixed.
/// </param>
/// <param name="MixFrom">1 to <see cref="IStyleBasedGenerator.StyledLayers"/> − 1; 0 where styles are not mixed.</param>
/// <param name="Noise">One map for each of the generator's <see cref="ImageGenerator.NoiseSizes"/>.</param>
public sealed record LatentDraw(Tensor Latents, Tensor? Second, long MixFrom, IReadOnlyList<Tensor> Noise)
{
    /// <summary>Draws latents and noise on the CPU; the tensors belong to the caller's scope.</summary>
    /// <param name="generator">The generator that will be given the draw; it decides the sizes.</param>
    /// <param name="images">Number of images; at least 1.</param>
    /// <param name="random">Source of the random numbers, on the CPU.</param>
    /// <param name="device">Device of the returned tensors.</param>
    /// <param name="styleMixing">Probability of a second latent, 0 to 1; ignored for generators that are not style-based.</param>
    public static LatentDraw Sample(ImageGenerator generator, int images, Generator random, Device device, double styleMixing = 0)
    {
        var latents = Normal();
        IReadOnlyList<Tensor> noise =
        [
            .. generator.NoiseSizes.Select(size => randn([images, 1, size, size], generator: random).to(device))
        ];
        if (styleMixing == 0
            || generator is not IStyleBasedGenerator styleBased
            || rand([1], generator: random).item<float>() >= styleMixing)
            return new LatentDraw(latents, null, 0, noise);

        var from = randint(1, styleBased.StyledLayers, [1], dtype: int64, generator: random).item<long>();
        return new LatentDraw(latents, Normal(), from, noise);

        Tensor Normal() => randn([images, generator.LatentSize], generator: random).to(device);
    }

    /// <summary>One of the equal parts of the batch.</summary>
    /// <param name="number">Of the part, from 0.</param>
    /// <param name="parts">1, or a divisor of the number of images.</param>
    /// <returns>Views of these tensors; they belong to the caller's scope.</returns>
    public LatentDraw Part(int number, int parts)
    {
        return parts == 1
            ? this
            : new LatentDraw(Of(Latents), Second is null ? null : Of(Second), MixFrom, [.. Noise.Select(Of)]);

        Tensor Of(Tensor batch) => batch.Part(number, parts);
    }

    /// <summary>The images that a generator makes of this draw.</summary>
    /// <returns><c>[N, C, H, W]</c>; belongs to the caller's scope.</returns>
    public Tensor Images(ImageGenerator generator) =>
        generator is IStyleBasedGenerator styleBased
            ? styleBased.Synthesize(LayerStyles(styleBased), Noise)
            : generator.Generate(Latents, Noise);

    /// <summary>The style of every layer.</summary>
    /// <returns><c>[N, layers, latent]</c>; belongs to the caller's scope.</returns>
    public Tensor LayerStyles(IStyleBasedGenerator generator) => Second is null
        ? generator.Broadcast(generator.Map(Latents))
        : generator.Mix(generator.Map(Latents), generator.Map(Second), MixFrom);
}
