using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Torch.Governing;

/// <summary>
/// Where the files are that a policy names: their paths, their roles in the run, and the properties that name them.
/// </summary>
/// <param name="policy">Names the files.</param>
/// <param name="policyFile">The policy's own file; other paths are relative to its folder.</param>
/// <param name="partsOf">The further files of a checkpoint that is an index of several; empty for any other.</param>
internal sealed class InputPaths(UnlearningPolicy policy, string policyFile, Func<string, IReadOnlyList<string>> partsOf)
{
    private readonly string _folder = Path.GetDirectoryName(Path.GetFullPath(policyFile))!;

    /// <summary>
    /// Path of the generator's checkpoint, of the folder of its images, or of the folder in which its command works.
    /// </summary>
    public string Generator => policy.Generator switch
    {
        { Checkpoint: { } checkpoint } => Resolve(checkpoint),
        { Images: { } images } => Path.TrimEndingDirectorySeparator(Resolve(images)),
        _ => _folder,
    };

    /// <summary>The full path of a file that the policy names.</summary>
    /// <remarks>
    /// Policies travel between systems: a path with backslashes is read with slashes, unless a file has that very name. A file of
    /// a package is found where NuGet restores it.
    /// </remarks>
    /// <param name="path">As the policy has it.</param>
    public string Resolve(string path)
    {
        if (PackagePath.IsInPackage(path))
            return PackagePath.Locate(path);

        var written = Path.Combine(_folder, path);
        var isOwnStyle = Path.DirectorySeparatorChar == '\\' || !path.Contains('\\', StringComparison.Ordinal);
        return isOwnStyle || Path.Exists(written) ? written : Path.Combine(_folder, path.Replace('\\', '/'));
    }

    /// <summary>Every file and folder that a run reads, with its role, the policy's own file first.</summary>
    /// <param name="lockFile">The policy's lock; null without one.</param>
    public IEnumerable<(string Role, string Path)> EnumerateFiles(string? lockFile = null) =>
    [
        (InputRoles.Policy, Path.GetFullPath(policyFile)),
        .. lockFile is null ? Array.Empty<(string, string)>() : [(InputRoles.Lock, Path.GetFullPath(lockFile))],
        .. EnumerateNamed().Select(named => (named.Role, named.Path)),
    ];

    /// <summary>
    /// JSON path of the property that names a file, or else the innermost named folder in which it lies; null where none does.
    /// </summary>
    /// <param name="path">Of the file.</param>
    public string? FindProperty(string path)
    {
        var wanted = Path.GetFullPath(path);
        return EnumerateNamed()
            .Select(named => (named.Property, Path: Path.TrimEndingDirectorySeparator(Path.GetFullPath(named.Path))))
            .Where(
                named => named.Path == wanted
                    || wanted.StartsWith(named.Path + Path.DirectorySeparatorChar, StringComparison.Ordinal))
            .MaxBy(named => named.Path.Length).Property;
    }

    /// <summary>
    /// The folders of images that the policy gives for training and for attacks, with their roles and the properties that name
    /// them.
    /// </summary>
    public IEnumerable<(string Role, string Property, string Path)> EnumerateImageFolders()
    {
        foreach (var (number, feature) in policy.UndesiredFeatures.Index())
            if (feature.Negatives is { } negatives)
                yield return (InputRoles.Negatives(feature.Name), NegativesProperty(number), Resolve(negatives));
        if (policy.Unlearning.Positives is { } positives)
            yield return (InputRoles.Positives, "$.unlearning.positives", Resolve(positives));
        foreach (var (number, audit) in (policy.Audits ?? []).Index())
            if (audit.Images is { } images)
                yield return (
                    InputRoles.AttackImages, FormattableString.Invariant($"$.audits[{number}].images"), Resolve(images));
    }

    /// <summary>JSON path of a classifier's calibration.</summary>
    /// <param name="classifier">Its name in the policy.</param>
    public static string CalibrationProperty(string classifier) => $"$.classifiers.{classifier}.calibration";

    /// <summary>JSON path of a feature's folder of negatives.</summary>
    /// <param name="feature">Position of the feature in the policy.</param>
    public static string NegativesProperty(int feature) =>
        FormattableString.Invariant($"$.undesiredFeatures[{feature}].negatives");

    private IEnumerable<(string Role, string Property, string Path)> EnumerateNamed() =>
        EnumeratePolicyFiles().Concat(EnumerateImageFolders());

    private IEnumerable<(string Role, string Property, string Path)> EnumeratePolicyFiles()
    {
        foreach (var generator in EnumerateGenerator())
            yield return generator;
        foreach (var (role, path) in policy.Generator.Discriminator is { } discriminator
            ? WithParts(InputRoles.Discriminator, Resolve(discriminator))
            : [])
            yield return (role, "$.generator.discriminator", path);
        foreach (var (index, form) in (policy.Generator.ShippedAs ?? []).Index())
            foreach (var (role, path) in WithParts(InputRoles.ShippedForm(form.NameInEffect), Resolve(form.Checkpoint)))
                yield return (role, FormattableString.Invariant($"$.generator.shippedAs[{index}].checkpoint"), path);
        foreach (var file in policy.Classifiers.SelectMany(named => ClassifierFile.ListAll(named.Key, named.Value)))
            foreach (var (role, path) in WithParts(file.Role, Resolve(file.Path)))
                yield return (role, file.Property, path);
        foreach (var (role, path) in policy.Quality?.ExtractorWeights is { } weights
            ? WithParts(InputRoles.Extractor, Resolve(weights))
            : [])
            yield return (role, "$.quality.extractorWeights", path);
        if (policy.Quality is { } quality && quality.Reference != QualityReading.OriginalGenerator)
            yield return (InputRoles.Reference, "$.quality.reference", Resolve(quality.Reference));
        if (policy.Unlearning.Data is { } data)
            yield return (InputRoles.TrainingData, "$.unlearning.data", Resolve(data));
    }

    private IEnumerable<(string Role, string Property, string Path)> EnumerateGenerator() => policy.Generator switch
    {
        { Images: not null } => [(InputRoles.Generator, "$.generator.images", Generator)],
        { Command: not null } => (policy.Generator.Files ?? []).Select((file, index) => (
            InputRoles.Part(InputRoles.Generator, index + 1), FormattableString.Invariant($"$.generator.files[{index}]"),
            Resolve(file))),
        _ => WithParts(InputRoles.Generator, Generator).Select(named => (named.Role, "$.generator.checkpoint", named.Path)),
    };

    private IEnumerable<(string Role, string Path)> WithParts(string role, string path) =>
        partsOf(path).Select((part, index) => (InputRoles.Part(role, index + 1), part)).Prepend((role, path));
}
