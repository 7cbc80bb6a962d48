using System.Diagnostics;
using System.Globalization;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Training;
using AdaptThenUnlearn.Torch.Unlearning;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Benchmarks;

/// <summary>
/// What each part of the preset <c>default</c> adds to a step of unlearning: the embedded digits, whole, and with parts switched
/// off.
/// </summary>
internal static class UnlearningStep
{
    private const int Rounds = 3;
    private const string Digit = "8";

    private static readonly (string Name, Func<UnlearningOptions, UnlearningOptions> Change)[] _variants =
    [
        ("preset `default`", options => options),
        ("images of its own for the discriminator's update", options => options with { SharedImages = null }),
        ("without the Fréchet loss", options => options with { FrechetLoss = null }),
        ("without guidance", options => options with { Guidance = null }),
        ("without share guidance", WithoutShares),
        ("without these three", WithoutDescribed),
        ("without retention", options => options with { Retention = new(Weight: 0) }),
        ("without negatives as fakes", WithoutNegatives),
        ("the two networks and class balancing alone", options =>
            WithoutDescribed(WithoutNegatives(options)) with { Retention = new(Weight: 0) }),
    ];

    /// <summary>Times every variant in turn, in several rounds.</summary>
    /// <param name="steps">Steps of each; a multiple of 16 holds as many R1 updates as a run.</param>
    public static void Run(int steps)
    {
        var folder = Path.Combine(StartTimes.Root(), "models", "mnist");
        var generator = GeneratorCheckpoint.Load(
            Path.Combine(folder, "stylegan2.safetensors"), CheckpointFormats.Auto, null, null, CPU);
        using var original = new GanPair(generator.Generator, generator.Discriminator!);
        using var annotator = ClassifierCheckpoint.Load(Path.Combine(folder, "lenet5.safetensors"), null, null, CPU).Classifier;
        var preset = UnlearningPresets.Get("default") with
        {
            Steps = steps,
            RecoverySteps = steps / 2,
            FeedbackSamples = 2000,
            CandidateEvery = int.MaxValue,
        };
        var annotation = new Annotation(
            [new AnnotatedFeature("digit", new FeatureRule(annotator, Digit, Threshold: null))], preset.CleanBelow);
        using var students = AnnotatorStudents.Train(
            original.Generator, annotation, preset.Students! with { Samples = 2000, Epochs = 2 }, 1, CPU, new Clock(), default);
        annotation = annotation.WithStudents(students.All, _ => true);
        using var feedback = FeedbackCollector.Collect(original.Generator, annotation, GivenImages.None, preset, CPU, default);
        var context = new UnlearningContext(
            original, preset, annotation, feedback, new NoJudge(), new NoJournal(), new Clock(), CPU);

        // One round after another, so that what else the machine does meets every variant.
        var times = _variants.Select(_ => new List<double>()).ToList();
        for (var round = 0; round <= Rounds; round++)
        {
            foreach (var ((_, change), measured) in _variants.Zip(times))
            {
                var clock = new Clock();
                using var unlearned = UnlearningMethods.Named(preset.Method)
                    .Run(context with { Options = change(preset), Progress = clock }, default);
                if (round > 0)   // the first one is a warm-up
                    measured.Add(clock.MillisecondsPerStep);
            }
        }

        Terminal.WriteLine($"| one step | ms, median of {Rounds} | of the first row |");
        Terminal.WriteLine("| --- | --- | --- |");
        foreach (var ((name, _), measured) in _variants.Zip(times))
            Terminal.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"| {name} | {StepComparison.Median(measured):F1} | "
                    + $"{StepComparison.Median(measured) / StepComparison.Median(times[0]):F2} |"));
        Terminal.WriteLine(FormattableString.Invariant(
            $"{get_num_threads()} threads, batch {preset.BatchSize}, {steps} steps of each in every round"));
    }

    private static UnlearningOptions WithoutShares(UnlearningOptions options) =>
        options with { ClassBalance = options.ClassBalance with { Guidance = null } };

    private static UnlearningOptions WithoutDescribed(UnlearningOptions options) =>
        WithoutShares(options) with { FrechetLoss = null, Guidance = null };

    private static UnlearningOptions WithoutNegatives(UnlearningOptions options) =>
        options with { NegativesAsFakes = options.NegativesAsFakes with { Weight = 0 } };

    // The time between the first step and the one before the last, which is followed by a candidate.
    private sealed class Clock : IProgress<StageProgress>
    {
        private readonly List<long> _at = [];

        public double MillisecondsPerStep => Stopwatch.GetElapsedTime(_at[0], _at[^2]).TotalMilliseconds / (_at.Count - 2);

        public void Report(StageProgress value) => _at.Add(Stopwatch.GetTimestamp());
    }

    private sealed class NoJudge : ICandidateEvaluator
    {
        public Candidate Evaluate(ImageGenerator generator, int step) => new(step, 0, 0, null, 1);
    }

    private sealed class NoJournal : ITrainingJournal
    {
        public StageState? Load(string stage) => null;

        public void Save(string stage, StageState state)
        {
        }
    }
}
