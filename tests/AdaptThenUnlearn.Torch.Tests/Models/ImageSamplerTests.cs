using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Models;

/// <summary>The same seed gives the same images, and each source of noise is the one that was named.</summary>
public sealed class ImageSamplerTests
{
    [Fact]
    public void Generate_SameSeed_SameImages()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var networks = Small.Gan();

        Tensor Sample(long seed)
        {
            var sampler = new ImageSampler(networks.Generator, seed, CPU);
            return sampler.Generate(sampler.DrawLatents(5, 8), NoiseMaps.Random, truncation: 1, CancellationToken.None);
        }

        Assert.Equal([5, 1, 16, 16], Sample(3).shape);
        Assert.True(Sample(3).equal(Sample(3)).all().item<bool>());
        Assert.False(Sample(3).equal(Sample(4)).all().item<bool>());
    }

    [Fact]
    public void Generate_MoreThanABatch_IsWhatTheGeneratorMakesOfEach()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var networks = Small.Gan();
        var sampler = new ImageSampler(networks.Generator, seed: 3, CPU);
        var latents = sampler.DrawLatents(130, 8);

        var images = sampler.Generate(latents, NoiseMaps.None, truncation: 1, CancellationToken.None);

        Assert.True(images.allclose(networks.Generator.Generate(latents, noise: null), rtol: 1e-4, atol: 1e-5));
        var stored = sampler.Generate(latents.narrow(0, 0, 3), NoiseMaps.Stored, truncation: 1, CancellationToken.None);
        Assert.True(stored.allclose(
            networks.Generator.Generate(latents.narrow(0, 0, 3), networks.Generator.StoredNoise), rtol: 1e-4, atol: 1e-5));
    }
}
