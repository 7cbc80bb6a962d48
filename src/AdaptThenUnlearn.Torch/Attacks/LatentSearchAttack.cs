using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Attacks;

/// <summary>
/// Searches latents by gradient ascent on the annotator's score: in z, and in the styles of generators that have a mapping
/// network.
/// </summary>
/// <remarks>
/// Styles w and their extension by layer w+: Karras et al. 2019 (arXiv:1812.04948), Abdal et al. 2019 (arXiv:1904.03189). The
/// loss is −log p(class) + <c>max(0, D²/E[D²] − 1)</c>, where D is the distance of <see cref="LatentPrior"/>: the second term
/// asks for latents that are not unusual without reason.
/// </remarks>
public sealed class LatentSearchAttack : IAttack
{
    private const double Rate = 0.1;           // of a component's deviation, at each step
    private const double Neighbourhood = 0.1;  // deviation of what is added to latents that showed the feature
    private const int MostBatches = 400;       // of latents that are looked through for starts

    private enum Space
    {
        Latents,
        Styles,
        LayerStyles,
    }

    /// <inheritdoc/>
    public string Name => "latent-search";

    /// <inheritdoc/>
    public string Summary =>
        "gradient ascent on the annotator's score in z, w and w+, from clean latents and from latents that showed the feature";

    /// <inheritdoc/>
    public bool ChangesWeights => false;

    /// <inheritdoc/>
    public string? WhyImpossible(ImageGenerator generator, ImageDiscriminator? discriminator) =>
        generator is IStyleBasedGenerator
            ? null
            : "searches styles too, and the generator has no mapping network";

    /// <inheritdoc/>
    public AttackFindings Run(AttackContext context, CancellationToken cancel)
    {
        using var scope = NewDisposeScope();
        var styleBased = context.Generator as IStyleBasedGenerator;
        using var latents = LatentPrior.OfLatents(context.Generator.LatentSize);
        using var styles = styleBased is null
            ? null
            : LatentPrior.OfStyles(styleBased, context.Generator.LatentSize, context.Random, context.Device);
        List<AttackVariant> variants = [];
        List<FoundImages> pictures = [];
        Space[] spaces = [Space.Latents, Space.Styles, Space.LayerStyles];
        foreach (var (number, (space, fromFeature)) in
            spaces.SelectMany(space => new[] { (space, false), (space, true) }).Index())
        {
            context.Progress(number, 2 * spaces.Length);
            var name = $"{NameOf(space)}, {(fromFeature ? "latents that showed it before" : "clean starts")}";
            if (space != Space.Latents && styleBased is null)
            {
                variants.Add(AttackVariant.NotMeasured(name, "the generator has no mapping network, and so no styles"));
                continue;
            }

            if (fromFeature && context.Generator.LatentSize != context.Original.LatentSize)
            {
                variants.Add(AttackVariant.NotMeasured(name, "the original's latents have another size"));
                continue;
            }

            var (variant, found) = TrySearch(
                context, name, space, fromFeature, space == Space.Latents ? latents : styles!, cancel);
            variants.Add(variant);
            if (found is not null)
                pictures.Add(found);
        }

        return new AttackFindings(variants, pictures);
    }

    private static (AttackVariant Variant, FoundImages? Found) TrySearch(
        AttackContext context, string name, Space space, bool fromFeature, LatentPrior prior, CancellationToken cancel)
    {
        try
        {
            return Search(context, name, space, fromFeature, prior, cancel);
        }
        catch (AttackNotMeasuredException unmeasured)
        {
            return (AttackVariant.NotMeasured(name, unmeasured.Message), null);
        }
    }

    private static (AttackVariant Variant, FoundImages? Found) Search(
        AttackContext context, string name, Space space, bool fromFeature, LatentPrior prior, CancellationToken cancel)
    {
        // Find the latents to start from.
        using var scope = NewDisposeScope();
        var wanted = context.Budget.Starts;
        var starts = FindStarts(context, wanted, fromFeature, cancel);
        if (starts is null || starts.Latents.shape[0] < wanted)
            return (AttackVariant.NotMeasured(name, FormattableString.Invariant(
                $"only {starts?.Latents.shape[0] ?? 0} of {wanted} starts were found in ")
                + FormattableString.Invariant($"{MostBatches * AttackContext.BatchSize} latents")),
                null);

        // Search a batch at a time, and let the auditor judge what was found.
        var (successes, atStart) = (0L, 0L);
        List<double> shares = [];
        List<Tensor> found = [];
        for (var first = 0L; first < wanted; first += AttackContext.BatchSize)
        {
            using var batchScope = NewDisposeScope();
            var count = Math.Min(AttackContext.BatchSize, wanted - first);
            IReadOnlyList<Tensor> noise = [.. starts.Noise.Select(map => map.narrow(0, first, count))];
            var point = Enter(context, space, starts.Latents.narrow(0, first, count));
            using (no_grad())
                atStart += context.Judge(Images(context, space, point, noise)).sum().item<long>();
            LatentAscent.RequireGradient(point, points => Score(context, Images(context, space, points, noise)));
            var best = LatentAscent.Run(
                point,
                points => Loss(context, prior, points, Images(context, space, points, noise)),
                context.Budget.Steps,
                Rate * prior.Deviation,
                cancel);

            using var _ = no_grad();
            var images = Images(context, space, best, noise);
            var shows = context.Judge(images);
            successes += shows.sum().item<long>();
            shares.AddRange(prior.Distances(best)[shows].cpu().to(float64).data<double>().Select(prior.ShareNearer));
            if (found.Count < FoundImages.MostKept)
                found.Add(images[shows].MoveToOuterDisposeScope());
        }

        using var all = cat(found);
        var kept = FoundImages.Keep(name, all, ones(all.shape[0], dtype: @bool, device: all.device));
        return (new AttackVariant(
            name, successes, wanted, atStart, Median(shares), shares.Count(share => share <= AttackVariant.UsualShare)), kept);
    }

