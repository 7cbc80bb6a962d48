using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Unlearning;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Unlearning;

/// <summary>
/// The Fréchet loss and guidance: the transport against closed forms and against the derivative of the distance that is judged,
/// and which images have a loss.
/// </summary>
public sealed class FrechetLossTests : IDisposable
{
    private const double Ridge = 1e-3;

    private readonly GanPair _networks = Small.Gan();
    private readonly FeatureClassifier _classifier = Small.Classifier();
    private readonly RandomStreams _random = new(1, "fréchet");

    public void Dispose()
    {
        _networks.Dispose();
        _classifier.Dispose();
    }

    [Fact]
    public void Transport_NothingObserved_MovesNothing()
    {
        using var scope = NewDisposeScope();
        using var transport = new GaussianTransport(Correlated("wanted", 500, 3), window: 100);
        var features = Correlated("others", 20, 3);

        Assert.Equal(0, transport.UpdateMap(), 1e-6);
        Assert.True(transport.Move(features).allclose(features, rtol: 1e-4, atol: 1e-4));
    }

    // Independent features: each is scaled by the ratio of its deviations and moved by the difference of its means.
    [Fact]
    public void Transport_IndependentFeatures_AreScaledAndMovedOneByOne()
    {
        using var scope = NewDisposeScope();
        var wanted = Independent([2, -1], [1, 3]);
        var present = Independent([0, 5], [2, 0.5]);
        using var transport = new GaussianTransport(wanted, window: 8);
        Observe(transport, present);

        transport.UpdateMap();
        var moved = transport.Move(tensor(new float[,] { { 2, 6 } }));

        var ridge = Ridge * (1 + 9) / 2;
        var scales = new[] { (Wanted: 1, Present: 4.0), (Wanted: 9, Present: 0.25) }
            .Select(variance => Math.Sqrt((variance.Wanted + ridge) / (variance.Present + ridge)))
            .ToArray();
        Assert.Equal(2 + scales[0] * 2, moved[0, 0].item<float>(), 1e-4);
        Assert.Equal(-1 + scales[1] * 1, moved[0, 1].item<float>(), 1e-4);
    }

    [Fact]
    public void Transport_CorrelatedFeatures_HaveTheWantedMomentsAfterwards()
    {
        using var scope = NewDisposeScope();
        var (wanted, present) = (Correlated("wanted", 4000, 5), Correlated("present", 4000, 5) * 1.5 + 1);
        using var transport = new GaussianTransport(wanted, window: 20);
        Observe(transport, present);

        var distance = transport.UpdateMap();
        var moved = transport.Move(present);

        using var before = FeatureStatistics.FromFeatures(present);
        using var after = FeatureStatistics.FromFeatures(moved);
        using var reference = FeatureStatistics.FromFeatures(wanted);
        var measured = FrechetDistance.Between(before, reference).Value!.Value;
        Assert.Equal(measured, distance, 0.01 * measured);
        Assert.InRange(FrechetDistance.Between(after, reference).Value!.Value, 0, 1e-4 * measured);
    }

    // The loss's gradient is the Fréchet distance's, as published: here by finite differences of the measured distance.
    [Fact]
    public void Transport_Displacement_IsTheGradientOfTheMeasuredDistance()
    {
        using var scope = NewDisposeScope();
        var (wanted, present) = (Correlated("wanted", 400, 3), Correlated("present", 60, 3).to(float64) + 0.7);
        using var transport = new GaussianTransport(wanted, window: 12);
        Observe(transport, present);
        transport.UpdateMap();

        var gradient = (present - transport.Move(present)) * (2.0 / present.shape[0]);

        const double Step = 1e-3;
        for (var feature = 0; feature < 3; feature++)
        {
            var slope = (DistanceWith(Step) - DistanceWith(-Step)) / (2 * Step);
            Assert.Equal(slope, gradient[7, feature].item<double>(), 0.02 * Math.Abs(slope) + 1e-4);

            double DistanceWith(double change)
            {
                var changed = present.clone();
                changed[7, feature] += change;
                var (mean, covariance) = Moments(changed);
                var (wantedMean, wantedCovariance) = Moments(wanted.to(float64));
                return FrechetDistance.Between(mean, covariance, wantedMean, wantedCovariance);
            }
        }
    }

