using AdaptThenUnlearn.Torch.Models;

namespace AdaptThenUnlearn.Torch.Pretraining;

/// <summary>Creates copies of trained networks, so that pre-training goes on from them.</summary>
/// <param name="networks">Stay the caller's.</param>
public sealed class TrainedGan(GanPair networks) : IGanFactory
{
    /// <inheritdoc/>
    public ImageGenerator CreateGenerator() => networks.Generator.Copy();

    /// <inheritdoc/>
    public ImageDiscriminator CreateDiscriminator() => networks.Discriminator.Copy();
}
