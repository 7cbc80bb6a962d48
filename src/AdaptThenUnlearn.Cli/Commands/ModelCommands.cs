using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Governing;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using AdaptThenUnlearn.Torch.Pretraining;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary>The commands that train the embedded models: <c>pretrain</c> and <c>train-classifier</c>.</summary>
internal static class ModelCommands
{
    private const string Gan = "gan";

    // Untrained networks need a strong R1 penalty for so many updates; without it, they collapse.
    private const int EarlySteps = 4000;
    private const double EarlyR1 = 8;

    private static readonly Option<FileInfo> _out =
        new("--out") { Description = "The safetensors file to write", Required = true };
    private static readonly Option<long> _seed = new("--seed")
    {
        Description = "Seed for weights, latents, noise and the order of images",
        DefaultValueFactory = _ => 1,
    };

    /// <summary>Builds <c>atu pretrain</c>: trains a StyleGAN2 on digits, or on the images of a folder.</summary>
    public static Command Pretrain(Terminal terminal)
    {
        var data = new Option<DirectoryInfo>("--data")
        {
            Description = "Folder with the four MNIST IDX files, or with images",
            Required = true
        };
        var from = new Option<FileInfo?>("--from")
        {
            Description = "A StyleGAN2 checkpoint with its discriminator to go on from, in place of random weights. Its " +
                "optimizers' state is not read",
        };
        var channels = new Option<int[]>("--channels")
        {
            Description = "Number of feature maps at 4×4, 8×8 and so on up to the size of the images; not with --from",
            HelpName = "n",
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => [64, 64, 32, 16],
        };
        var steps = new Option<int>("--steps") { Description = "Number of generator updates", DefaultValueFactory = _ => 20000 };
        var decay = new Option<int>("--decay")
        {
            Description = "Number of updates at the end in which the learning rate decays",
            DefaultValueFactory = _ => 4000,
        };
        var r1 = new Option<double>("--r1")
        {
            Description = "Weight of the gradient penalty R1. From scratch it is at least 8 in the first 4,000 updates",
            DefaultValueFactory = _ => 2,
        };
        var pathLength = new Option<double>("--path-length")
        {
            Description = "Weight of the path-length penalty, applied at every fourth update",
            DefaultValueFactory = _ => 0,
        };
        var mixing = new Option<double>("--style-mixing")
        {
            Description = "Probability that an image gets its styles from two latents",
            DefaultValueFactory = _ => 0,
        };
        var resume = new Option<bool>("--resume")
        {
            Description = "Continue from the state beside the output file. --steps and --decay may change until the rate decays",
        };
        var command = new Command("pretrain", "Train a StyleGAN2 generator on images, from scratch or from a checkpoint on")
        {
            data, _out, from, channels, steps, decay, r1, pathLength, mixing, _seed, OutputFiles.Overwrite, Machine.Device,
            Machine.Threads, resume, Terminal.Json,
        };
        command.SetGuardedAction(terminal, (parsed, cancel) =>
        {
            var folder = parsed.GetRequiredValue(data).FullName;
            var target = parsed.GetRequiredValue(_out).FullName;
            var start = parsed.GetValue(from)?.FullName;
            if (start is not null && parsed.GetResult(channels) is { Implicit: false })
                throw new BadArgumentException("--channels is for networks from scratch; those of --from have their own");
            OutputFiles.Require(
                parsed,
                [target],
                [("folder of images", folder), ("checkpoint to go on from", start)],
                path => SafetensorsFile.IsWrittenByAtu(path, Gan));
            RequireSteps(parsed.GetValue(steps), parsed.GetValue(decay));
            RequireWeight("--r1", parsed.GetValue(r1));
            RequireWeight("--path-length", parsed.GetValue(pathLength));
            RequireProbability("--style-mixing", parsed.GetValue(mixing));
            var states = target + ".state";
            var device = Machine.Prepare(
                parsed, terminal, resumed: parsed.GetValue(resume) ? FolderJournal.FindThreads(states) : null);

            // Read the images, and check that the networks fit them.
            terminal.WriteStatus(TrainingImages.Summary(folder));
            using var images = TrainingImages.Read(folder);
            using var loaded = start is null ? null : LoadStart(start, images, device);
            IGanFactory model = loaded is null
                ? CreateModel(images, parsed.GetRequiredValue(channels))
                : new TrainedGan(new GanPair(loaded.Generator, loaded.Discriminator!));

            // Train them, and write the checkpoint.
            var training = CreateTraining(parsed.GetValue(r1), parsed.GetValue(pathLength), parsed.GetValue(mixing));
            var settings = new PretrainingSettings(
                model, training, parsed.GetValue(steps), parsed.GetValue(decay),
                EarlyR1Weight: Math.Max(EarlyR1, training.R1Weight), EarlySteps: loaded is null ? EarlySteps : 0,
                parsed.GetValue(_seed));
            var journal = new FolderJournal(
                states,
                Fingerprint(settings, loaded?.Sha256 ?? JsonSerializer.Serialize(model, model.GetType()), images),
                parsed.GetValue(resume));
            using var reals = new InMemoryImages(images.alias());
            using var pretraining = new GeneratorPretraining(settings, reals, device);
            using var networks = pretraining.Run(journal, terminal, cancel);
            var metadata = new Dictionary<string, string>(TrainedRegime.Write(TermsOf(training)))
            {
                ["kind"] = Gan,
                ["architecture"] = "stylegan2",
            };
            if (loaded?.EarlierRuns is { } runs)
                metadata[SafetensorsFile.EarlierRunsKey] = runs;   // more training does not end the limits that they set
            GeneratorCheckpoint.Save(target, networks, metadata);
            var sha256 = CheckpointDigest.Compute(target);
            Terminal.WriteJson(new { file = target, sha256 });
            Terminal.WriteResultLine($"{target}: SHA-256 {sha256}");
            return ExitCodes.Passed;
        });
        return command;
    }

