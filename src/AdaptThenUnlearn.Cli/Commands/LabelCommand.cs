using System.CommandLine;
using System.Text.Json;
using System.Text.RegularExpressions;
using AdaptThenUnlearn.Cli.Labelling;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Governing;
using AdaptThenUnlearn.Torch.Labelling;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary>
/// <c>atu label</c>: the user labels generated images on a local page, and a classifier is trained from the labels.
/// </summary>
public sealed partial class LabelCommand(Terminal terminal)
{
    private const string Other = "other";
    private const string DiscriminatorFeatures = "discriminator";

    private readonly GeneratorOptions _generator = new(
        "The generator's checkpoint, if possible with its discriminator; with --calibrate, the policy");

    private readonly Option<string> _feature = new("--feature")
    {
        Description = "Feature to look for, e.g. glasses; also the name of the classifier's class and file. With --audit and " +
            "--calibrate, the feature of the run or the policy, where it has several",
    };

    private readonly Option<DirectoryInfo> _out = new("--out")
    {
        Description = "Folder for labels.json and the classifier or the calibration; existing labels are continued",
    };

    private readonly Option<string> _calibrate = new("--calibrate")
    {
        Description = "Choose the threshold of this classifier of the policy by the labels, and measure its errors, instead of " +
            "training one; writes CLASSIFIER.calibration.json",
        HelpName = "CLASSIFIER",
    };

    private readonly Option<double> _mayMiss = new("--may-miss")
    {
        Description = "With --calibrate, the share of the learning images with the feature that the threshold may miss, 0 to 0.5",
    };

    private readonly Option<string> _audit = new("--audit")
    {
        Description = "Look at the images that a run judged, without seeing its answers, instead of training a classifier; " +
            "writes audit.json beside the run",
        HelpName = "run.json or its folder",
    };

    private readonly Option<string> _by = new("--by") { Description = "With --audit, your name, for the evidence" };
    private readonly Option<int?> _clicks = new("--clicks")
    {
        Description = "With --audit, how many images to look at, without known positives (default: the fewest that can show " +
            "maxRate to be met)",
    };

    private readonly Option<bool> _reuse = new("--reuse")
    {
        Description = "With --audit, run the programs that the record's policy names (TorchScript, ONNX), even on a build " +
            "server; anyone who can write the run's folder can then decide what is run",
    };

    private readonly Option<int> _count = new("--count")
    {
        Description = "Number of images that pages can choose from",
        DefaultValueFactory = _ => 600,
    };

    private readonly Option<long> _seed = new("--seed")
    {
        Description = "Seed for the images, for the cross-validation, and for a discriminator's warm-up",
        DefaultValueFactory = _ => 1,
    };

    private readonly Option<string> _features = new("--features")
    {
        Description = $"Network whose features the classifier uses: {DiscriminatorFeatures} (if there is none, one is warmed " +
            "up), or a classifier's checkpoint",
        DefaultValueFactory = _ => DiscriminatorFeatures,
        HelpName = $"{DiscriminatorFeatures} or CLASSIFIER",
    };

    private readonly Option<FileInfo> _discriminator = new("--discriminator")
    {
        Description = "Checkpoint with the discriminator, if the generator's has none",
    };

    private readonly Option<int> _port = new("--port") { Description = "Port of the page on 127.0.0.1; 0 for any free port" };
    private readonly Option<bool> _keepUseless = new("--keep-useless")
    {
        Description = "Write the classifier or calibration even if it finds nothing in the held-out images, or is no better " +
            "than always no",
    };

    private readonly Option<bool> _trainOnly = new("--train-only")
    {
        Description = "Train, or choose the threshold, from the existing labels, without a page; with --audit, draw the images " +
            "without a page",
    };

    private IReadOnlyList<Option> _saidByPolicy = [];   // what --calibrate takes from the policy
    private HeldOutError? _heldOut;                     // of the last training

