using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>The terms of the generator's loss that look at its images, as far as the policy switches them on.</summary>
internal sealed class ImageTerms : IDisposable
{
    private readonly List<IEstimatingTerm> _estimating = [];

    /// <summary>Prepares the terms.</summary>
    /// <param name="context">Networks, options and data; stay the caller's.</param>
    /// <param name="random">Source of the images that a term needs of the original generator.</param>
    /// <exception cref="Adaptation.FeedbackException">A term finds too few images to learn from.</exception>
    public ImageTerms(UnlearningContext context, RandomStreams random)
    {
        var options = context.Options;
        if (options.FrechetLoss is { IsOn: true } frechet)
            _estimating.Add(new FrechetLossTerm(context.Original, context.Annotation, frechet, options.FeedbackSamples, random));
        if (options.Guidance is { Weight: > 0 } guidance)
            _estimating.Add(new GuidanceTerm(context.Annotation, guidance));
        if (options.ClassBalance.Guidance is > 0 and var weight && context.Feedback.RetainedShares is { } shares)
            _estimating.Add(new ClassShareTerm(context.Annotation, shares, weight));

        var features = options.Retention.FeatureWeightOrOff is > 0 and var featureWeight
            ? RetainedFeatures.Measure(context.Annotation, context.Feedback.Positives, featureWeight)
            : null;
        var original = context.Original.Generator;
        All = options.Retention.IsOn
            ? [new RetentionTerm(original, context.Annotation, options.Retention.Weight, features), .. _estimating]
            : _estimating;
    }

    /// <summary>All of them.</summary>
    public IReadOnlyList<IImageTerm> All { get; }

    /// <summary>What they estimate, by name: the state that a resumed run needs. The tensors stay the terms'.</summary>
    public IReadOnlyDictionary<string, Tensor> State => _estimating.SelectMany(term => term.State).ToDictionary();

    /// <summary>Moves what they estimate towards the images of a step.</summary>
    /// <param name="step">Counted from 1.</param>
    public void Update(int step) => _estimating.ForEach(term => term.Update(step));

    /// <inheritdoc/>
    public void Dispose() => _estimating.ForEach(term => term.Dispose());
}