    /// <summary>
    /// Builds <c>atu train-classifier</c>: trains a classifier of digits, of class folders, or of images with several labels.
    /// </summary>
    public static Command TrainClassifier(Terminal terminal)
    {
        var architecture = new Option<string>("--architecture")
        {
            Description = $"Architecture of the classifier: {string.Join(" or ", ClassifierArchitectures.Names)}",
            DefaultValueFactory = _ => LeNet5.Name,
        };
        architecture.AcceptOnlyFromAmong([.. ClassifierArchitectures.Names]);
        var data = new Option<DirectoryInfo>("--data")
        {
            Description = "Folder with the four MNIST IDX files, or with images: a sub-folder for each class, a labels.csv " +
                "(file,label1,label2… and 0 or 1), or CelebA's list_attr_celeba.txt",
            Required = true,
        };
        var epochs = new Option<int>("--epochs")
        {
            Description = "Number of passes over the training images",
            DefaultValueFactory = _ => 12,
        };
        var command = new Command("train-classifier", "Train a classifier to use as annotator or auditor")
        {
            data, _out, architecture, epochs, _seed, OutputFiles.Overwrite, Machine.Device, Machine.Threads, Terminal.Json,
        };
        command.SetGuardedAction(terminal, (parsed, cancel) =>
        {
            var device = Machine.Prepare(parsed, terminal);
            var folder = parsed.GetRequiredValue(data).FullName;
            var target = parsed.GetRequiredValue(_out).FullName;
            OutputFiles.Require(
                parsed, [target], [("folder of images", folder)],
                path => SafetensorsFile.IsWrittenByAtu(path, ClassifierCheckpoint.Kind));

            // Train on one part of the images, and test on the other.
            var (train, test) = ReadLabelled(folder, terminal);
            using var trainOwned = train;
            using var testOwned = test;
            var settings = new ClassifierSettings(
                parsed.GetValue(architecture)!, parsed.GetValue(epochs), 128, 0.002, parsed.GetValue(_seed));
            var accuracy = 0.0;
            using var classifier = ClassifierTraining.Run(settings, train, test, device, new EpochProgress(epoch =>
            {
                accuracy = epoch.TestAccuracy;
                terminal.WriteStatus(string.Create(CultureInfo.InvariantCulture,
                    $"epoch {epoch.Epoch}/{settings.Epochs}: loss {epoch.Loss:F4}, test accuracy {epoch.TestAccuracy:P2}"));
            }), cancel);

            // Write the checkpoint with its held-out counts.
            var heldOut = ClassifierTraining.HeldOut(classifier, train, test, device);
            ClassifierCheckpoint.Save(target, classifier, heldOut);
            foreach (var (name, counts) in heldOut.ByClass)
                terminal.WriteStatus($"class {name}: {counts}");
            var sha256 = CheckpointDigest.Compute(target);
            Terminal.WriteJson(new { file = target, sha256, testAccuracy = accuracy, heldOut = heldOut.ByClass });
            Terminal.WriteResultLine(
                string.Create(CultureInfo.InvariantCulture, $"{target}: test accuracy {accuracy:P2}, SHA-256 {sha256}"));
            return ExitCodes.Passed;
        });
        return command;
    }

