using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Training;
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
public sealed class FrechetLossTerm : IEstimatingTerm
{
    private const int Batch = 100;             // images that are described together before training
    private const int MostSamples = 10_000;    // of the original; more hardly move its covariance
    private const int LeastSteps = 10;         // between two maps; more for many features, whose maps take longer
    private const int FeaturesPerStep = 25;

    private readonly Annotation _annotation;
    private readonly ImageDiscriminator? _discriminator;
    private readonly IReadOnlyList<Representation> _representations;
    private readonly SortedDictionary<int, IReadOnlyList<Tensor>> _seen = [];   // by part of the batch

    /// <summary>Describes the images of the original generator.</summary>
    /// <param name="original">Not changed; stays the caller's.</param>
    /// <param name="annotation">Says which images show something undesired, and describes them.</param>
    /// <param name="options">At least one of the weights is positive.</param>
    /// <param name="samples">How many images at most; at least 100.</param>
    /// <param name="random">Source of the images.</param>
    /// <exception cref="FeedbackException">Too few of the original's images show nothing undesired.</exception>
    public FrechetLossTerm(
        GanPair original, Annotation annotation, FrechetLossOptions options, int samples, RandomStreams random)
    {
        _annotation = annotation;
        annotation.Freeze();
        if (options.DiscriminatorWeightOrDefault > 0)
        {
            _discriminator = original.Discriminator.CopyForFeatures();
            _discriminator.eval();
            foreach (var parameter in _discriminator.parameters())
                parameter.requires_grad = false;
        }

        double[] weights =
        [
            .. annotation.Guides.Select(_ => options.AnnotatorWeightOrDefault / annotation.Guides.Count),
            .. _discriminator is null ? [] : (double[])[options.DiscriminatorWeightOrDefault],
        ];
        _representations =
        [
            .. Describe(original.Generator, Math.Min(samples, MostSamples), random).Select((features, number) =>
                new Representation(new GaussianTransport(features, options.WindowOrDefault), weights[number]))
        ];
    }

    /// <summary>The transport of each annotator's and student's features, and of the discriminator's last.</summary>
    public IReadOnlyList<GaussianTransport> Transports => [.. _representations.Select(one => one.Transport)];

    /// <inheritdoc/>
    public ImageTarget Target(LatentDraw draw) => ImageTarget.None(draw);

    /// <inheritdoc/>
    public Tensor Loss(ImageTarget target, Tensor images, Tensor weights)
    {
        using var scope = NewDisposeScope();
        var (features, shown) = Look(images);
        var retained = shown.logical_not();
        var losses = features.Zip(_representations).Select(pair =>
        {
            var (described, (transport, weight)) = pair;
            var squared = (described - transport.Move(described.detach())).square().sum(1);   // [N]
            return (squared * retained.to(squared.dtype)).sum() * (weight / transport.TotalVariance);
        });
        var loss = losses.Aggregate((sum, one) => sum + one) / weights;
        Remember(target.Part, [.. features.Select(described => described.detach()[retained])]);
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

    // The features of each annotator, each student and the discriminator, and whether an image shows anything undesired, [N].
    private (IReadOnlyList<Tensor> Features, Tensor Shown) Look(Tensor images)
    {
        var described = _annotation.Describe(images);
        var shown = _annotation.ShowsAny(described);
        return (_discriminator is null ? described : [.. described, _discriminator.Features(images)], shown);
    }

    private List<Tensor> Describe(ImageGenerator original, int samples, RandomStreams random)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        List<IReadOnlyList<Tensor>> batches = [];
        using var source = random.At("fréchet loss");
        for (var done = 0; done < samples; done += Batch)
        {
            using var each = NewDisposeScope();
            var images = new GeneratorSamples(original).Draw(Math.Min(Batch, samples - done), source);
            var (features, shown) = Look(images);
            batches.Add([.. features.Select(described => described[shown.logical_not()].MoveToOuterDisposeScope())]);
        }

        List<Tensor> all = [.. batches[0].Index().Select(one => cat([.. batches.Select(batch => batch[one.Index])]))];
        if (all[0].shape[0] < 2)
            throw new FeedbackException(
                $"of {samples} images of the original generator fewer than 2 show nothing undesired, so 'frechetLoss' has no "
                    + "distribution to keep");
        return [.. all.Select(features => features.MoveToOuterDisposeScope())];
    }

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
