using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>
/// The Fréchet loss: features of images that show nothing undesired keep the distribution that they had in the original
/// generator.
/// </summary>
/// <remarks>
/// <para>The Fréchet distance as a loss: Mathiasen and Hvilshøj 2020 (arXiv:2009.14075); with statistics of many images and
/// gradients of few, and in several representations: arXiv:2604.28190. The wanted distribution is the one that refusing at
/// sampling time has. The features are those of annotators, their students and the original discriminator. The auditors, which
/// measure the distance that is judged, take no part.</para>
/// <para>The loss of an image is weight · ‖φ(x) − T(φ(x))‖² / tr Σ*, with T of <see cref="GaussianTransport"/>, without gradient
/// through T. The batch's loss is the mean over all of its images; those that show an undesired feature have none, because they
/// should change.</para>
/// </remarks>
internal sealed class FrechetLossTerm : IDescribedTerm
{
    private const int LeastSteps = 10;         // between two maps; more for many features, whose maps take longer
    private const int FeaturesPerStep = 25;

    private readonly ImageDiscriminator? _discriminator;
    private readonly IReadOnlyList<Representation> _representations;
    private readonly SortedDictionary<int, IReadOnlyList<Tensor>> _seen = [];   // by part of the batch

    /// <summary>Takes the features of the original generator's images as the wanted ones.</summary>
    /// <param name="samples">Images of the original; stay the caller's.</param>
    /// <param name="annotation">Has described them.</param>
    /// <param name="discriminator">
    /// The one before unlearning, which has described them too; null where its features are not matched. Belongs to this, and is
    /// not trained.
    /// </param>
    /// <param name="options">At least one of the weights is positive.</param>
    public FrechetLossTerm(
        DescribedSamples samples, Annotation annotation, ImageDiscriminator? discriminator, FrechetLossOptions options)
    {
        _discriminator = discriminator;
        double[] weights =
        [
            .. annotation.Guides.Select(_ => options.AnnotatorWeightOrDefault / annotation.Guides.Count),
            .. _discriminator is null ? [] : (double[])[options.DiscriminatorWeightOrDefault],
        ];
        _representations =
        [
            .. samples.RetainedFeatures.Zip(weights).Select(pair =>
                new Representation(new GaussianTransport(pair.First, options.WindowOrDefault), pair.Second))
        ];
    }

    /// <summary>The transport of each annotator's and student's features, and of the discriminator's last.</summary>
    public IReadOnlyList<GaussianTransport> Transports => [.. _representations.Select(one => one.Transport)];

    /// <inheritdoc/>
    public Tensor SumLosses(DescribedImages images, int part)
    {
        using var scope = NewDisposeScope();
        var features = FeaturesOf(images);
        var retained = images.ShowsAny.logical_not();
        var losses = features.Zip(_representations).Select(pair =>
        {
            var (described, (transport, weight)) = pair;
            var squared = (described - transport.Move(described.detach())).square().sum(1);   // [N]
            return (squared * retained.to(squared.dtype)).sum() * (weight / transport.TotalVariance);
        });
        var loss = losses.Aggregate((sum, one) => sum + one);
        Remember(part, [.. features.Select(described => described.detach()[retained])]);
        return loss.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    /// <remarks>The maps of the transports are computed where they are due.</remarks>
    public void Update(int step)
    {
        using var scope = NewDisposeScope();
        foreach (var (number, (transport, _)) in _representations.Index())
        {
            transport.Observe(cat([.. _seen.Values.Select(part => part[number])]));
            if (step % Math.Max(LeastSteps, transport.Size / FeaturesPerStep) == 0)
                transport.UpdateMap();
        }

        Forget();
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Tensor> State => _representations
        .Select(one => one.Transport)
        .SelectMany((transport, number) => new (string, Tensor)[]
        {
            ($"frechetLoss.{number}.mean", transport.Mean),
            ($"frechetLoss.{number}.secondMoment", transport.SecondMoment),
            ($"frechetLoss.{number}.map", transport.Map),
        })
        .ToDictionary();

    // Of each annotator, each student and the discriminator.
    private IReadOnlyList<Tensor> FeaturesOf(DescribedImages images) =>
        _discriminator is null ? images.Features : [.. images.Features, _discriminator.Features(images.Images)];

    private void Remember(int part, IReadOnlyList<Tensor> features)
    {
        foreach (var described in features)
            described.DetachFromDisposeScope();
        lock (_seen)
            _seen.Add(part, features);
    }

    private void Forget()
    {
        foreach (var features in _seen.Values.SelectMany(part => part))
            features.Dispose();
        _seen.Clear();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Forget();
        foreach (var (transport, _) in _representations)
            transport.Dispose();
        _discriminator?.Dispose();
    }

    private sealed record Representation(GaussianTransport Transport, double Weight);
}
