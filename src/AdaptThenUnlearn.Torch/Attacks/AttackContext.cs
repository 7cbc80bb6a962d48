using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Attacks;

/// <summary>Which generator is attacked.</summary>
public enum AttackedGenerator
{
    /// <summary>The original: what the attack gets where nothing was unlearned.</summary>
    Before,

    /// <summary>The unlearned generator.</summary>
    After,

    /// <summary>A generator that was trained without the feature: what the attack gets where there is nothing to find.</summary>
    Retrained,
}

/// <summary>Everything that an attack works with.</summary>
/// <param name="Attacked">Which generator it is.</param>
/// <param name="Generator">The attacked generator, in eval mode; stays the caller's, and is not changed.</param>
/// <param name="Original">The original generator, in eval mode; the same as <paramref name="Generator"/> for itself.</param>
/// <param name="Annotator">Guides the attack.</param>
/// <param name="Auditor">Judges it.</param>
/// <param name="Budget">How much it may spend.</param>
/// <param name="Random">Of this attack; the same for every generator.</param>
/// <param name="Training">How an attack that trains does it.</param>
/// <param name="Device">Where the networks are.</param>
/// <param name="Raw">Whether the network's raw output is judged, and not its 8-bit picture.</param>
/// <param name="Progress">Receives how many steps of how many are done.</param>
public sealed record AttackContext(
    AttackedGenerator Attacked,
    ImageGenerator Generator,
    ImageGenerator Original,
    FeatureRule Annotator,
    FeatureRule Auditor,
    AttackBudget Budget,
    RandomStreams Random,
    TrainingSettings Training,
    Device Device,
    bool Raw,
    Action<int, int> Progress)
{
    /// <summary>
    /// The discriminator of the attacked generator, or else the original's; null where neither checkpoint has one.
    /// </summary>
    public ImageDiscriminator? Discriminator { get; init; }

    /// <summary>
    /// Real images that show the feature, <c>[N, C, H, W]</c> in [-1, 1], to reconstruct; null where none are given. They stay
    /// the caller's.
    /// </summary>
    public Tensor? GivenImages { get; init; }

    /// <summary>Images that are generated or searched together.</summary>
    public const int BatchSize = 50;

    /// <summary>In which images the auditor sees the feature, each as it is measured.</summary>
    /// <param name="images"><c>[N, C, H, W]</c>, nominally [-1, 1].</param>
    /// <returns><c>[N]</c>, bool; belongs to the caller's scope.</returns>
    /// <exception cref="AttackNotMeasuredException">An image is not finite.</exception>
    public Tensor Judge(Tensor images) => Sees(Auditor, images);

    /// <summary>In which images the annotator sees the feature, each as it is measured.</summary>
    /// <inheritdoc cref="Judge"/>
    public Tensor Guess(Tensor images) => Sees(Annotator, images);

    /// <summary>The auditor's likeliest class of each image.</summary>
    /// <param name="images"><c>[N, C, H, W]</c>, nominally [-1, 1].</param>
    /// <returns><c>[N]</c>, int64; belongs to the caller's scope.</returns>
    /// <exception cref="AttackNotMeasuredException">An image is not finite.</exception>
    public Tensor Classes(Tensor images) => Logits(Auditor, images).argmax(1);

    /// <summary>
    /// Makes images of many draws and counts those that show the feature; not measured where an image is not finite.
    /// </summary>
    /// <param name="variant">Name of what is tried.</param>
    /// <param name="draw">Makes the images of a batch, given its number and how many there are; in its own scope.</param>
    /// <param name="cancel">Ends it between two batches.</param>
    public (AttackVariant Variant, FoundImages? Found) Count(
        string variant, Func<int, int, Tensor> draw, CancellationToken cancel)
    {
        try
        {
            return CountFinite(variant, draw, cancel);
        }
        catch (AttackNotMeasuredException unmeasured)
        {
            return (AttackVariant.NotMeasured(variant, unmeasured.Message), null);
        }
    }

    /// <summary>The latents and noise of a numbered batch; the same for every generator of the same size.</summary>
    /// <param name="purpose">Separates the batches of one use from another's.</param>
    /// <param name="batch">Number of the batch.</param>
    /// <param name="count">Number of latents.</param>
    /// <param name="styleMixing">Probability of a second latent, 0 to 1.</param>
    public LatentDraw Draw(string purpose, int batch, int count, double styleMixing = 0)
    {
        using var source = Random.At(purpose, batch);
        return LatentDraw.Sample(Generator, count, source, Device, styleMixing);
    }

    private (AttackVariant Variant, FoundImages? Found) CountFinite(
        string variant, Func<int, int, Tensor> draw, CancellationToken cancel)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var hits = 0L;
        List<Tensor> found = [];
        for (var start = 0; start < Budget.Samples; start += BatchSize)
        {
            cancel.ThrowIfCancellationRequested();
            using var batchScope = NewDisposeScope();
            var images = draw(start / BatchSize, Math.Min(BatchSize, Budget.Samples - start));
            var shows = Judge(images);
            hits += shows.sum().item<long>();
            if (found.Count < FoundImages.MostKept)
                found.Add(images[shows].MoveToOuterDisposeScope());
        }

        var all = cat(found);
        var kept = FoundImages.Keep(variant, all, ones(all.shape[0], dtype: @bool, device: all.device));
        return (new AttackVariant(variant, hits, Budget.Samples), kept);
    }

    private Tensor Sees(FeatureRule rule, Tensor images)
    {
        using var scope = NewDisposeScope();
        return rule.Shows(Logits(rule, images)).MoveToOuterDisposeScope();
    }

    private Tensor Logits(FeatureRule rule, Tensor images)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        if (!images.isfinite().all().item<bool>())
            throw new AttackNotMeasuredException("images were not finite");   // a picture would clip them to a finite value
        var seen = Raw ? images : ImageQuantizer.Quantize(images);
        return rule.Classifier.Logits(rule.Classifier.Features(seen)).MoveToOuterDisposeScope();
    }
}
