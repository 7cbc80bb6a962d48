using System.Text.Json;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Governing;

namespace AdaptThenUnlearn.Cli;

/// <summary>Checks a policy against the metadata in its classifiers' files, without building or running them.</summary>
/// <remarks>Files that are missing or cannot be read are skipped here; loading them gives the error.</remarks>
internal static class ClassifierFilesCheck
{
    private const string OutputsKey = "outputs";
    private const string ClassesKey = "classes";

    /// <summary>Reads the files and checks the policy against them.</summary>
    /// <param name="file">Must hold a policy.</param>
    /// <returns>Errors and warnings, each with its line and column.</returns>
    public static IReadOnlyList<BuildMessage> Check(PolicyFile file)
    {
        var inputs = new InputFiles(file.Policy, file.Path);
        var paths = inputs.EnumerateFiles().ToLookup(named => named.Role, named => named.Path);
        var found = file.Policy.Classifiers.ToDictionary(named => named.Key, named => Read(named.Key, named.Value, paths));
        var calibrations = file.Policy.Classifiers.Keys.ToDictionary(
            name => name, name => ReadCalibration(paths[InputRoles.Calibration(name)].FirstOrDefault()));
        return
        [
            .. file.Policy.Classifiers.Keys.SelectMany(name => CheckOutputs(file, name, found[name])),
            .. file.Policy.Classifiers.Where(named => named.Value.IsImageText)
                .SelectMany(named => CheckPrompts(file, named.Key, inputs, paths)),
            .. file.Policy.Classifiers.Keys
                .SelectMany(name => CheckCalibration(file, name, found[name]?.Identity, calibrations[name])),
            .. file.Policy.UndesiredFeatures.Index()
                .SelectMany(entry => CheckAuditor(file, entry.Index, entry.Item, found, calibrations)),
        ];
    }

    private static IEnumerable<BuildMessage> CheckOutputs(PolicyFile file, string name, StoredClassifier? stored)
    {
        var choice = file.Policy.Classifiers[name];
        if (stored?.Classes is { } classes
            && OutputKinds.SingleClassProblem(choice.Outputs ?? stored.Outputs, choice.Classes?.Count ?? classes) is { } problem)
            yield return file.CreateMessage($"$.classifiers.{name}.outputs", PolicyCodes.ImpossibleValue, problem);
    }

    // Tokens are counted and files are read, and no graph is run.
    private static IEnumerable<BuildMessage> CheckPrompts(
        PolicyFile file, string name, InputFiles inputs, ILookup<string, string> paths)
    {
        var choice = file.Policy.Classifiers[name];
        var files = ClassifierFile.ListFor(name, choice).Select(each => (each.Path, Full: paths[each.Role].First())).ToList();
        if (!files.TrueForAll(each => File.Exists(each.Full)))
            return [];
        try
        {
            ImageTextCheckpoint.CheckPrompts(choice, path => CheckpointFile.Open(files.Find(each => each.Path == path).Full));
            return [];
        }
        catch (PromptException unfit)
        {
            return [file.CreateMessage(
                ClassifierChoice.PromptProperty(name, unfit.Class, unfit.Index), PolicyCodes.UnknownName, unfit.Message)];
        }
        catch (CheckpointException unfit)
        {
            return [file.CreateMessage(
                inputs.FindProperty(unfit.Path) ?? $"$.classifiers.{name}", PolicyCodes.UnknownName, unfit.Message)];
        }
    }

    private static IEnumerable<BuildMessage> CheckCalibration(
        PolicyFile file, string name, string? identity, StoredCalibration stored)
    {
        var (at, path) = ($"$.classifiers.{name}.calibration", file.Policy.Classifiers[name].Calibration);
        if (stored.Problem is { } unreadable)
            yield return file.CreateMessage(at, PolicyCodes.UnknownName, $"'{path}' cannot be used: {unreadable}");
        else if (stored.Calibration is { } calibration
            && calibration.WhyNotOf(name, identity ?? calibration.Classifier, file.Policy.ClassesAskedOf(name)) is { } other)
            yield return file.CreateMessage(at, PolicyCodes.UnknownName, $"'{path}' {other}");
    }

