using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Attacks;

/// <summary>
/// Reconstructs images that show the feature, of the original and of a folder of real ones where there is one: looks for latents
/// whose image is the given one.
/// </summary>
/// <remarks>
/// Abdal et al. 2019 (arXiv:1904.03189): gradient descent on one style a layer, from the mean style, with a distance of pixels
/// and one of a network's features. The network is the annotator, and each distance is in the unit of its own variation: the
/// pixels' variance and the mean square of the features. Noise is left out. The reported distance is the length of the
/// difference of the auditor's features.
/// </remarks>
public sealed class InversionAttack : IAttack
{
    private const double Rate = 0.1;       // of a component's deviation, at each step
    private const int StepFactor = 2;      // an image is harder to meet than a class
    private const int MostBatches = 400;   // of images that are looked through for targets

    /// <inheritdoc/>
    public string Name => "inversion";

    /// <inheritdoc/>
    public string Summary =>
        "reconstruction of images that show the feature, of the original and of a folder of real ones, in z and w+";

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
        List<AttackVariant> variants = [];
        List<FoundImages> pictures = [];
        context.Progress(0, context.GivenImages is null ? 1 : 2);
        try
        {
            var targets = FindTargets(context, cancel);
            if (targets.shape[0] < context.Budget.Starts)
                variants.Add(AttackVariant.NotMeasured("reconstruction", FormattableString.Invariant(
                    $"the original shows the feature in only {targets.shape[0]} of ")
                    + FormattableString.Invariant($"{MostBatches * AttackContext.BatchSize} images")));
            else
                Reconstruct(context, targets, "", variants, pictures, cancel);
        }
        catch (AttackNotMeasuredException unmeasured)
        {
            variants.Add(AttackVariant.NotMeasured("reconstruction", $"of the original, {unmeasured.Message}"));
        }

        if (context.GivenImages is { } given)
        {
            context.Progress(1, 2);
            var shown = FindShown(context, given, cancel);
            if (shown.shape[0] == 0)
                variants.Add(AttackVariant.NotMeasured("reconstruction, given images", FormattableString.Invariant(
                    $"the auditor sees the feature in none of the {given.shape[0]} given images")));
            else
                Reconstruct(context, shown, ", given images", variants, pictures, cancel);
        }