    /// <summary>Builds the command.</summary>
    public Command Build()
    {
        var command = new Command(
            "label", "Label generated images on a local page, and train or calibrate a classifier by the labels")
        {
            _feature, _out, _count, _seed, _features, _discriminator, _port, _trainOnly, _keepUseless, _calibrate, _mayMiss,
            _audit, _by, _clicks, _reuse, Machine.Device, Machine.Threads, Terminal.Json,
        };
        var own = command.Options.ToList();
        _generator.AddTo(command);
        _generator.MakeOptional();
        _saidByPolicy = [_features, _discriminator, .. command.Options.Except(own)];
        command.SetGuardedAction(terminal, Run);
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        if (parsed.GetValue(_port) is < 0 or > 65535)
            throw new BadArgumentException("--port must be 0 to 65535");
        if (parsed.GetValue(_audit) is { } run)
            return Audit(parsed, run, cancel);
        if (parsed.GetValue(_by) is not null || parsed.GetValue(_clicks) is not null || parsed.GetValue(_reuse))
            throw new BadArgumentException("--by, --clicks and --reuse are for --audit; name the run with it");
        if (parsed.GetValue(_calibrate) is { } classified)
            return Calibrate(parsed, classified, cancel);
        if (parsed.GetResult(_mayMiss) is { Implicit: false })
            throw new BadArgumentException("--may-miss is for --calibrate; name a classifier of the policy with it");
        if (!_generator.IsGiven(parsed) || parsed.GetValue(_feature) is not { } feature
            || parsed.GetValue(_out) is not { } output)
            throw new BadArgumentException(
                "give the generator's CHECKPOINT, --feature and --out to train a classifier, or --audit to audit a run");
        if (!NamePattern().IsMatch(feature) || feature == Other)
            throw new BadArgumentException(
                $"--feature '{feature}' is not a valid name: use 1 to 64 characters of a-z, 0-9 and -, but not " +
                $"'{Other}'");
        RequireCount(parsed);

        // Check that no input or foreign file would be overwritten.
        var folder = output.FullName;
        OutputFiles.RequireIn(
            folder, [LabellingSession.SheetName, feature + ".safetensors"],
            [
                (InputRoles.Generator, _generator.Checkpoint(parsed)),
                ("--discriminator", parsed.GetValue(_discriminator)?.FullName),
                ("--features", parsed.GetValue(_features))
            ],
            path => LabelSheetFile.IsLabelSheet(path) || SafetensorsFile.IsWrittenByAtu(
                path, ClassifierCheckpoint.Kind, FrozenFeaturesHead.Name));

        // Load the generator and the labels.
        var device = Machine.Prepare(parsed, terminal);
        using var loaded = _generator.Load(parsed, parsed.GetValue(_discriminator), device, terminal);
        using var folderLock = FolderLock.Acquire(folder, "`atu label`");
        var sheet = LabelSheetFile.Open(
            LabellingSession.SheetIn(folder), feature, loaded.Sha256, parsed.GetValue(_seed), parsed.GetValue(_count));
        if (parsed.GetValue(_trainOnly) && sheet.WhyTooFewLabels is { } problem)
            throw new LabelException(
                $"{LabellingSession.SheetIn(folder)}: {problem}; add labels with `atu label`, without --train-only");

        // Generate the images, then label them or train from their labels.
        using var classifier =
            new FrozenFeaturesHead(LoadFeatureNetwork(loaded, folder, parsed, device, cancel), [Other, feature]);
        using var samples = LabelledSamples.Generate(
            loaded.Generator, classifier, parsed.GetValue(_count), parsed.GetValue(_seed), device, terminal, cancel);
        var session = new HeadSession(samples, classifier, sheet, folder, parsed.GetValue(_keepUseless));
        if (parsed.GetValue(_trainOnly))
            PrintHeldOutError(session, session.Train(terminal, cancel));
        else
            Serve(session, parsed.GetValue(_port), cancel);
        Terminal.WriteJson(new
        {
            feature,
            labels = LabellingSession.SheetIn(folder),
            classifier = _heldOut is null ? null : session.ResultPath,
            heldOut = _heldOut,
        });
        return ExitCodes.Passed;
    }

    private void RequireCount(ParseResult parsed)
    {
        if (parsed.GetValue(_count) is < 2 * LabelSheet.MinLabelsPerClass or > 10_000)
            throw new BadArgumentException($"--count must be {2 * LabelSheet.MinLabelsPerClass} to 10000");
    }

    private int Calibrate(ParseResult parsed, string classifier, CancellationToken cancel)
    {
        if (!_generator.IsGiven(parsed) || parsed.GetValue(_out) is not { } output)
            throw new BadArgumentException("--calibrate needs the POLICY that names the classifier, and --out");
        if (_saidByPolicy.FirstOrDefault(option => parsed.GetResult(option) is { Implicit: false }) is { } needless)
            throw new BadArgumentException(
                $"--calibrate takes generator and classifier from the policy; leave {needless.Name} out");
        if (!FileNamePattern().IsMatch(classifier))
            throw new BadArgumentException(
                $"--calibrate: '{classifier}' cannot be the name of a file; name the classifier in the policy with letters, "
                + "digits, '-', '_' and '.'");
        if (parsed.GetValue(_mayMiss) is not (>= 0 and <= 0.5))
            throw new BadArgumentException("--may-miss must be 0 to 0.5");
        RequireCount(parsed);
        return new CalibrateCommand(terminal).Run(
            parsed,
            new CalibrationRequest(
                _generator.Given(parsed), classifier, parsed.GetValue(_feature), output.FullName, parsed.GetValue(_mayMiss),
                parsed.GetValue(_count), parsed.GetValue(_seed), parsed.GetValue(_port), parsed.GetValue(_trainOnly),
                parsed.GetValue(_keepUseless)),
            cancel);
    }