    private static IEnumerable<BuildMessage> CheckAuditor(
        PolicyFile file,
        int number,
        UndesiredFeature feature,
        Dictionary<string, StoredClassifier?> found,
        Dictionary<string, StoredCalibration> calibrations)
    {
        var auditor = feature.Auditor ?? feature.Annotator;
        var place = FormattableString.Invariant($"$.undesiredFeatures[{number}].auditor");
        if (found.GetValueOrDefault(auditor) is not { } stored)
            yield break;

        if (feature.HasIndependentAuditor(file.Policy) && found.GetValueOrDefault(feature.Annotator)?.Sha256 == stored.Sha256)
            yield return file.CreateWarning(
                place, PolicyCodes.NoIndependentAuditor,
                "is a copy of the annotator's checkpoint: the classifier that labels the training feedback also measures the " +
                "result");

        // A calibration's counts are of the threshold that judges; the checkpoint's are of none where it keeps no scores.
        var known = file.Policy.Classifiers[auditor].Calibration is null
            ? HeldOut(stored.HeldOut, feature)
            : calibrations[auditor].Calibration?.Counts();
        if (known is not { } counts)
            yield break;
        if (counts.WhyBlind is { } blind)
            yield return file.CreateWarning(
                place, PolicyCodes.WeakClassifier, $"'{auditor}' cannot recognise the feature: {blind}; the feature will count " +
                    "as not measured");
        else if (counts.WhyWeak is { } weak)
            yield return file.CreateWarning(place, PolicyCodes.WeakClassifier, $"'{auditor}' is weak: {weak}");
    }

    private static DetectionCounts? HeldOut(HeldOutCounts? counts, UndesiredFeature feature) =>
        (feature.AuditorThreshold ?? feature.Threshold) is { } threshold
            && counts?.ForClass(feature.Class, threshold) is { } atThreshold
                ? atThreshold
                : counts?.ForClass(feature.Class);

    private static StoredClassifier? Read(string name, ClassifierChoice choice, ILookup<string, string> paths)
    {
        try
        {
            var opened = CheckpointFile.Open(paths[InputRoles.Classifier(name)].First());
            var read = CheckpointFormats.Detect(opened).IsProgram ? null : CheckpointFormats.Read(opened);
            var metadata = read?.Metadata ?? new Dictionary<string, string>();
            return new StoredClassifier(
                opened.Sha256, CountClasses(metadata), metadata.GetValueOrDefault(OutputsKey),
                read is null ? null : ClassifierCheckpoint.HeldOutIn(read), ClassifierIdentity.Compute(
                    [.. ClassifierFile.ListFor(name, choice).Select(file => CheckpointFile.Open(paths[file.Role].First()))],
                    choice));
        }
        catch (Exception unreadable)
            when (unreadable is CheckpointException or FormatException or KeyNotFoundException or JsonException)
        {
            return null;
        }
    }

    private static StoredCalibration ReadCalibration(string? path)
    {
        try
        {
            return new StoredCalibration(
                path is not null && Path.Exists(path) ? ClassifierCalibrationFile.Read(path).Calibration : null, Problem: null);
        }
        catch (LabelException unreadable)
        {
            return new StoredCalibration(Calibration: null, unreadable.Message);
        }
    }

    private static int? CountClasses(IReadOnlyDictionary<string, string> metadata)
    {
        try
        {
            return metadata.TryGetValue(ClassesKey, out var text) ? JsonSerializer.Deserialize<string[]>(text)?.Length : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    // Classes is the number of classes, or null if the file does not name them.
    private sealed record StoredClassifier(
        string Sha256, int? Classes, string? Outputs, HeldOutCounts? HeldOut, string Identity);

    // Both are null where the policy names none, or the file is missing.
    private sealed record StoredCalibration(ClassifierCalibration? Calibration, string? Problem);
}
