namespace AdaptThenUnlearn.Measurements;

/// <summary>The distance without each group of images in turn: its error and its bias are estimated from these.</summary>
/// <remarks>An image's group is decided by its latent, so that the groups before and after are of the same latents.</remarks>
/// <param name="Sizes">Compared images in each group; at least 1.</param>
/// <param name="Without">
/// For each group: the Fréchet distance of all compared images but the group's, squared feature units.
/// </param>
public sealed record FrechetGroups(IReadOnlyList<long> Sizes, IReadOnlyList<double> Without)
{
    /// <summary>Groups that images are divided into.</summary>
    public const int Count = 20;

    /// <summary>Whether they can be groups of so many images.</summary>
    /// <param name="samples">Images compared.</param>
    public bool AreValidFor(long samples) => Sizes.Count == Count && Without.Count == Count
        && Sizes.All(size => size > 0)
            && Sizes.Sum() == samples
            && Without.All(distance => double.IsFinite(distance) && distance >= 0);
}