    // Prints what will be read before reading it.
    private static (LabelledImages Train, LabelledImages Test) ReadLabelled(string folder, Terminal terminal)
    {
        if (MnistDataset.ExistsIn(folder))
        {
            var (train, test) = (MnistDataset.Train(folder), MnistDataset.Test(folder));
            terminal.WriteStatus($"training: {train.Summary}");
            terminal.WriteStatus($"test: {test.Summary}");
            return (LabelledImages.From(train), LabelledImages.From(test));
        }

        if (LabelledFolder.ExistsIn(folder))
        {
            var labelled = LabelledFolder.Read(folder);
            terminal.WriteStatus(labelled.Summary);
            return LabelledImages.From(labelled);
        }

        var classes = ClassFolders.Read(folder);
        if (classes.Classes.Count == 0)
            throw new InvalidDataException(
                $"{classes.Problem}, or label them in a labels.csv (`file,label1,label2`, then a line for each image with 0 or " +
                "1 for each label)");

        terminal.WriteStatus($"{classes.Pictures.Summary}; classes: {classes.Summary}");
        if (classes.Warning is { } doubt)
            terminal.WriteDiagnostic(new BuildMessage(Severity.Warning, RunCodes.DoubtfulData, doubt));
        return LabelledImages.From(classes);
    }

    private static StyleGan2Settings CreateModel(Tensor images, int[] channels)
    {
        var model = new StyleGan2Settings(
            (int)images.shape[2], (int)images.shape[1], LatentSize: 64, MappingLayers: 4, channels);
        return model.Problems().FirstOrDefault() is { } problem
            ? throw new BadArgumentException($"no StyleGAN2 can be trained on these images: {problem}")
            : model;
    }

    // Both networks of a checkpoint, which must make images like those to train on.
    private static LoadedGenerator LoadStart(string path, Tensor images, Device device)
    {
        var loaded = GeneratorCheckpoint.Load(path, "auto", sha256: null, discriminatorPath: null, device);
        var (shape, read) = (loaded.Generator.Shape, new ImageShape((int)images.shape[1], (int)images.shape[2]));
        var problem = loaded.Generator is not StyleGan2Generator ? $"it is a {loaded.Architecture}"
            : loaded.Discriminator is null ? "it holds no discriminator"
            : shape != read ? $"it makes images of {shape}, and those to train on are {read}"
            : null;
        if (problem is null)
            return loaded;

        loaded.Dispose();
        throw new CheckpointException(
            path, $"cannot be trained on: {problem}",
            "name a StyleGAN2 with its discriminator and images of its size, or leave --from out to train from scratch");
    }

    // The embedded generators have these defaults: small enough to train on two cores, large enough to look at.
    private static TrainingSettings CreateTraining(double r1Weight, double pathLengthWeight, double styleMixing) => new(
        BatchSize: 16,
        LearningRate: 0.002,
        R1Weight: r1Weight,
        R1Every: 16,
        PathLengthWeight: pathLengthWeight,
        PathLengthEvery: 4,
        StyleMixing: styleMixing,
        EmaHalfLife: 10000);

    // Of the later steps, as a policy has them.
    private static AdversarialOptions TermsOf(TrainingSettings training) => new(
        training.R1Weight, training.R1Every, training.PathLengthWeight, training.PathLengthEvery, training.StyleMixing);

    private static void RequireSteps(int steps, int decay)
    {
        if (steps < 1)
            throw new BadArgumentException(FormattableString.Invariant($"--steps is {steps}; it must be at least 1"));
        if (decay < 0 || decay > steps)
            throw new BadArgumentException(
                FormattableString.Invariant($"--decay is {decay}; it must be from 0 to --steps, which is {steps}"));
    }

    private static void RequireWeight(string option, double value)
    {
        if (!double.IsFinite(value) || value < 0)
            throw new BadArgumentException(
                FormattableString.Invariant($"{option} is {value}; it must be 0, for no penalty, or a positive number"));
    }

    private static void RequireProbability(string option, double value)
    {
        if (value is not (>= 0 and <= 1))
            throw new BadArgumentException(FormattableString.Invariant($"{option} is {value}; it must be from 0 to 1"));
    }

    // Of the settings, the model (its sizes, or the digest of what it goes on from) and the images. Training itself knows until
    // when its number of steps may change.
    private static string Fingerprint(PretrainingSettings settings, string model, Tensor images) =>
        JsonSerializer.Serialize(settings with { Steps = 0, DecaySteps = 0 })
            + model + Convert.ToHexStringLower(SHA256.HashData(images.contiguous().bytes));

    private sealed class EpochProgress(Action<ClassifierEpoch> report) : IProgress<ClassifierEpoch>
    {
        public void Report(ClassifierEpoch value) => report(value);
    }
}
