using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using AdaptThenUnlearn.Torch.Training;
using AdaptThenUnlearn.Torch.Unlearning;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests;

/// <summary>Small networks and options for tests.</summary>
internal static class Small
{
    public static readonly StyleGan2Settings Settings =
        new(Resolution: 16, ImageChannels: 1, LatentSize: 8, MappingLayers: 2, Channels: [8, 6, 4]);

    public static readonly ImageShape Shape = new(1, 16);

    public static UnlearningOptions Options => UnlearningPresets.Get("default") with
    {
        Steps = 6,
        RecoverySteps = 2,
        BatchSize = 4,
        CandidateEvery = 2,
        CandidateSamples = 100,
        FeedbackSamples = 200,
        MinimumNegatives = 1,
        CleanBelow = 0.5,
        Adaptation = new AdaptationOptions(Steps: 3, LearningRate: 0.002, EwcWeight: 10, FisherSamples: 4, Models: 1),
        Repulsion = UnlearningPresets.Get("default").Repulsion with { Weight = 10 },
        FrechetLoss = null,
        Guidance = null,
        Students = null,
        SharedImages = null,
    };

    public static GanPair Gan(long seed = 3)
    {
        manual_seed(seed);
        return new GanPair(new StyleGan2Generator(Settings), new StyleGan2Discriminator(Settings));
    }

    /// <summary>
    /// An untrained classifier with two classes, in eval mode. Its bias is set so that it finds the second class in about a
    /// quarter of the GAN's images.
    /// </summary>
    public static FeatureClassifier Classifier(long seed = 5)
    {
        using var networks = Gan();
        return Classifier(networks.Generator, seed);
    }

    /// <summary>The same kind of classifier for the images of another generator.</summary>
    public static FeatureClassifier Classifier(ImageGenerator generator, long seed) => Classifier(
        generator,
        seed,
        ["plain", "banned"],
        ClassifierOutputs.Softmax,
        (bias, logits) => bias[0] += (logits.select(1, 1) - logits.select(1, 0)).quantile(tensor(0.75f)).item<float>());

    /// <summary>A classifier whose classes are all found in the small generator's images.</summary>
    public static FeatureClassifier Classifier(IReadOnlyList<string> classes)
    {
        using var networks = Gan();
        return Classifier(
            networks.Generator, seed: 5, classes, ClassifierOutputs.Softmax, (bias, logits) => bias.sub_(logits.mean([0])));
    }

    /// <summary>
    /// An untrained classifier with two labels, in eval mode. Its biases are set so that it finds each label in about a quarter
    /// of the GAN's images.
    /// </summary>
    public static FeatureClassifier LabelClassifier(long seed = 5)
    {
        using var networks = Gan();
        return Classifier(
            networks.Generator,
            seed,
            ["glasses", "hat"],
            ClassifierOutputs.Sigmoid,
            (bias, logits) => bias.sub_(logits.quantile(tensor(0.75f), dim: 0).view(2)));
    }

    // An untrained classifier that is sure of itself. Its biases are shifted by its logits of the generator's images.
    private static FeatureClassifier Classifier(
        ImageGenerator generator,
        long seed,
        IReadOnlyList<string> classes,
        ClassifierOutputs outputs,
        Action<Tensor, Tensor> shiftBias)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var images = ImageQuantizer.Quantize(generator.Generate(randn(200, generator.LatentSize), noise: null));
        manual_seed(seed);
        var classifier = Weights.Detach(ClassifierArchitectures.Build(StridedConvNet.Name, Shape, classes, outputs));
        classifier.eval();
        var output = classifier.named_parameters().ToDictionary(named => named.name, named => named.parameter);
        output["output.weight"].mul_(50);
        shiftBias(output["output.bias"], classifier.Logits(classifier.Features(images)));
        return classifier;
    }

    public static Annotation Annotation(FeatureClassifier classifier) => new(
        [new AnnotatedFeature("banned", new FeatureRule(classifier, classifier.Classes[1], Threshold: null))],
        Options.CleanBelow);

    /// <summary>Feedback from the generator's samples, sorted by the annotator.</summary>
    public static Feedback Feedback(GanPair networks, FeatureClassifier annotator, Device device) => FeedbackCollector.Collect(
        networks.Generator,
        Annotation(annotator),
        GivenImages.None,
        Options with { MinimumClean = 0 },
        device,
        CancellationToken.None);

    /// <summary>The context of a training that saves no state and reports to nobody.</summary>
    public static UnlearningContext Context(GanPair networks, FeatureClassifier annotator, Feedback feedback, Device device) =>
        new(networks, Options, Annotation(annotator), feedback, new Judge(), new NoJournal(), new Silent(), device)
        {
            Factory = GeneratorArchitectures.Named("stylegan2").GetFactory(networks.Generator, networks.Discriminator),
        };

    public static InMemoryImages Images(int count = 32, Device? device = null)
    {
        using var scope = NewDisposeScope();
        manual_seed(11);
        return new InMemoryImages(randn([count, 1, 16, 16]).clamp(-1, 1).to(device ?? CPU).DetachFromDisposeScope());
    }

    /// <summary>Number of live tensors in this process, after finalisers have disposed those that other tests left.</summary>
    public static long LiveTensors()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return Tensor.TotalCount;
    }

    public static byte[] Bytes(Tensor tensor)
    {
        using var scope = NewDisposeScope();
        return tensor.detach().cpu().contiguous().bytes.ToArray();
    }

    /// <summary>Gives candidates fixed figures for each step.</summary>
    public sealed class Judge(Func<int, double>? distance = null) : ICandidateEvaluator
    {
        Candidate ICandidateEvaluator.Evaluate(ImageGenerator generator, int step) =>
            new(step, 0.1, 0, distance?.Invoke(step) ?? 100 - step, 1);
    }

    public sealed class Silent : IProgress<StageProgress>
    {
        public List<StageProgress> Reported { get; } = [];

        public void Report(StageProgress value) => Reported.Add(value);
    }

    /// <summary>Cancels after a number of reported steps.</summary>
    public sealed class StopAfter(int steps, CancellationTokenSource stop) : IProgress<StageProgress>
    {
        public int Reports { get; private set; }

        public void Report(StageProgress value)
        {
            if (++Reports == steps)
                stop.Cancel();
        }
    }
}

/// <summary>Keeps nothing: a run with it cannot be resumed.</summary>
internal sealed class NoJournal : ITrainingJournal
{
    public StageState? Load(string stage) => null;

    public void Save(string stage, StageState state)
    {
    }
}