    [Fact]
    public void Transport_FeatureThatNeverVaries_StaysFinite()
    {
        using var scope = NewDisposeScope();
        var wanted = cat([Correlated("wanted", 300, 2), zeros(300, 1)], dim: 1);
        using var transport = new GaussianTransport(wanted, window: 12);
        Observe(transport, wanted + 1);

        transport.UpdateMap();

        Assert.True(transport.Move(wanted * 2).isfinite().all().item<bool>());
    }

    [Theory]
    [InlineData(100, 100)]
    [InlineData(10, 12)]   // four times three features
    public void Transport_Window_IsAtLeastFourTimesTheFeatures(double asked, double expected)
    {
        using var transport = new GaussianTransport(Correlated("wanted", 50, 3), asked);

        Assert.Equal(expected, transport.Window);
    }

    [Fact]
    public void Loss_ImagesOfTheOriginal_AreNearlyRight()
    {
        using var scope = NewDisposeScope();
        using var term = Term();

        Assert.Equal(0, Loss(term, Images(40)).item<float>(), 1e-6);
    }

    [Fact]
    public void Loss_ImagesThatShowTheFeature_HaveNone()
    {
        using var scope = NewDisposeScope();
        using var term = Term();
        var original = Images(64);
        for (var step = 1; step <= LeastSteps; step++)
        {
            Loss(term, original * 0.7);
            term.Update(step);
        }

        var images = (original * 0.7).detach().requires_grad_();

        var loss = Loss(term, images);
        loss.backward();

        var seen = Small.Annotation(_classifier).Describe(images);
        var retained = seen.ShowsAny.logical_not();
        Assert.InRange(retained.sum().item<long>(), 1, 63);
        Assert.True(images.grad!.abs().amax([1, 2, 3]).gt(0).eq(retained).all().item<bool>());

        // By hand, from the transports and the formula.
        var described = seen.Features.Append(_networks.Discriminator.Features(images)).ToList();
        double[] weights = [3, 2];
        var expected = term.Transports.Select((transport, number) =>
            ((described[number] - transport.Move(described[number])).square().sum(1) * retained.to(float32)).sum().item<float>()
                * weights[number] / transport.TotalVariance / 64).Sum();
        Assert.Equal(expected, loss.item<float>(), 1e-3 * expected);
        Assert.All(_networks.Discriminator.parameters(), parameter => Assert.Null(parameter.grad));
    }

    [Fact]
    public void Loss_InParts_AddsUpToThatOfTheBatch()
    {
        using var scope = NewDisposeScope();
        using var whole = Term();
        using var cut = Term();
        var images = Images(64) * 0.7;
        float inOne = 0, inTwo = 0;

        for (var step = 1; step <= 2 * LeastSteps; step++)
        {
            inOne = Loss(whole, images).item<float>();
            inTwo = Enumerable.Range(0, 2).Reverse().Sum(part =>
                Loss(cut, images.narrow(0, part * 32, 32), part, batch: 64).item<float>());
            whole.Update(step);
            cut.Update(step);
        }

        Assert.True(inOne > 0);
        Assert.Equal(inOne, inTwo, 1e-4 * inOne);
        foreach (var (name, tensor) in whole.State)
            Assert.True(tensor.allclose(cut.State[name], rtol: 1e-5, atol: 1e-6), name);
    }

    [Theory]
    [InlineData(3, 0, 1)]
    [InlineData(0, 2, 1)]
    [InlineData(3, 2, 2)]
    public void Term_WeightOfZero_LeavesThoseFeaturesOut(double annotator, double discriminator, int sets)
    {
        using var term = Term(new(annotator, discriminator));

        // The annotator's are left with weight 0: it is asked for its answer anyway.
        Assert.Equal(annotator > 0 ? sets : sets + 1, term.Transports.Count);
    }