        return new AttackFindings(variants, pictures);
    }

    private static void Reconstruct(
        AttackContext context,
        Tensor targets,
        string which,
        List<AttackVariant> variants,
        List<FoundImages> pictures,
        CancellationToken cancel)
    {
        Add(Invert(
            context,
            $"z{which}",
            targets,
            (first, count) =>
            {
                using var source = context.Random.At("inversion starts", first);
                return randn([count, context.Generator.LatentSize], generator: source).to(context.Device);
            },
            points => context.Generator.Generate(points, noise: null),
            Rate,
            cancel));
        if (context.Generator is IStyleBasedGenerator styled)
        {
            using var prior = LatentPrior.OfStyles(styled, context.Generator.LatentSize, context.Random, context.Device);
            Add(Invert(
                context,
                $"w+{which}",
                targets,
                (_, count) => styled.Broadcast(prior.Centre!.unsqueeze(0).expand(count, -1)).contiguous(),
                points => styled.Synthesize(points, noise: null),
                Rate * prior.Deviation,
                cancel));
        }
        else
            variants.Add(AttackVariant.NotMeasured($"w+{which}", "the generator has no mapping network, and so no styles"));

        void Add((AttackVariant Variant, FoundImages? Found) result)
        {
            variants.Add(result.Variant);
            if (result.Found is not null)
                pictures.Add(result.Found);
        }
    }

    private static (AttackVariant Variant, FoundImages? Found) Invert(
        AttackContext context,
        string name,
        Tensor targets,
        Func<long, long, Tensor> start,
        Func<Tensor, Tensor> generate,
        double rate,
        CancellationToken cancel)
    {
        using var scope = NewDisposeScope();
        var successes = 0L;
        List<double> distances = [];
        List<Tensor> found = [];
        try
        {
            for (var first = 0L; first < targets.shape[0]; first += AttackContext.BatchSize)
            {
                using var batchScope = NewDisposeScope();
                var count = Math.Min(AttackContext.BatchSize, targets.shape[0] - first);
                var wanted = targets.narrow(0, first, count);
                using var distance = new ImageDistance(context, wanted);
                var point = start(first, count);
                LatentAscent.RequireGradient(point, points => distance.Of(generate(points)));
                var best = LatentAscent.Run(
                    point,
                    points => distance.Of(generate(points)),
                    context.Budget.Steps * StepFactor,
                    rate,
                    cancel);

                using var _ = no_grad();
                var images = generate(best);
                var shows = context.Judge(images);
                successes += shows.sum().item<long>();
                var auditor = context.Auditor.Classifier;
                var apart = auditor.Features(ImageQuantizer.Quantize(images)) - auditor.Features(ImageQuantizer.Quantize(wanted));
                distances.AddRange(apart.flatten(1).square().sum(1).sqrt().cpu().to(float64).data<double>());
                if (found.Count < FoundImages.MostKept)
                    found.Add(images[shows].MoveToOuterDisposeScope());
            }
        }
        catch (AttackNotMeasuredException unmeasured)
        {
            return (AttackVariant.NotMeasured(name, unmeasured.Message), null);
        }

        var all = cat(found);
        var kept = FoundImages.Keep(name, all, ones(all.shape[0], dtype: @bool, device: all.device));
        return (
            new AttackVariant(
                name, successes, targets.shape[0], Distance: distances.Order().ElementAt((distances.Count - 1) / 2)),
            kept);
    }

    // The first of the given images in which the auditor sees the feature, a batch at a time: a folder may hold many.
    private static Tensor FindShown(AttackContext context, Tensor given, CancellationToken cancel)
    {
        using var scope = NewDisposeScope();
        List<Tensor> shown = [];
        var found = 0L;
        for (var first = 0L; first < given.shape[0] && found < context.Budget.Starts; first += AttackContext.BatchSize)
        {
            cancel.ThrowIfCancellationRequested();
            var batch = given.narrow(0, first, Math.Min(AttackContext.BatchSize, given.shape[0] - first));
            shown.Add(batch[context.Judge(batch)]);
            found += shown[^1].shape[0];
        }

        return cat(shown).narrow(0, 0, Math.Min(context.Budget.Starts, found)).clone().MoveToOuterDisposeScope();
    }

    // The auditor chooses the images that are to be met; it does not guide the way to them.
    private static Tensor FindTargets(AttackContext context, CancellationToken cancel)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        List<Tensor> targets = [];
        var found = 0L;
        for (var batch = 0; batch < MostBatches && found < context.Budget.Starts; batch++)
        {
            cancel.ThrowIfCancellationRequested();
            using var batchScope = NewDisposeScope();
            using var source = context.Random.At("targets", batch);
            var images = LatentDraw.Sample(context.Original, AttackContext.BatchSize, source, context.Device)
                .Images(context.Original);
            var shows = context.Judge(images);
            found += shows.sum().item<long>();
            targets.Add(images[shows].MoveToOuterDisposeScope());
        }

        var all = cat(targets);
        return all.narrow(0, 0, Math.Min(context.Budget.Starts, all.shape[0])).clone().MoveToOuterDisposeScope();
    }

    /// <summary>The distance of images to their targets: of pixels and of the annotator's features, each in its unit.</summary>
    private sealed class ImageDistance : IDisposable
    {
        private readonly AttackContext _context;
        private readonly Tensor _targets;
        private readonly Tensor _features;
        private readonly double _pixelUnit;
        private readonly double _featureUnit;

        public ImageDistance(AttackContext context, Tensor targets)
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            (_context, _targets) = (context, targets);
            _features = Features(targets).DetachFromDisposeScope();
            _pixelUnit = Math.Max(1e-6, targets.var().item<float>());
            _featureUnit = Math.Max(1e-6, _features.square().mean().item<float>());
        }

        public Tensor Of(Tensor images)
        {
            var pixels = (images - _targets).square().flatten(1).mean([1]) / _pixelUnit;
            return pixels + (Features(images) - _features).square().mean([1]) / _featureUnit;
        }

        public void Dispose() => _features.Dispose();

        private Tensor Features(Tensor images) => _context.Annotator.Classifier.Features(images).flatten(1);
    }
}