    private int Audit(ParseResult parsed, string run, CancellationToken cancel)
    {
        if (_generator.IsGiven(parsed) || parsed.GetValue(_out) is not null)
            throw new BadArgumentException(
                "--audit takes the generator and the folder from the run; leave CHECKPOINT and --out out");
        if (parsed.GetValue(_clicks) is { } clicks and (< AuditSheet.FewestClicks or > AuditSheet.MostClicks))
            throw new BadArgumentException(FormattableString.Invariant(
                $"--clicks must be {AuditSheet.FewestClicks} to {AuditSheet.MostClicks}, but is {clicks}"));
        return new AuditCommand(terminal, TimeProvider.System).Run(
            parsed,
            new AuditRequest(
                Path.GetFullPath(run), parsed.GetValue(_feature), parsed.GetValue(_by), parsed.GetValue(_clicks),
                parsed.GetValue(_port), parsed.GetValue(_trainOnly), parsed.GetValue(_reuse)),
            cancel);
    }

    private void Serve(HeadSession session, int port, CancellationToken cancel) => Serve(
        new LabelPage(session, terminal, () => CreateFragment(session), error => PrintHeldOutError(session, error)),
        session, port, terminal, cancel);

    /// <summary>Serves the page of a session until the person is done.</summary>
    /// <param name="page">Of the session.</param>
    /// <param name="session">The images and labels.</param>
    /// <param name="port">0 for any.</param>
    /// <param name="terminal">Prints the address.</param>
    /// <param name="cancel">Ends the session; every label so far is kept.</param>
    internal static void Serve(
        LabelPage page, LabellingSession session, int port, Terminal terminal, CancellationToken cancel)
    {
        session.ShowMore(shown: 0);
        using var server = new LabelServer(page);
        server.Start(port);
        Terminal.WriteResultLine(server.Address);
        terminal.WriteStatus(
            $"open {server.Address} in a browser on this machine. Every label is saved at once; Done on the page, or Ctrl-C, " +
            "ends the command");
        server.RunAsync(cancel).GetAwaiter().GetResult();
    }

    private static PolicyFragment CreateFragment(HeadSession session) => PolicyFragment.Create(
        session.Feature, session.ResultPath, session.Sheet.Seed, Environment.CurrentDirectory);

    private void PrintHeldOutError(HeadSession session, HeldOutError error)
    {
        _heldOut = error;
        Terminal.WriteResultLine($"{session.ResultPath}: {error}");
        if (error.Doubt is { } doubt)
            terminal.WriteStatus(doubt);
        var policy = CreateFragment(session);
        terminal.WriteStatus($"for a policy in {policy.Folder}:");
        terminal.WriteStatus(policy.Text);
    }

    private FrozenNetwork LoadFeatureNetwork(
        LoadedGenerator loaded, string folder, ParseResult parsed, Device device, CancellationToken cancel)
    {
        var chosen = parsed.GetRequiredValue(_features);
        if (chosen == DiscriminatorFeatures && GeneratorChoice.IsProgram(loaded.Format))
            throw new BadArgumentException(
                $"{(loaded.Format == GeneratorChoice.Onnx ? "an ONNX graph" : "a TorchScript program")} gives no access to its " +
                "features, and no discriminator can be made for it; name a " +
                "classifier of such images with --features");
        if (chosen == DiscriminatorFeatures && loaded.Discriminator is { } own)
            return FrozenNetwork.From(own);
        if (chosen == DiscriminatorFeatures)
        {
            using var made = WarmUpDiscriminator(loaded, folder, parsed.GetValue(_seed), cancel);
            return FrozenNetwork.From(made);
        }

        var network = FrozenNetwork.From(ClassifierCheckpoint.Load(chosen, sha256: null, classes: null, device).Classifier);
        if (network.Shape == loaded.Generator.Shape)
            return network;

        network.Dispose();
        throw new BadArgumentException(
            $"--features {chosen}: the classifier takes {network.Shape} images, the generator makes {loaded.Generator.Shape}");
    }

    // Warm one up once per folder and keep it there, because its features must not change between two trainings.
    private ImageDiscriminator WarmUpDiscriminator(LoadedGenerator loaded, string folder, long seed, CancellationToken cancel)
    {
        terminal.WriteStatus(
            "the checkpoint has no discriminator to take features from: one is warmed up on the generator's own samples and " +
            $"kept in {Path.Combine(folder, "state")}");
        var options = UnlearningPresets.Get(UnlearningPresets.DefaultName) with { Seed = seed };
        var run = $"{Machine.ToolVersion} {loaded.Sha256} {JsonSerializer.Serialize(options)}";
        var journal = new FolderJournal(Path.Combine(folder, "state"), run, resume: true, discardOtherRuns: true);
        return new DiscriminatorWarmUp(options, journal, terminal)
            .Run(loaded.Generator, GeneratorArchitectures.Named(loaded.Architecture), cancel);
    }

    [GeneratedRegex("^[a-z0-9-]{1,64}$")]
    private static partial Regex NamePattern();

    [GeneratedRegex("^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$")]
    private static partial Regex FileNamePattern();
}
