using System.CommandLine;
using System.Globalization;
using AdaptThenUnlearn.Cli.Labelling;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Governing;
using AdaptThenUnlearn.Torch.Labelling;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary>
/// <c>atu label --calibrate</c>: the threshold of a classifier of a policy is chosen by a person's labels of the generator's
/// images, and its errors are counted on others of them.
/// </summary>
/// <param name="terminal">Prints results and progress.</param>
internal sealed class CalibrateCommand(Terminal terminal)
{
    private HeldOutError? _heldOut;   // of the last threshold

    /// <summary>Begins or continues the labels, and chooses the threshold.</summary>
    /// <param name="parsed">The arguments.</param>
    /// <param name="request">What they say about the calibration.</param>
    /// <param name="cancel">Ends the session; every label so far is kept.</param>
    public int Run(ParseResult parsed, CalibrationRequest request, CancellationToken cancel)
    {
        var file = PolicyFile.Read(request.Policy, [], terminal);
        if (file.Result.Policy is null)
            return ExitCodes.BadPolicy;

        // The calibrations that the policy may name already have no say: one of them may be the one that is made.
        var policy = file.Policy with
        {
            Classifiers = file.Policy.Classifiers.ToDictionary(
                named => named.Key, named => named.Value with { Calibration = null, CalibrationSha256 = null }),
        };
        var feature = FindFeature(policy, request);
        if (policy.Generator.Command is not null)
            throw new BadArgumentException(
                "a command makes the images, and nothing proves that it makes the same ones for every page: name a policy " +
                "with a checkpoint or a folder of images");

        // Check that no input or foreign file would be overwritten.
        var inputs = new InputFiles(policy, file.Path);
        OutputFiles.RequireIn(
            request.Folder,
            [LabellingSession.SheetName, ClassifierCalibrationFile.NameFor(request.Classifier)],
            inputs.EnumerateFiles().Select(input => (input.Role, (string?)input.Path)),
            path => LabelSheetFile.IsLabelSheet(path) || ClassifierCalibrationFile.IsCalibration(path));
        var device = Machine.Prepare(parsed, terminal);
        return file.RunWithLocatedErrors(inputs, () =>
        {
            // Load the generator, the classifiers and the labels.
            inputs.Open(cancel);
            using var loaded = inputs.LoadGenerator(device, cancel);
            using var classifiers = inputs.LoadClassifiers(loaded.Generator.Shape, device);
            using var held = FolderLock.Acquire(request.Folder, "`atu label`");
            var sheet = LabelSheetFile.Open(
                LabellingSession.SheetIn(request.Folder), feature.Name, loaded.Sha256, request.Seed, request.Count);
            if (request.WithoutPage && ThresholdChoice.WhyTooFewLabels(sheet) is { } problem)
                throw new LabelException(
                    $"{LabellingSession.SheetIn(request.Folder)}: {problem}; add labels with the same command, " +
                    "without --train-only");

            // Generate the images as they are measured, then label them or choose by their labels.
            var samples = ScoredSamples.Generate(
                loaded.Generator, classifiers.Rule(request.Classifier, feature.Class, threshold: null), request.Count,
                LabelledSamples.Images(request.Seed, device) with { Raw = policy.Evaluation.IsRaw }, terminal, cancel);
            var subject = new CalibrationSubject(
                request.Classifier, feature.Class, classifiers.Identity(request.Classifier), request.MayMiss);
            var session = new CalibrationSession(samples, subject, sheet, request.Folder, request.KeepsUseless);
            if (request.WithoutPage)
                Print(session, request, session.Train(terminal, cancel));
            else
                LabelCommand.Serve(
                    new LabelPage(
                        session, terminal, () => CreateFragment(session, request), error => Print(session, request, error)),
                    session, request.Port, terminal, cancel);
            Terminal.WriteJson(new
            {
                feature = feature.Name,
                labels = LabellingSession.SheetIn(request.Folder),
                classifier = request.Classifier,
                @class = feature.Class,
                calibration = session.Written is null ? null : session.ResultPath,
                calibrationSha256 = session.Written?.Sha256,
                threshold = session.Written?.Calibration.Threshold,
                heldOut = _heldOut,
            });
            return ExitCodes.Passed;
        });
    }

    private static UndesiredFeature FindFeature(UnlearningPolicy policy, CalibrationRequest request)
    {
        if (!policy.Classifiers.ContainsKey(request.Classifier))
            throw new BadArgumentException(
                $"--calibrate: the policy has no classifier '{request.Classifier}'; it has: "
                + string.Join(", ", policy.Classifiers.Keys));
        var judged = policy.UndesiredFeatures
            .Where(feature => feature.Annotator == request.Classifier || feature.Auditor == request.Classifier).ToList();
        var names = string.Join(", ", judged.Select(feature => feature.Name));
        if (judged.Count == 0)
            throw new BadArgumentException(
                $"--calibrate: no undesired feature of the policy has '{request.Classifier}' as annotator or auditor");
        if (request.Feature is null && judged.Count > 1)
            throw new BadArgumentException($"'{request.Classifier}' judges several features; name one with --feature: {names}");
        return request.Feature is null
            ? judged[0]
            : judged.Find(feature => feature.Name == request.Feature) ?? throw new BadArgumentException(
                $"--feature: '{request.Classifier}' judges no feature '{request.Feature}' in the policy; it judges: {names}");
    }

    private static PolicyFragment CreateFragment(CalibrationSession session, CalibrationRequest request) =>
        PolicyFragment.ForCalibration(request.Classifier, session.ResultPath, session.Written!.Value.Sha256, request.Policy);

    private void Print(CalibrationSession session, CalibrationRequest request, HeldOutError error)
    {
        _heldOut = error;
        Terminal.WriteResultLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{session.ResultPath}: from the threshold {session.Written!.Value.Calibration.Threshold} on, it {error}"));
        if (error.Doubt is { } doubt)
            terminal.WriteStatus(doubt);
        var policy = CreateFragment(session, request);
        terminal.WriteStatus($"for {policy.Folder}:");
        terminal.WriteStatus(policy.Text);
    }
}

/// <summary>What the command line says about a calibration.</summary>
/// <param name="Policy">Path of the policy, as given.</param>
/// <param name="Classifier">Its name in the policy.</param>
/// <param name="Feature">Name of the feature; null where the classifier judges one alone.</param>
/// <param name="Folder">Where labels and calibration are written; a full path.</param>
/// <param name="MayMiss">Largest share of the learning images with the feature that may be missed.</param>
/// <param name="Count">Images that pages can choose from.</param>
/// <param name="Seed">Of the images.</param>
/// <param name="Port">Of the page; 0 for any.</param>
/// <param name="WithoutPage">Whether to choose by the existing labels, and serve no page.</param>
/// <param name="KeepsUseless">Whether to write a calibration whose counts are no better than chance.</param>
internal sealed record CalibrationRequest(
    string Policy, string Classifier, string? Feature, string Folder, double MayMiss, int Count, long Seed, int Port,
    bool WithoutPage, bool KeepsUseless);
