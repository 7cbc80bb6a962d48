using System.Globalization;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Labelling;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Randomness;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Labelling;

/// <summary>
/// Labels a rare feature page by page: the embedded generator's digit 8 (about 11 %), with the embedded LeNet-5 in the place of a
/// person.
/// </summary>
public sealed class RareFeatureTests(RareFeatureTests.Mnist mnist, ITestOutputHelper output)
    : IClassFixture<RareFeatureTests.Mnist>, IDisposable
{
    private const int Images = 600;
    private const int Eight = 8;
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-rare-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Label_FiftyImages_ShowTheRareFeatureTenTimes(long seed)
    {
        var session = mnist.Start(_folder, seed);

        var labelled = mnist.Label(session, 50);

        var found = labelled.Count(mnist.ShowsEight(seed));
        var before = Enumerable.Range(0, 50).Count(mnist.ShowsEight(seed));
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"seed {seed}: {found} of 50 labelled images show an 8; in the order of the seed, {before}"));
        Assert.True(found >= 10, $"{found} of 50");
        Assert.True(found > before);
        Assert.Null(session.Sheet.WhyTooFewLabels);

        // The same labels choose the same images, also in another session.
        Assert.Equal(labelled, mnist.Label(mnist.Start(_folder, seed), 50));
    }

    // Cross-validation over chosen images finds what was chosen to be found.
    [Fact]
    public void Train_ChosenImages_AreNotInTheErrors()
    {
        var session = mnist.Start(_folder, seed: 1);
        mnist.Label(session, 100);

        var error = session.Train(new Small.Silent(), CancellationToken.None);

        var labels = session.Sheet.Labels;
        var tests = labels.Where(label => PageOrder.IsTest(label.Key)).ToList();
        Assert.Equal(
            (tests.Count(label => label.Value), tests.Count(label => !label.Value)), (error.With, error.Without));
        using var scope = NewDisposeScope();
        using var biased = HeadTraining.Run(
            session.Samples.Features, labels, _ => true, session.Sheet.Seed, new Small.Silent(), CancellationToken.None);
        var truth = mnist.Recall(biased, seed: 2);
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"of 100 labels: test images {error.Found.Share:P0} found, all labelled images {biased.HeldOut.Found.Share:P0}, "
                + $"{Images} other images {truth:P0}"));
        Assert.True(error.Found.Lower <= truth && truth <= error.Found.Upper, $"{truth} and {error}");
        Assert.True(biased.HeldOut.Found.Share > truth, $"{truth} and {biased.HeldOut}");
    }

    /// <summary>Generator, discriminator and classifier that many tests share.</summary>
    public sealed class Mnist : IDisposable
    {
        private readonly LoadedGenerator _loaded;
        private readonly LoadedClassifier _person;
        private readonly FrozenFeaturesHead _head;
        private readonly Dictionary<long, (LabelledSamples Samples, bool[] Eights)> _bySeed = [];

        public Mnist()
        {
            var models = Path.Combine(HeadTrainingTests.Root(), "models", "mnist");
            _loaded = GeneratorCheckpoint.Load(Path.Combine(models, "stylegan2.safetensors"), "auto", null, null, CPU);
            _person = ClassifierCheckpoint.Load(Path.Combine(models, "lenet5.safetensors"), null, null, CPU);
            _head = new FrozenFeaturesHead(FrozenNetwork.From(_loaded.Discriminator!), ["other", "digit-8"]);
        }

        public HeadSession Start(string folder, long seed) => new(
            Get(seed).Samples,
            _head,
            new LabelSheet(LabelSheet.CurrentSchemaVersion, "digit-8", "abc", seed, []),
            folder,
            keepsUseless: true);

        /// <summary>The threshold of the embedded auditor's digit 8, by the same clicks.</summary>
        public CalibrationSession StartCalibration(string folder, long seed, string identity)
        {
            var eights = Get(seed).Eights;
            using var auditor = ClassifierCheckpoint.Load(
                Path.Combine(HeadTrainingTests.Root(), "models", "mnist", "auditor.safetensors"), null, null, CPU);
            var samples = ScoredSamples.Generate(
                _loaded.Generator, new FeatureRule(auditor.Classifier, "8", Threshold: null), eights.Length,
                LabelledSamples.Images(seed, CPU), new Small.Silent(), CancellationToken.None);
            return new CalibrationSession(
                samples, new CalibrationSubject("auditor", "8", identity, MayMiss: 0),
                new LabelSheet(LabelSheet.CurrentSchemaVersion, "digit-8", _loaded.Sha256, seed, []), folder);
        }

        public Func<int, bool> ShowsEight(long seed) => image => Get(seed).Eights[image];

        /// <summary>Labels page after page, and returns the images in the order in which they were labelled.</summary>
        public IReadOnlyList<int> Label(LabellingSession session, int count, int labelled = 0)
        {
            var eights = Get(session.Sheet.Seed).Eights;
            while (labelled < count)
            {
                var page = session.ShowMore(labelled).Order!.Skip(labelled).Take(count - labelled).ToList();
                session.Change(page.ToDictionary(image => image, image => (bool?)eights[image]));
                labelled += page.Count;
            }

            return [.. session.Sheet.Order!.Take(count)];
        }

        /// <summary>Share of the eights of a seed's images that a head finds.</summary>
        public double Recall(TrainedHead head, long seed)
        {
            using var scope = NewDisposeScope();
            var (samples, eights) = Get(seed);
            var margins = (samples.Features.to(float64).mv(head.Weights) + head.Bias).data<double>().ToArray();
            return (double)margins.Where((margin, image) => eights[image] && margin > 0).Count() / eights.Count(eight => eight);
        }

        public double Alarms(TrainedHead head, long seed)
        {
            using var scope = NewDisposeScope();
            var (samples, eights) = Get(seed);
            var margins = (samples.Features.to(float64).mv(head.Weights) + head.Bias).data<double>().ToArray();
            return (double)margins.Where((margin, image) => !eights[image] && margin > 0).Count() / eights.Count(eight => !eight);
        }

        public void Dispose()
        {
            foreach (var (samples, _) in _bySeed.Values)
                samples.Dispose();
            _head.Dispose();
            _person.Dispose();
            _loaded.Dispose();
        }

        private (LabelledSamples Samples, bool[] Eights) Get(long seed)
        {
            if (_bySeed.TryGetValue(seed, out var known))
                return known;

            using var scope = NewDisposeScope();
            using var _ = no_grad();
            var samples = LabelledSamples.Generate(
                _loaded.Generator, _head, Images, seed, CPU, new Small.Silent(), CancellationToken.None);
            var drawn = new EvaluationImages(new RandomStreams(seed, "labelling"), 1, CPU);
            var digits = cat([.. EvaluationImages.EnumerateBatches(Images).Select(
                batch => _person.Classifier.Probabilities(drawn.Draw(_loaded.Generator, batch)).argmax(1))]).data<long>();
            return _bySeed[seed] = (samples, [.. digits.ToArray().Select(digit => digit == Eight)]);
        }
    }
}
