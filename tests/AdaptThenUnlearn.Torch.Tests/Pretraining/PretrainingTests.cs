using System.Buffers.Binary;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Pretraining;
using AdaptThenUnlearn.Torch.Training;
using AdaptThenUnlearn.Torch.Unlearning;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Pretraining;

/// <summary>The commands that make models: their data are read strictly, and training repeats and resumes itself.</summary>
public sealed class PretrainingTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-digits-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Digits_FourFiles_ArePaddedImagesAndLabels()
    {
        WriteDigits(count: 12);

        using var digits = DigitImages.Train(_folder);

        Assert.Equal([12, 1, 32, 32], digits.Images.shape);
        Assert.Equal([12], digits.Labels.shape);
        Assert.Equal(0, digits.Images[0, 0, 0].sum().item<long>());
        Assert.Equal(3, digits.Labels[3].item<long>());
    }

    [Theory]
    [InlineData("missing", "is missing")]
    [InlineData("truncated", "is truncated")]
    [InlineData("compressed", "must be unpacked")]
    [InlineData("miscounted", "labels")]
    public void Digits_BadFiles_SayWhich(string what, string expected)
    {
        WriteDigits(count: 12);
        var images = Path.Combine(_folder, "train-images-idx3-ubyte");
        switch (what)
        {
            case "missing": File.Delete(images); break;
            case "truncated": File.WriteAllBytes(images, File.ReadAllBytes(images)[..^5]); break;
            case "compressed": File.WriteAllBytes(images, [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]); break;
            default: WriteIdx("train-labels-idx1-ubyte", [7], _ => 1); break;
        }

        Assert.Contains(expected, Assert.Throws<InvalidDataException>(() => DigitImages.Train(_folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Pretraining_InterruptedAndResumed_GivesTheSameBytes()
    {
        byte[] Run(ITrainingJournal journal, int stopAfter = int.MaxValue)
        {
            using var images = Small.Images();
            using var stop = new CancellationTokenSource();
            using var pretraining = new GeneratorPretraining(Settings(), images, CPU);
            using var networks = pretraining.Run(journal, new StopAt(stopAfter, stop), stop.Token);
            return [.. networks.Generator.parameters().SelectMany(Small.Bytes)];
        }

        var whole = Run(new NoJournal());
        Assert.Throws<OperationCanceledException>(() => Run(new FolderJournal(_folder, "f", resume: false), stopAfter: 505));

        Assert.Equal(whole, Run(new FolderJournal(_folder, "f", resume: true)));
    }

    [Fact]
    public void Retrain_RealDigits_TrainsOnTheCleanOnesFromScratch()
    {
        WriteDigits(count: 60);
        using var networks = new AdaptThenUnlearn.Torch.Models.GanPair(
            new AdaptThenUnlearn.Torch.Models.StyleGan2.StyleGan2Generator(Settings32), new AdaptThenUnlearn.Torch.Models.StyleGan2.StyleGan2Discriminator(Settings32));
        manual_seed(1);
        using var classifier = ClassifierArchitectures.Build(LeNet5.Name, new AdaptThenUnlearn.Torch.Models.ImageShape(1, 32), ["a", "b"]);
        classifier.eval();
        var annotation = new AdaptThenUnlearn.Torch.Adaptation.Annotation([new("b", new FeatureRule(classifier, "b", Threshold: null))], cleanBelow: 1);
        using var feedback = AdaptThenUnlearn.Torch.Adaptation.Feedback.Collect(networks.Generator, annotation, AdaptThenUnlearn.Torch.Adaptation.GivenImages.None, 100, 0, 0, new RandomStreams(1, "f"), CPU, CancellationToken.None);
        var context = new UnlearningContext(
            networks, Small.Options with { Data = _folder, Steps = 3, RecoverySteps = 1 }, annotation, feedback, new Small.Judge(), new NoJournal(), new Small.Silent(), CPU);

        using var retrained = new RetrainMethod().Run(context, CancellationToken.None);

        Assert.Equal(3, retrained.Kept);
        Assert.True(retrained.Distances.ToOriginal > 0);
    }

    private static AdaptThenUnlearn.Torch.Models.StyleGan2.StyleGan2Settings Settings32 => Small.Settings with { Resolution = 32, Channels = [8, 6, 4, 4] };

    private static PretrainingSettings Settings() => new(
        Small.Settings,
        new TrainingSettings(BatchSize: 2, LearningRate: 0.002, R1Weight: 2, R1Every: 16, PathLengthWeight: 0, PathLengthEvery: 4, StyleMixing: 0, EmaHalfLife: 100),
        Steps: 510, DecaySteps: 50, EarlyR1Weight: 8, EarlySteps: 100, Seed: 1);

    private void WriteDigits(int count)
    {
        WriteIdx("train-images-idx3-ubyte", [count, 28, 28], at => (byte)(at * 7));
        WriteIdx("train-labels-idx1-ubyte", [count], at => (byte)(at % 10));
    }

    private void WriteIdx(string name, int[] shape, Func<int, byte> value)
    {
        var bytes = new byte[4 + 4 * shape.Length + shape.Aggregate((product, size) => product * size)];
        BinaryPrimitives.WriteInt32BigEndian(bytes, 0x0800 + shape.Length);
        for (var number = 0; number < shape.Length; number++)
            BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(4 + 4 * number), shape[number]);
        for (var at = 4 + 4 * shape.Length; at < bytes.Length; at++)
            bytes[at] = value(at - 4 - 4 * shape.Length);
        File.WriteAllBytes(Path.Combine(_folder, name), bytes);
    }

    private sealed class StopAt(int step, CancellationTokenSource stop) : IProgress<StageProgress>
    {
        public void Report(StageProgress value)
        {
            if (value.Step == step)
                stop.Cancel();
        }
    }
}
