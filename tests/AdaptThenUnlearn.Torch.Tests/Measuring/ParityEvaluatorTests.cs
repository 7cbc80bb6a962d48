using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Measuring;

/// <summary>A file that ships beside the generator that it came from: counts over the same latents, and failures.</summary>
public sealed class ParityEvaluatorTests : IDisposable
{
    private const string Property = "$.generator.shippedAs[0].checkpoint";
    private static readonly ShippedForm _form = new("export.onnx", "export");

    private readonly string _folder = Directory.CreateTempSubdirectory("atu-parity-").FullName;
    private readonly int _threads = get_num_threads();

    private static EvaluationImages Images => EvaluationImages.FromOptions(AuditorCheckTests.Policy.Evaluation, CPU);

    // Counted anew, image by image, without the evaluator.
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Measure_AnotherGenerator_CountsWhereTheAnswersDiffer(int threads)
    {
        set_num_threads(threads);
        using var scope = NewDisposeScope();
        using var classifiers = AuditorCheckTests.Furnished(_folder);
        using var artifact = Small.Gan();
        using var other = Changed(artifact.Generator);

        var reading = Measure(classifiers, other, artifact.Generator);

        var feature = AuditorCheckTests.Policy.UndesiredFeatures[0];
        var samples = AuditorCheckTests.Policy.Evaluation.Samples;
        var (artifactOnly, formOnly, hits, pixels) = (0L, 0L, 0L, 0.0);
        foreach (var batch in EvaluationImages.EnumerateBatches(samples))
        {
            using var inner = NewDisposeScope();
            var (one, two) = (Images.Draw(artifact.Generator, batch), Images.Draw(other, batch));
            var auditor = classifiers.Auditor(feature);
            var shown = auditor.Shows(auditor.Classifier.Logits(auditor.Classifier.Features(one))).data<bool>().ToArray();
            var shownToo = auditor.Shows(auditor.Classifier.Logits(auditor.Classifier.Features(two))).data<bool>().ToArray();
            artifactOnly += shown.Zip(shownToo).Count(pair => pair is (true, false));
            formOnly += shown.Zip(shownToo).Count(pair => pair is (false, true));
            hits += shownToo.Count(shows => shows);
            pixels = Math.Max(pixels, 127.5 * (one - two).abs().max().item<float>());
        }

        Assert.Null(reading.NotMeasured);
        Assert.True(reading.IsPossible);
        Assert.Equal(new AnswerDifference(feature.Name, samples, artifactOnly, formOnly), Assert.Single(reading.Answers));
        Assert.Equal(new Look(samples, hits), reading.Measured!.Features[0].Looks[0]);
        Assert.Equal((int)Math.Round(pixels), reading.PixelDifference);
        Assert.InRange(artifactOnly + formOnly, 1, samples);
        Assert.InRange(reading.PixelDifference!.Value, 1, 255);
    }

    [Fact]
    public void Measure_TheSameGenerator_DiffersInNothing()
    {
        using var classifiers = AuditorCheckTests.Furnished(_folder);
        using var artifact = Small.Gan();
        using var copy = artifact.Generator.Copy();
        copy.eval();

        var reading = Measure(classifiers, copy, artifact.Generator);

        Assert.Equal((0, 0), (reading.Answers[0].Differing, reading.PixelDifference));
        var alone = new GeneratorEvaluator(AuditorCheckTests.Policy, classifiers, reference: null, Images)
            .Measure(artifact.Generator, Sha('c'), new Progress<long>(), CancellationToken.None);
        Assert.Equal(alone.Features[0].Looks, reading.Measured!.Features[0].Looks);
    }

    [Theory]
    [InlineData(false, "ran out of memory")]
    [InlineData(true, "not all finite")]
    public void Measure_AProgramThatFailsLater_IsNotMeasured(bool makesNoNumbers, string expected)
    {
        set_num_threads(2);
        using var classifiers = AuditorCheckTests.Furnished(_folder);
        using var artifact = Small.Gan();
        List<long> live = [];
        for (var time = 0; time < 3; time++)
        {
            using var failing = new FailingGenerator(artifact.Generator, good: 2, makesNoNumbers);

            var reading = Measure(classifiers, failing, artifact.Generator);

            Assert.Contains(expected, reading.NotMeasured, StringComparison.Ordinal);
            Assert.Null(reading.Measured);
            Assert.Equal((Sha('c'), Sha('b')), (reading.Sha256, reading.GeneratorSha256));
            live.Add(Small.LiveTensors());
        }

        Assert.All(live[1..], count => Assert.Equal(live[0], count));
    }

    [Fact]
    public void Measure_Cancelled_IsNoReading()
    {
        using var classifiers = AuditorCheckTests.Furnished(_folder);
        using var artifact = Small.Gan();
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();

        Assert.Throws<OperationCanceledException>(() => Evaluator(classifiers).Measure(
            _form, Property, Loaded(artifact.Generator, 'c'), Loaded(artifact.Generator, 'b'), Nothing, new Progress<long>(),
            cancelled.Token));
    }

    public void Dispose()
    {
        set_num_threads(_threads);
        Directory.Delete(_folder, recursive: true);
    }

    private static Measurement Nothing => new(Sha('a'), 0, 1, [], null, []);

    private static ParityReading Measure(PolicyClassifiers classifiers, ImageGenerator form, ImageGenerator artifact) =>
        Evaluator(classifiers).Measure(
            _form, Property, Loaded(form, 'c'), Loaded(artifact, 'b'), Nothing, new Progress<long>(), CancellationToken.None);

    private static ParityEvaluator Evaluator(PolicyClassifiers classifiers) =>
        new(AuditorCheckTests.Policy, classifiers, reference: null, Images);

    private static LoadedGenerator Loaded(ImageGenerator generator, char digit) =>
        new(generator, Discriminator: null, "stylegan2", "small", Sha(digit), "safetensors", Section: null);

    private static string Sha(char digit) => new(digit, 64);

    private static ImageGenerator Changed(ImageGenerator generator)
    {
        using var _ = no_grad();
        var other = generator.Copy();
        other.eval();
        foreach (var (_, parameter) in other.named_parameters())
            parameter.mul_(1.3f);
        return other;
    }

    private sealed class FailingGenerator(ImageGenerator inner, int good, bool makesNoNumbers)
        : ImageGenerator("failing", inner.Shape, inner.LatentSize)
    {
        private int _calls;

        public override bool SupportsTruncation => inner.SupportsTruncation;

        public override IReadOnlyList<int> NoiseSizes => inner.NoiseSizes;

        public override IReadOnlyList<Tensor> StoredNoise => [];

        public override Tensor Generate(Tensor latents, IReadOnlyList<Tensor>? noise, double truncation = 1)
        {
            if (Interlocked.Increment(ref _calls) <= good)
                return inner.Generate(latents, noise, truncation);

            return makesNoNumbers
                ? full([latents.shape[0], Shape.Channels, Shape.Resolution, Shape.Resolution], float.NaN)
                : throw new CheckpointException("export.onnx", "ran out of memory", "use a smaller one");
        }

        public override ImageGenerator Copy() => throw new NotSupportedException();
    }
}
