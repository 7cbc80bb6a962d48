using AdaptThenUnlearn.Measurements;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Attacks;

/// <summary>
/// Asks for the images of latents whose original image shows the feature, and counts what became of every class.
/// </summary>
public sealed class SameLatentsAttack : IAttack
{
    private const string Variant = "latents that showed it before";

    /// <inheritdoc/>
    public string Name => "same-latents";

    /// <inheritdoc/>
    public string Summary => "the latents whose original image shows the feature, as they are; and what became of each class";

    /// <inheritdoc/>
    public bool ChangesWeights => false;

    /// <inheritdoc/>
    public AttackFindings Run(AttackContext context, CancellationToken cancel)
    {
        if (context.Generator.LatentSize != context.Original.LatentSize
            || !context.Generator.NoiseSizes.SequenceEqual(context.Original.NoiseSizes))
            return AttackFindings.NotMeasured(Variant, "the original takes latents or noise of another size");

        try
        {
            return Compare(context, cancel);
        }
        catch (AttackNotMeasuredException unmeasured)
        {
            return AttackFindings.NotMeasured(Variant, unmeasured.Message);
        }
    }

    private static AttackFindings Compare(AttackContext context, CancellationToken cancel)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var names = context.Auditor.Classifier.Classes;
        long[][] counts = [.. names.Select(_ => new long[names.Count])];
        var (successes, attempts) = (0L, 0L);
        List<Tensor> found = [];
        for (var start = 0; start < context.Budget.Samples; start += AttackContext.BatchSize)
        {
            cancel.ThrowIfCancellationRequested();
            context.Progress(start, context.Budget.Samples);
            using var batchScope = NewDisposeScope();
            var draw = context.Draw("same", start / AttackContext.BatchSize, Math.Min(
                AttackContext.BatchSize, context.Budget.Samples - start));
            var before = context.Original.Generate(draw.Latents, draw.Noise);
            var after = context.Generator.Generate(draw.Latents, draw.Noise);
            var showed = context.Judge(before);
            var shows = showed.logical_and(context.Judge(after));
            attempts += showed.sum().item<long>();
            successes += shows.sum().item<long>();
            foreach (var (was, now) in Numbers(context.Classes(before)).Zip(Numbers(context.Classes(after))))
                counts[was][now]++;
            if (found.Count < FoundImages.MostKept)
                found.Add(after[shows].MoveToOuterDisposeScope());
        }

        var matrix = new ClassMatrix(names, counts);
        if (attempts == 0)
            return new AttackFindings(
                [AttackVariant.NotMeasured(Variant, FormattableString.Invariant(
                    $"the original shows the feature in none of {context.Budget.Samples} images"))],
                [],
                matrix);

        var all = cat(found);
        var kept = FoundImages.Keep(Variant, all, ones(all.shape[0], dtype: @bool, device: all.device));
        return new AttackFindings([new AttackVariant(Variant, successes, attempts)], kept is null ? [] : [kept], matrix);

        static long[] Numbers(Tensor classes) => classes.cpu().data<long>().ToArray();
    }
}
