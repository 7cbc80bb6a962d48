using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>The terms of the generator's loss that look at its images, as far as the policy switches them on.</summary>
/// <remarks>
/// The original generator makes the images of a draw once for all of them, and the new images are described once for all of
/// them.
/// </remarks>
internal sealed class ImageTerms : IImageTerm, IDisposable
{
    private const int MostSamples = 10_000;   // of the original that are described; more hardly move what is estimated

    private readonly ImageGenerator _original;
    private readonly Annotation _annotation;
    private readonly int _batchSize;
    private readonly RetentionTerm? _retention;
    private readonly FrechetLossTerm? _frechet;
    private readonly GuidanceTerm? _guidance;
    private readonly ClassShareTerm? _shares;
    private readonly IReadOnlyList<IDescribedTerm> _described;   // the last three, where they are switched on

    /// <summary>Prepares the terms.</summary>
    /// <param name="context">Networks, options and data; stay the caller's.</param>
    /// <param name="random">Source of the images that a term needs of the original generator.</param>
    /// <exception cref="FeedbackException">A term finds too few images to learn from.</exception>
    public ImageTerms(UnlearningContext context, RandomStreams random)
    {
        var options = context.Options;
        (_original, _annotation, _batchSize) = (context.Original.Generator, context.Annotation, options.BatchSize);
        _annotation.Freeze();
        if (options.Retention.IsOn)
            _retention = new RetentionTerm(
                _original,
                _annotation,
                options.Retention.Weight,
                options.Retention.FeatureWeightOrOff is > 0 and var featureWeight
                    ? RetainedFeatures.Measure(_annotation, context.Feedback.Positives, featureWeight)
                    : null);

        var frechet = options.FrechetLoss is { IsOn: true } ? options.FrechetLoss : null;
        var shareWeight = context.Feedback.RetainedShares is null ? 0 : options.ClassBalance.Guidance ?? 0;
        if (frechet is not null || shareWeight > 0)
        {
            var discriminator = frechet?.DiscriminatorWeightOrDefault > 0 ? FrozenCopy(context.Original.Discriminator) : null;
            using var samples = DescribedSamples.Draw(
                _original, _annotation, discriminator, Math.Min(options.FeedbackSamples, MostSamples), random);
            if (frechet is not null)
                _frechet = new FrechetLossTerm(samples, _annotation, discriminator, frechet);
            if (shareWeight > 0)
                _shares = new ClassShareTerm(samples, _annotation, shareWeight);
        }

        if (options.Guidance is { Weight: > 0 } guidance)
            _guidance = new GuidanceTerm(_annotation, guidance);
        _described = [.. new IDescribedTerm?[] { _frechet, _guidance, _shares }.OfType<IDescribedTerm>()];
    }

    private static ImageDiscriminator FrozenCopy(ImageDiscriminator discriminator)
    {
        var copy = discriminator.CopyForFeatures();
        copy.eval();
        foreach (var parameter in copy.parameters())
            parameter.requires_grad = false;
        return copy;
    }

    /// <summary>Whether any of them is switched on.</summary>
    public bool IsOn => _retention is not null || _described.Count > 0;

    /// <summary>What they estimate, by name: the state that a resumed run needs. The tensors stay the terms'.</summary>
    public IReadOnlyDictionary<string, Tensor> State => _described.SelectMany(term => term.State).ToDictionary();

    /// <inheritdoc/>
    public ImageTarget Target(LatentDraw draw)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var target = _retention?.Target(draw)
            ?? new ImageTarget(
                _shares is null ? draw.Latents.narrow(0, 0, 0) : draw.Images(_original),
                draw.Latents.new_ones(draw.Latents.shape[0]));
        if (_shares is not null)
            target = target with { Probabilities = _annotation.FirstProbabilities(_annotation.Describe(target.Images)) };
        foreach (var tensor in target.Tensors)
            tensor.MoveToOuterDisposeScope();
        return target;
    }

    /// <inheritdoc/>
    public Tensor Loss(ImageTarget target, Tensor images, Tensor weights)
    {
        using var scope = NewDisposeScope();
        List<Tensor> losses = [];
        if (_retention is not null)
            losses.Add(_retention.Loss(target, images, weights));
        if (_described.Count > 0)
        {
            var described = _annotation.Describe(images) with { Before = target.Probabilities };
            losses.AddRange(_described.Select(term => term.SumLosses(described, target.Part) / _batchSize));
        }

        return losses.Aggregate((sum, loss) => sum + loss).MoveToOuterDisposeScope();
    }

    /// <summary>Moves what they estimate towards the images of a step.</summary>
    /// <param name="step">Counted from 1.</param>
    public void Update(int step)
    {
        foreach (var term in _described)
            term.Update(step);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var term in _described)
            term.Dispose();
    }
}
