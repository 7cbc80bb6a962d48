namespace AdaptThenUnlearn.Torch.Models;

/// <summary>Creates the networks of a GAN with fresh weights, so that it can be trained from scratch.</summary>
/// <remarks>Weights come from torch's default random source: seed it before each call, so that a run can be repeated.</remarks>
public interface IGanFactory
{
    /// <summary>Creates a generator; belongs to the caller.</summary>
    ImageGenerator CreateGenerator();

    /// <summary>Creates a discriminator of the generator's images; belongs to the caller.</summary>
    ImageDiscriminator CreateDiscriminator();
}