    [Fact]
    public void Term_GeneratorThatMakesNothingElse_IsRefused()
    {
        using var scope = NewDisposeScope();
        using (no_grad())
            foreach (var (name, parameter) in _classifier.named_parameters())
                if (name == "output.bias")
                    parameter[1] += 1e4;

        var failed = Assert.Throws<FeedbackException>(() => Term());

        Assert.Contains("'frechetLoss'", failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Term_ManySteps_LeaveNothingBehind()
    {
        using var scope = NewDisposeScope();
        using var term = Term();
        var images = Images(16);
        List<long> live = [];

        for (var step = 1; step <= 3 * LeastSteps; step++)
        {
            using (var inner = NewDisposeScope())
                Loss(term, images);
            term.Update(step);
            live.Add(Small.LiveTensors());
        }

        Assert.Equal(live[0], live[^1]);
    }

    [Fact]
    public void Guidance_Loss_IsTheLogarithmOfWhatIsLeft()
    {
        using var scope = NewDisposeScope();
        var original = Images(32);
        var images = original.detach().requires_grad_();

        using var term = new GuidanceTerm(Small.Annotation(_classifier), new GuidanceOptions(2));
        var loss = Loss(term, images);
        loss.backward();

        var probabilities = _classifier.Probabilities(original.clamp(-1, 1)).select(1, 1);
        var expected = probabilities.data<float>().Select(p => -Math.Log(1 - Math.Min(p, 0.9999))).Average() * 2;
        Assert.Equal(expected, loss.item<float>(), 1e-3 * expected);

        // One step against the gradient makes the feature less likely.
        var moved = (images - images.grad! * (0.5 / images.grad!.abs().max())).detach();
        Assert.True(_classifier.Probabilities(moved.clamp(-1, 1)).select(1, 1).mean().item<float>()
            < probabilities.mean().item<float>());
    }

    // About a quarter of the images show the feature. Below the policy's rate the weight falls with the estimated one.
    [Theory]
    [InlineData(null, 1.0)]
    [InlineData(0.01, 1.0)]
    [InlineData(1.0, 0.25)]
    public void Guidance_FewerShowTheFeatureThanTheRate_WeighsLess(double? rate, double expected)
    {
        using var scope = NewDisposeScope();
        using var term = new GuidanceTerm(Small.Annotation(_classifier), new GuidanceOptions(2, rate));
        var images = Images(GuidanceTerm.Window);
        var first = Loss(term, images).item<float>();
        Assert.Equal(1, term.Factor);   // before anything is counted

        term.Update(1);
        var second = Loss(term, images).item<float>();
        term.Update(2);

        Assert.Equal(expected, term.Factor, 0.05);
        Assert.Equal(term.Factor, second / first, 1e-4);
        Assert.Same(term.Rate, Assert.Single(term.State).Value);
        term.Update(3);   // nothing was seen since
        Assert.Equal(second / first, term.Factor, 1e-4);
    }

    private const int LeastSteps = 10;   // between two maps

    private FrechetLossTerm Term(FrechetLossOptions? options = null)
    {
        options ??= new(AnnotatorWeight: 3, DiscriminatorWeight: 2, Window: 100);
        var annotation = Small.Annotation(_classifier);
        var discriminator = options.DiscriminatorWeightOrDefault > 0 ? _networks.Discriminator.CopyForFeatures() : null;
        using var samples = DescribedSamples.Draw(_networks.Generator, annotation, discriminator, samples: 400, _random);
        return new FrechetLossTerm(samples, annotation, discriminator, options);
    }

    private Tensor Loss(IDescribedTerm term, Tensor images, int part = 0, int? batch = null) =>
        term.SumLosses(Small.Annotation(_classifier).Describe(images), part) / (batch ?? images.shape[0]);

    private Tensor Images(int count)
    {
        using var source = _random.At("images");
        using var _ = no_grad();
        return LatentDraw.Sample(_networks.Generator, count, source, CPU).Images(_networks.Generator);
    }

    // As often as the moving average needs to forget where it began.
    private static void Observe(GaussianTransport transport, Tensor features)
    {
        for (var time = 0; time < 40 * transport.Window / features.shape[0] + 40; time++)
            transport.Observe(features);
    }

    private Tensor Correlated(string purpose, int count, int size)
    {
        using var source = _random.At(purpose);
        return randn([count, size], generator: source).mm(randn([size, size], generator: source));
    }

    // Four vectors whose means, deviations and correlation 0 are exact.
    private static Tensor Independent(double[] means, double[] deviations) => tensor(
        new[] { (1, 1), (1, -1), (-1, 1), (-1, -1) }
            .SelectMany(signs => new[]
            {
                (float)(means[0] + signs.Item1 * deviations[0]), (float)(means[1] + signs.Item2 * deviations[1]),
            })
            .ToArray()).view(4, 2);

    private static (Tensor Mean, Tensor Covariance) Moments(Tensor features)
    {
        var mean = features.mean([0]);
        var centred = features - mean;
        return (mean, centred.t().mm(centred) / features.shape[0]);
    }
}
