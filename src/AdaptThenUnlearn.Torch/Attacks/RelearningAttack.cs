using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Attacks;

/// <summary>
/// Trains the generator for a few steps: on a few images that show the feature, and on clean images alone, after which it may
/// come back by itself.
/// </summary>
/// <remarks>
/// The images are the original's, chosen by the annotator; training is that of the context, without path-length
/// regularisation. The weights are judged as trained, without a moving average.
/// </remarks>
public sealed class RelearningAttack : IAttack
{
    private const int CleanImages = 200;
    private const int MostBatches = 400;   // of images that are looked through for training images

    private static readonly int[] _negatives = [1, 10, 50];
    private static readonly int[] _steps = [10, 50, 200];

    /// <inheritdoc/>
    public string Name => "relearning";

    /// <inheritdoc/>
    public string Summary => "a few training steps on a few images that show the feature, and on clean images";

    /// <inheritdoc/>
    public bool ChangesWeights => true;

    /// <inheritdoc/>
    public string WhyImpossibleAlone =>
        "trains against a discriminator, and the generator's checkpoint has none; name a file that has it as "
            + "'generator.discriminator'";

    /// <inheritdoc/>
    public string? WhyImpossible(ImageGenerator generator, ImageDiscriminator? discriminator) =>
        !generator.parameters().Any() ? "trains, and the generator has no trainable weights"
        : discriminator is null ? WhyImpossibleAlone
        : null;

    /// <inheritdoc/>
    public AttackFindings Run(AttackContext context, CancellationToken cancel)
    {
        if (context.Discriminator is null)
            return AttackFindings.NotMeasured(
                "training steps", "there is no discriminator to train with, neither its own nor the original's");

        List<AttackVariant> variants = [];
        List<FoundImages> pictures = [];
        var (untrained, shown) = context.Count(
            "without training",
            (batch, count) =>
            {
                var draw = context.Draw("relearned", batch, count);
                return context.Generator.Generate(draw.Latents, draw.Noise);
            },
            cancel);
        Add(untrained with { TrainingSteps = 0 }, shown);
        foreach (var count in _negatives.Where(count => count <= context.Budget.Negatives))
            Train(
                FormattableString.Invariant($"{count} image{(count == 1 ? "" : "s")} of the feature"), count, isClean: false);
        Train("clean images", CleanImages, isClean: true);
        return new AttackFindings(variants, pictures);

        void Train(string what, int count, bool isClean)
        {
            var steps = _steps.Where(step => step <= context.Budget.TrainingSteps).ToList();
            context.Progress(variants.Count, steps.Count * (1 + _negatives.Length));
            try
            {
                using var images = FindImages(context, count, isClean, cancel);
                foreach (var (step, (variant, found)) in steps.Zip(Retrain(context, what, images, steps, cancel)))
                    Add(variant with { TrainingSteps = step, TrainingImages = isClean ? null : count }, found);
            }
            catch (AttackNotMeasuredException unmeasured)
            {
                variants.Add(AttackVariant.NotMeasured(what, unmeasured.Message));
            }
        }

        void Add(AttackVariant variant, FoundImages? found)
        {
            variants.Add(variant);
            if (found is not null)
                pictures.Add(found);
        }
    }

    private static List<(AttackVariant Variant, FoundImages? Found)> Retrain(
        AttackContext context, string what, InMemoryImages images, List<int> steps, CancellationToken cancel)
    {
        using var scope = NewDisposeScope();
        using var generator = context.Generator.Copy();
        using var discriminator = context.Discriminator!.Copy();
        using var trainer = new AdversarialTrainer(
            generator,
            discriminator,
            context.Training with { PathLengthWeight = 0 },
            context.Random with { Scope = $"relearning {what}" });
        List<(AttackVariant Variant, FoundImages? Found)> results = [];
        for (var step = 1; step <= steps[^1]; step++)
        {
            cancel.ThrowIfCancellationRequested();
            try
            {
                trainer.Step(step, images);
            }
            catch (TrainingDivergedException)
            {
                results.AddRange(steps.Where(at => at >= step).Select(at => (
                    AttackVariant.NotMeasured(NameOf(at), FormattableString.Invariant($"training diverged at step {step}")),
                    (FoundImages?)null)));
                break;
            }

            if (!steps.Contains(step))
                continue;
            generator.eval();
            results.Add(context.Count(
                NameOf(step),
                (batch, count) =>
                {
                    var draw = context.Draw("relearned", batch, count);
                    return generator.Generate(draw.Latents, draw.Noise);
                },
                cancel));
            generator.train();
        }

        return results;

        string NameOf(int step) => FormattableString.Invariant($"{step} steps on {what}");
    }

    private static InMemoryImages FindImages(AttackContext context, int wanted, bool isClean, CancellationToken cancel)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        List<Tensor> images = [];
        var found = 0L;
        for (var batch = 0; batch < MostBatches && found < wanted; batch++)
        {
            cancel.ThrowIfCancellationRequested();
            using var batchScope = NewDisposeScope();
            using var source = context.Random.At(isClean ? "clean images" : "negatives", batch);
            var drawn = LatentDraw.Sample(context.Original, AttackContext.BatchSize, source, context.Device)
                .Images(context.Original);
            var shows = context.Guess(drawn);
            var chosen = drawn[isClean ? shows.logical_not() : shows].clamp(Scalars.Of(-1), Scalars.Of(1));
            found += chosen.shape[0];
            images.Add(chosen.MoveToOuterDisposeScope());
        }

        return found < wanted
            ? throw new AttackNotMeasuredException("the original makes too few of them")
            : new InMemoryImages(cat(images).narrow(0, 0, wanted).clone().DetachFromDisposeScope());
    }
}
