namespace AdaptThenUnlearn.Torch.Models;

/// <summary>A generator and the discriminator it was trained against.</summary>
/// <param name="Generator">Owned by the pair.</param>
/// <param name="Discriminator">Owned by the pair.</param>
public sealed record GanPair(ImageGenerator Generator, ImageDiscriminator Discriminator) : IDisposable
{
    /// <summary>Copies of both; belong to the caller.</summary>
    public GanPair Copy() => new(Generator.Copy(), Discriminator.Copy());

    /// <inheritdoc/>
    public void Dispose()
    {
        Generator.Dispose();
        Discriminator.Dispose();
    }
}