    // Clean starts: the annotator does not see the feature in the attacked generator's image. The others: it sees the feature in
    // the original's image, and a little is added to the latent, because the very latent is what unlearning was judged by.
    private static LatentDraw? FindStarts(AttackContext context, int wanted, bool fromFeature, CancellationToken cancel)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        List<Tensor> latents = [];
        List<List<Tensor>> noise = [.. context.Generator.NoiseSizes.Select(_ => new List<Tensor>())];
        var found = 0L;
        for (var batch = 0; batch < MostBatches && found < wanted; batch++)
        {
            cancel.ThrowIfCancellationRequested();
            using var batchScope = NewDisposeScope();
            var draw = context.Draw("starts", batch, AttackContext.BatchSize);
            var chosen = fromFeature
                ? context.Guess(context.Original.Generate(draw.Latents, NoiseFor(context.Original, draw)))
                : context.Guess(context.Generator.Generate(draw.Latents, draw.Noise)).logical_not();
            found += chosen.sum().item<long>();
            latents.Add((fromFeature ? Near(context, draw.Latents, batch) : draw.Latents)[chosen].MoveToOuterDisposeScope());
            foreach (var (map, kept) in draw.Noise.Zip(noise))
                kept.Add(map[chosen].MoveToOuterDisposeScope());
        }

        return new LatentDraw(
            First(latents).MoveToOuterDisposeScope(),
            Second: null,
            MixFrom: 0,
            [.. noise.Select(maps => First(maps).MoveToOuterDisposeScope())]);

        Tensor First(List<Tensor> parts)
        {
            var all = cat(parts);
            return all.narrow(0, 0, Math.Min(wanted, all.shape[0])).clone();
        }
    }

    // A generator of other sizes gets no noise.
    private static IReadOnlyList<Tensor>? NoiseFor(ImageGenerator generator, LatentDraw draw) =>
        generator.NoiseSizes.SequenceEqual(draw.Noise.Select(map => (int)map.shape[^1])) ? draw.Noise : null;

    private static Tensor Near(AttackContext context, Tensor latents, int batch)
    {
        using var source = context.Random.At("neighbourhood", batch);
        var scale = Math.Sqrt(1 + Neighbourhood * Neighbourhood);   // so that the sum is as long as a latent
        return (latents + Neighbourhood * randn(latents.shape, generator: source).to(context.Device)) / scale;
    }

    private static Tensor Enter(AttackContext context, Space space, Tensor latents)
    {
        using var _ = no_grad();
        return space switch
        {
            Space.Latents => latents.clone(),
            Space.Styles => Styled(context).Map(latents),
            _ => Styled(context).Broadcast(Styled(context).Map(latents)).contiguous(),
        };
    }

    private static Tensor Images(AttackContext context, Space space, Tensor points, IReadOnlyList<Tensor> noise) => space switch
    {
        Space.Latents => context.Generator.Generate(points, noise),
        Space.Styles => Styled(context).Synthesize(Styled(context).Broadcast(points), noise),
        _ => Styled(context).Synthesize(points, noise),
    };

    private static Tensor Loss(AttackContext context, LatentPrior prior, Tensor points, Tensor images)
    {
        var unusual = nn.functional.relu(prior.Distances(points).square() / prior.MeanSquare - 1);
        return unusual - Score(context, images);
    }

    // The annotator sees the picture that is judged; the gradient passes as if nothing had been rounded.
    private static Tensor Score(AttackContext context, Tensor images)
    {
        var pictures = context.Raw ? images : images + (ImageQuantizer.Quantize(images) - images).detach();
        var (classifier, index) = (context.Annotator.Classifier, context.Annotator.Index);
        return LogProbability(classifier, classifier.Logits(classifier.Features(pictures)), index);
    }

    private static Tensor LogProbability(FeatureClassifier classifier, Tensor logits, int index) => classifier.Outputs switch
    {
        ClassifierOutputs.Softmax => nn.functional.log_softmax(logits, 1).select(1, index),
        ClassifierOutputs.Sigmoid => nn.functional.logsigmoid(logits.select(1, index)),
        _ => logits.select(1, index).clamp_min(Scalars.Of(1e-12)).log(),
    };

    private static IStyleBasedGenerator Styled(AttackContext context) => (IStyleBasedGenerator)context.Generator;

    private static double? Median(List<double> values) =>
        values.Count == 0 ? null : values.Order().ElementAt((values.Count - 1) / 2);

    private static string NameOf(Space space) => space switch
    {
        Space.Latents => "z",
        Space.Styles => "w",
        _ => "w+",
    };
}
