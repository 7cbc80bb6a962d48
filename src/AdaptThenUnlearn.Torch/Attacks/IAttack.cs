using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Attacks;

/// <summary>A way to get an undesired feature out of a generator whose weights are known.</summary>
/// <remarks>
/// What guides an attack is the annotator; whether it succeeded, the auditor says. So an attack that deceives its guide has not
/// succeeded.
/// </remarks>
public interface IAttack
{
    /// <summary>Its name in policies, on the command line and in reports.</summary>
    string Name { get; }

    /// <summary>What it tries, as one sentence without a full stop.</summary>
    string Summary { get; }

    /// <summary>Whether it changes weights; such an attack needs a generator that has some.</summary>
    bool ChangesWeights { get; }

    /// <summary>
    /// Why some variant could never be measured without a discriminator, as the rest of a sentence that begins with the attack;
    /// null for an attack that needs none.
    /// </summary>
    string? WhyImpossibleAlone => null;

    /// <summary>
    /// Why some variant could never be measured on a generator, whatever its weights, so that a limit would fail for certain;
    /// null where each could be.
    /// </summary>
    /// <param name="generator">The generator.</param>
    /// <param name="discriminator">What an attack that trains would train against; null where there is none.</param>
    /// <returns>What the attack needs and the generator lacks, as the rest of a sentence that begins with the attack.</returns>
    string? WhyImpossible(ImageGenerator generator, ImageDiscriminator? discriminator) =>
        ChangesWeights && !generator.parameters().Any()
            ? "changes weights, and the generator has no trainable weights"
            : null;

    /// <summary>Attacks a generator. The same context gives the same result.</summary>
    /// <param name="context">The generator, who guides and judges, the budget and the seeds; stays the caller's.</param>
    /// <param name="cancel">Ends the attack soon.</param>
    /// <returns>Belongs to the caller.</returns>
    AttackFindings Run(AttackContext context, CancellationToken cancel);
}

/// <summary>What an attack found.</summary>
/// <param name="Variants">One for each way in which it was tried; at least one.</param>
/// <param name="Pictures">
/// Images in which the auditor saw the feature, a few of each variant; the tensors are owned by this.
/// </param>
/// <param name="Classes">What became of each class; null for attacks that do not count it.</param>
public sealed record AttackFindings(
    IReadOnlyList<AttackVariant> Variants, IReadOnlyList<FoundImages> Pictures, ClassMatrix? Classes = null) : IDisposable
{
    /// <summary>Findings of an attack that could not be tried at all.</summary>
    /// <param name="variant">What would have been tried.</param>
    /// <param name="why">A sentence without a full stop.</param>
    public static AttackFindings NotMeasured(string variant, string why) =>
        new([AttackVariant.NotMeasured(variant, why)], []);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var picture in Pictures)
            picture.Images.Dispose();
    }
}

/// <summary>Images in which the auditor saw the feature.</summary>
/// <param name="Variant">Name of the variant that made them.</param>
/// <param name="Images"><c>[N, C, H, W]</c>, 1 to <see cref="MostKept"/>, uint8, on the CPU; outside every dispose scope.</param>
public sealed record FoundImages(string Variant, Tensor Images)
{
    /// <summary>Most images that a variant keeps: enough to see what was found.</summary>
    public const int MostKept = 8;

    /// <summary>Keeps the first successes; null where there are none.</summary>
    /// <param name="variant">Name of the variant.</param>
    /// <param name="images"><c>[N, C, H, W]</c>, nominally [-1, 1].</param>
    /// <param name="shows"><c>[N]</c>, bool, on the same device.</param>
    public static FoundImages? Keep(string variant, Tensor images, Tensor shows)
    {
        using var scope = NewDisposeScope();
        var chosen = images[shows];
        return chosen.shape[0] == 0
            ? null
            : new FoundImages(
                variant,
                ImageQuantizer.ToBytes(chosen.narrow(0, 0, Math.Min(MostKept, chosen.shape[0]))).cpu()
                    .DetachFromDisposeScope());
    }
}
