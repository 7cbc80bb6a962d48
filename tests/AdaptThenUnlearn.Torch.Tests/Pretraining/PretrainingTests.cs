using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Governing;
using AdaptThenUnlearn.Torch.Pretraining;
using AdaptThenUnlearn.Torch.Training;
using AdaptThenUnlearn.Torch.Unlearning;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Pretraining;

/// <summary>Checks the training of models: data are read strictly, and training is repeatable and can be resumed.</summary>
public sealed class PretrainingTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-digits-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void MnistDataset_FourFiles_ArePaddedImagesAndLabels()
    {
        WriteDigits(count: 12);

        using var digits = MnistDataset.Train(_folder);

        Assert.Equal([12, 1, 32, 32], digits.Images.shape);
        Assert.Equal([12], digits.Labels.shape);
        Assert.Equal(0, digits.Images[0, 0, 0].sum().item<long>());
        Assert.Equal(3, digits.Labels[3].item<long>());
    }

    [Theory]
    [InlineData(
        "missing",
        "the file of the training images is missing among train-labels-idx1-ubyte; the four MNIST files are "
            + "train-images-idx3-ubyte")]
    [InlineData("label missing", "the file of the training labels is missing; the four MNIST files are train-images-idx3-ubyte")]
    [InlineData("too long", "is too long")]
    [InlineData("letters", "holds the label 26; only sets with the labels 0 to 9 are read")]
    [InlineData("truncated", "is truncated")]
    [InlineData("compressed", "must be unpacked")]
    [InlineData("miscounted", "labels")]
    public void MnistDataset_BadFiles_SayWhich(string what, string expected)
    {
        WriteDigits(count: 12);
        var images = Path.Combine(_folder, "train-images-idx3-ubyte");
        switch (what)
        {
            case "missing": File.Delete(images); break;
            case "label missing": File.Delete(Path.Combine(_folder, "train-labels-idx1-ubyte")); break;
            case "too long": File.WriteAllBytes(images, [.. File.ReadAllBytes(images), 0]); break;
            case "letters": WriteIdx("train-labels-idx1-ubyte", [12], _ => 26); break;
            case "truncated": File.WriteAllBytes(images, File.ReadAllBytes(images)[..^5]); break;
            case "compressed": File.WriteAllBytes(images, [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]); break;
            default: WriteIdx("train-labels-idx1-ubyte", [7], _ => 1); break;
        }

        Assert.Contains(
            expected, Assert.Throws<InvalidDataException>(() => MnistDataset.Train(_folder)).Message, StringComparison.Ordinal);
    }

    // As 7-Zip and Kaggle unpack them, as they are packed, and where torchvision puts them.
    [Theory]
    [InlineData("{0}-{1}.idx{2}-ubyte", false)]
    [InlineData("{0}-{1}-idx{2}-ubyte.gz", false)]
    [InlineData("MNIST/raw/{0}-{1}-idx{2}-ubyte", false)]
    [InlineData("FashionMNIST/raw/{0}-{1}-idx{2}-ubyte.gz", false)]
    [InlineData("emnist-digits-{0}-{1}-idx{2}-ubyte", true)]
    [InlineData("gzip/emnist-digits-{0}-{1}-idx{2}-ubyte.gz", true)]
    public void MnistDataset_OtherNames_AreTheSameDigits(string names, bool transposed)
    {
        WriteDigits(count: 12);
        using var plain = MnistDataset.Train(_folder);
        foreach (var (what, dimensions) in new[] { ("images", 3), ("labels", 1) })
            Rename(
                FormattableString.Invariant($"train-{what}-idx{dimensions}-ubyte"),
                string.Format(CultureInfo.InvariantCulture, names, "train", what, dimensions));

        using var digits = MnistDataset.Train(_folder);

        Assert.True(MnistDataset.ExistsIn(_folder));
        using var scope = NewDisposeScope();
        Assert.True(digits.Images.equal(transposed ? plain.Images.transpose(2, 3) : plain.Images).all().item<bool>());
        Assert.Equal(transposed, digits.Source.Contains("transposed back", StringComparison.Ordinal));
        Assert.Equal([2, 2, 1, 1, 1, 1, 1, 1, 1, 1], digits.Counts);
    }

    [Fact]
    public void MnistDataset_EmnistsTestFiles_SayTest()
    {
        WriteDigits(count: 12);
        foreach (var (what, dimensions) in new[] { ("images", 3), ("labels", 1) })
        {
            File.Copy(At($"train-{what}-idx{dimensions}-ubyte"), At($"emnist-digits-test-{what}-idx{dimensions}-ubyte"));
            Rename($"train-{what}-idx{dimensions}-ubyte", $"emnist-digits-train-{what}-idx{dimensions}-ubyte");
        }

        using var test = MnistDataset.Test(_folder);

        Assert.Equal(12, test.Images.shape[0]);
    }

    [Fact]
    public void MnistDataset_SeveralSets_AreRefusedByName()
    {
        WriteDigits(count: 12);
        Directory.CreateDirectory(At("KMNIST/raw"));
        File.Copy(At("train-images-idx3-ubyte"), At("KMNIST/raw/train-images-idx3-ubyte"));

        Assert.Contains(
            "holds several sets of digits",
            Assert.Throws<InvalidDataException>(() => MnistDataset.ExistsIn(_folder)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void MnistDataset_DamagedPackedFile_IsNamed()
    {
        WriteDigits(count: 12);
        Rename("train-images-idx3-ubyte", "train-images-idx3-ubyte.gz");
        var packed = File.ReadAllBytes(At("train-images-idx3-ubyte.gz"));
        File.WriteAllBytes(At("train-images-idx3-ubyte.gz"), packed[..(packed.Length / 2)]);
        Assert.Contains("train-images-idx3-ubyte.gz is truncated", Refused(), StringComparison.Ordinal);

        File.WriteAllText(At("train-images-idx3-ubyte.gz"), "no gzip");
        Assert.Contains("train-images-idx3-ubyte.gz is damaged", Refused(), StringComparison.Ordinal);

        string Refused() => Assert.Throws<InvalidDataException>(() => MnistDataset.Train(_folder)).Message;
    }

    // Packs what is to end in .gz.
    private void Rename(string from, string to)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(At(to))!);
        if (to.EndsWith(".gz", StringComparison.Ordinal))
        {
            using var packed = new GZipStream(File.Create(At(to)), CompressionLevel.Optimal);
            packed.Write(File.ReadAllBytes(At(from)));
            File.Delete(At(from));
        }
        else
            File.Move(At(from), At(to));
    }

    private string At(string name) => Path.Combine(_folder, name);

    [Fact]
    public void Pretraining_InterruptedAndResumed_GivesTheSameBytes()
    {
        var whole = Pretrain(Settings(), new NoJournal());
        Assert.Throws<OperationCanceledException>(
            () => Pretrain(Settings(), new FolderJournal(_folder, "f", resume: false), stopAfter: 25));

        Assert.Equal(whole, Pretrain(Settings(), new FolderJournal(_folder, "f", resume: true)));
    }

    [Fact]
    public void Pretraining_ResumedToAnotherNumberOfSteps_IsTheSameTrainingUntilTheRateFalls()
    {
        var longer = Settings() with { Steps = 56, DecaySteps = 16 };
        var whole = Pretrain(Settings(), new NoJournal());
        Assert.Throws<OperationCanceledException>(
            () => Pretrain(longer, new FolderJournal(_folder, "f", resume: false), stopAfter: 31));

        // The state has 30 steps. The rate falls from step 26 on, so that these are not the steps of the other run.
        var refused = Assert.Throws<InvalidDataException>(
            () => Pretrain(Settings(), new FolderJournal(_folder, "f", resume: true)));
        Assert.Contains("the rates differ from step 26 on; ask for 56 and 16", refused.Message, StringComparison.Ordinal);

        // From step 31 on, where the other's falls from step 41 on: the same training until then.
        var shorter = Settings() with { DecaySteps = 5 };
        Assert.Equal(Pretrain(shorter, new NoJournal()), Pretrain(shorter, new FolderJournal(_folder, "f", resume: true)));
        Assert.NotEqual(whole, Pretrain(shorter, new NoJournal()));
    }

    private static byte[] Pretrain(PretrainingSettings settings, ITrainingJournal journal, int stopAfter = int.MaxValue)
    {
        using var images = Small.Images();
        using var stop = new CancellationTokenSource();
        using var pretraining = new GeneratorPretraining(settings, images, CPU) { SaveEvery = 10 };
        using var networks = pretraining.Run(journal, new StopAt(stopAfter, stop), stop.Token);
        return [.. networks.Generator.parameters().SelectMany(Small.Bytes)];
    }

    [Fact]
    public void Retrain_RealDigits_TrainsOnTheCleanOnesFromScratch()
    {
        WriteDigits(count: 60);

        using var retrained = Retrain(Small.Options, cleanBelow: 1);

        Assert.Equal(3, retrained.SelectedStep);
        Assert.True(retrained.Distances.ToOriginal > 0);
    }

    // The annotator finds no image clean below this bound.
    [Fact]
    public void Retrain_CleanByLabels_AsksTheLabelsAndNotTheAnnotator()
    {
        WriteDigits(count: 60);

        Assert.Contains(
            "the annotator sees an undesired feature in every one",
            Assert.Throws<InvalidDataException>(() => Retrain(Small.Options, cleanBelow: 1e-30)).Message,
            StringComparison.Ordinal);
        using var retrained = Retrain(Small.Options with { CleanBy = UnlearningOptions.ByLabels }, cleanBelow: 1e-30);
        Assert.Equal(3, retrained.SelectedStep);
    }

    [Fact]
    public void Retrain_CleanByLabels_IsTrainedOnTheOtherDigitsAlone()
    {
        WriteDigits(count: 60);
        var byLabels = Small.Options with { CleanBy = UnlearningOptions.ByLabels };
        var all = Retrained(byLabels);

        // Digit 8 is every tenth image from the ninth on: what is in its images makes no difference, and what is in others does.
        WriteDigits(count: 60, but: (8, 200));
        Assert.Equal(all, Retrained(byLabels));
        WriteDigits(count: 60, but: (7, 200));
        Assert.NotEqual(all, Retrained(byLabels));

        float[] Retrained(UnlearningOptions options)
        {
            using var retrained = Retrain(options, cleanBelow: 1);
            using var weights = new ParameterVector(retrained.Networks.Generator);
            return weights.Values.data<float>().ToArray();
        }
    }

    [Fact]
    public void ReadWithout_Digits_LeavesOutTheirLabels()
    {
        WriteDigits(count: 60);
        using var scope = NewDisposeScope();
        using var digits = MnistDataset.Train(_folder);

        using var images = TrainingImages.ReadWithout(_folder, ["8", "0"]);

        Assert.Equal([48, 1, 32, 32], images.shape);
        Assert.Equal(Small.Bytes(digits.Images[1].to(float32)), Small.Bytes(images[0].to(float32)));
        Assert.Equal(Small.Bytes(digits.Images[9].to(float32)), Small.Bytes(images[7].to(float32)));
        Assert.Contains(
            "train-labels-idx1-ubyte has no label 'eight', so the images of that class cannot be told from the others; its "
                + "labels are: 0, 1, 2",
            Assert.Throws<InvalidDataException>(() => TrainingImages.ReadWithout(_folder, ["eight"])).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void ReadWithout_DigitsWithoutTheirLabelFile_SaysWhichIsMissing()
    {
        WriteDigits(count: 60);
        File.Delete(Path.Combine(_folder, "train-labels-idx1-ubyte"));

        Assert.Contains(
            "the file of the training labels is missing",
            Assert.Throws<InvalidDataException>(() => TrainingImages.ReadWithout(_folder, ["8"])).Message,
            StringComparison.Ordinal);
    }

    private UnlearnedGenerator Retrain(UnlearningOptions options, double cleanBelow)
    {
        using var networks = new AdaptThenUnlearn.Torch.Models.GanPair(
            new AdaptThenUnlearn.Torch.Models.StyleGan2.StyleGan2Generator(Settings32),
            new AdaptThenUnlearn.Torch.Models.StyleGan2.StyleGan2Discriminator(Settings32));
        manual_seed(1);
        using var classifier = ClassifierArchitectures
            .Build(LeNet5.Name, new AdaptThenUnlearn.Torch.Models.ImageShape(1, 32), ["7", "8"]);
        classifier.eval();
        var annotation = new AdaptThenUnlearn.Torch.Adaptation.Annotation(
            [new("eight", new FeatureRule(classifier, "8", Threshold: null))], cleanBelow);
        using var feedback = FeedbackCollector.Collect(
            networks.Generator,
            annotation.WithCleanBelow(1),
            GivenImages.None,
            Small.Options with { FeedbackSamples = 100, MinimumNegatives = 0, MinimumClean = 0 },
            CPU,
            CancellationToken.None);
        var context = new UnlearningContext(
            networks,
            options with { Data = _folder, Steps = 3, RecoverySteps = 1 },
            annotation,
            feedback,
            new Small.Judge(),
            new NoJournal(),
            new Small.Silent(),
            CPU)
        { Factory = Settings32 };
        return new RetrainMethod().Run(context, CancellationToken.None);
    }

    private static AdaptThenUnlearn.Torch.Models.StyleGan2.StyleGan2Settings Settings32 =>
        Small.Settings with { Resolution = 32, Channels = [8, 6, 4, 4] };

    private static PretrainingSettings Settings() => new(
        Small.Settings,
        new TrainingSettings(
            BatchSize: 2,
            LearningRate: 0.002,
            R1Weight: 2,
            R1Every: 16,
            PathLengthWeight: 0,
            PathLengthEvery: 4,
            StyleMixing: 0,
            EmaHalfLife: 100),
        Steps: 35, DecaySteps: 10, EarlyR1Weight: 8, EarlySteps: 20, Seed: 1);

    private void WriteDigits(int count, (int Digit, byte Level)? but = null)
    {
        WriteIdx(
            "train-images-idx3-ubyte", [count, 28, 28],
            at => at / (28 * 28) % 10 == but?.Digit ? but.Value.Level : (byte)(at * 7));
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
