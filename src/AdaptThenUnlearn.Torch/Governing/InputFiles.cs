using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.Dcgan;
using AdaptThenUnlearn.Torch.Models.Mlp;
using AdaptThenUnlearn.Torch.Models.Sequence;
using AdaptThenUnlearn.Torch.Pretraining;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Governing;

/// <summary>The files that a policy names, resolved against its own folder.</summary>
/// <param name="policy">Names them.</param>
/// <param name="policyFile">The policy's own file.</param>
public sealed class InputFiles(UnlearningPolicy policy, string policyFile)
{
    private readonly string _folder = Path.GetDirectoryName(Path.GetFullPath(policyFile))!;
    private OpenedInputs? _opened;

    /// <summary>SHA-256 of the policy file's bytes when its text was read; where nobody says, the file is hashed when the others are.</summary>
    public string? PolicySha256 { get; init; }

    private readonly List<Remark> _remarks = [];

    /// <summary>What was assumed about the inputs or noticed in them so far, each once, in the order in which it was noted.</summary>
    public IReadOnlyList<Remark> Remarks => _remarks;

    /// <summary>Notes what was assumed about an input or noticed in it; the same remark is kept once.</summary>
    /// <param name="about">The input, as the record names it.</param>
    /// <param name="text">One or two sentences.</param>
    /// <param name="isWarning">Whether a reader must see it beside the verdict.</param>
    public void AddRemark(string about, string text, bool isWarning = false)
    {
        var remark = new Remark(about, text, isWarning);
        if (!_remarks.Contains(remark))
            _remarks.Add(remark);
    }

    /// <summary>Path of the generator's checkpoint.</summary>
    public string Generator => Resolve(policy.Generator.Checkpoint);

    /// <summary>Name of the file that is released after training: the policy's, in the format and with the ending of the generator's checkpoint; several files become one.</summary>
    public string ArtifactName => policy.Name + (GeneratorParts.Count > 0 ? ".safetensors" : Path.GetExtension(Generator));

    /// <summary>Name of the file that is released when the generator passes as it is; where it is an index, the files it names keep their names.</summary>
    public string CopyName => policy.Name + (GeneratorParts.Count > 0 ? ".safetensors.index.json" : Path.GetExtension(Generator));

    /// <summary>Files beside the generator's checkpoint that belong to it.</summary>
    public IReadOnlyList<string> GeneratorParts => PartsOf(Generator);

    /// <summary>Bytes of the generator's checkpoint, twice where a discriminator of its size must be made; 0 where it is missing.</summary>
    public long GeneratorBytes => GeneratorParts.Prepend(Generator).Select(path => new FileInfo(path)).Where(file => file.Exists).Sum(file => file.Length) * (LacksDiscriminator ? 2 : 1);

    /// <summary>Whether the generator came without its discriminator, so that one must be warmed up should it have to be unlearned; false where the checkpoint cannot be read, which loading it will say.</summary>
    public bool LacksDiscriminator
    {
        get
        {
            try
            {
                return policy.Generator.Discriminator is null && GeneratorCheckpoint.HasGeneratorOnly(CheckpointFormats.Read(UnhashedGenerator, policy.Generator.Format), policy.Generator.Layers);
            }
            catch (CheckpointException)
            {
                return false;
            }
        }
    }

    /// <summary>What would have to be assumed about the generator's layers, in a sentence; null where nothing would, or the checkpoint cannot be read, which loading it will say.</summary>
    public string? GeneratorAssumption
    {
        get
        {
            try
            {
                return policy.Generator.Format == GeneratorChoice.TorchScript ? null : GeneratorCheckpoint.Describe(CheckpointFormats.Read(UnhashedGenerator, policy.Generator.Format), policy.Generator.Layers)?.Assumed;
            }
            catch (CheckpointException)
            {
                return null;
            }
        }
    }

    /// <summary>
    /// Why the policy's samples are few for the distance of its extractor's features; null where they are not, or where the extractor is no classifier that
    /// shows how many features it makes.
    /// </summary>
    public string? TooFewSamplesReason
    {
        get
        {
            if (policy.Quality is not { } quality || !policy.Classifiers.TryGetValue(quality.Extractor, out var choice) || choice.Format == GeneratorChoice.TorchScript)
                return null;

            try
            {
                var file = CheckpointFormats.Read(CheckpointFile.OpenUnhashed(Resolve(choice.Checkpoint)), choice.Format ?? CheckpointFormats.Auto);
                return ClassifierCheckpoint.FeatureSize(file) is { } features ? quality.WhyTooFewImages(features, policy.Evaluation) : null;
            }
            catch (CheckpointException)
            {
                return null;
            }
        }
    }

    /// <summary>Opens every file anew and hashes it; what is loaded from here on are the bytes that were hashed.</summary>
    /// <param name="folder">The run's, against which paths are recorded.</param>
    /// <param name="cancel">Ends it within a file.</param>
    /// <returns>Every file that is read, with its digest; that of a missing one is empty, and loading it says more.</returns>
    public IReadOnlyList<InputFile> Open(RunFolder folder, CancellationToken cancel) =>
        [.. Open(cancel).Select(file => new InputFile(file.Role, folder.Relative(file.Path), file.Sha256))];

    /// <inheritdoc cref="Open(RunFolder, CancellationToken)"/>
    public IReadOnlyList<(string Role, string Path, string Sha256)> Open(CancellationToken cancel)
    {
        _opened = new OpenedInputs();
        return [.. EnumerateFiles().Select(file => (file.Role, file.Path, (file.Role == InputRoles.Policy ? PolicySha256 : null) ?? _opened.Digest(file.Path, cancel) ?? ""))];
    }

    /// <summary>The digest that each file has now, by its role; null for one that has gone.</summary>
    /// <param name="cancel">Ends it within a file.</param>
    public IReadOnlyDictionary<string, string?> ComputeDigests(CancellationToken cancel) =>
        EnumerateFiles().ToDictionary(file => file.Role, file => Sha256Digest.FindAt(file.Path, cancel));

    /// <summary>Every file that is read, by its role.</summary>
    public IEnumerable<(string Role, string Path)> EnumerateFiles() =>
        EnumeratePolicyFiles().Concat(EnumerateImageFolders()).Select(named => (named.Role, named.Path)).Prepend((InputRoles.Policy, Path.GetFullPath(policyFile)));

    /// <summary>JSON path of the property that names a file, or else the innermost folder in which it lies; null where none does.</summary>
    /// <param name="path">Of the file.</param>
    public string? FindProperty(string path)
    {
        var wanted = Path.GetFullPath(path);
        return EnumeratePolicyFiles().Concat(EnumerateImageFolders()).Select(named => (named.Property, Path: Path.TrimEndingDirectorySeparator(Path.GetFullPath(named.Path))))
            .Where(named => named.Path == wanted || wanted.StartsWith(named.Path + Path.DirectorySeparatorChar, StringComparison.Ordinal))
            .MaxBy(named => named.Path.Length).Property;
    }

    /// <summary>The generator's checkpoint, as it was hashed.</summary>
    /// <exception cref="CheckpointException">It cannot be opened.</exception>
    public CheckpointFile OriginalFile => Opened.Checkpoint(Generator);

    /// <summary>A file that the policy names, as it was hashed.</summary>
    /// <param name="path">Its full path.</param>
    /// <exception cref="IOException">It cannot be opened.</exception>
    internal HashedFile OpenHashed(string path) => Opened.File(path);

    /// <summary>Loads the generator with its discriminator; what had to be assumed about it is noted.</summary>
    /// <exception cref="CheckpointException">It cannot be read, or is not what the policy says.</exception>
    public LoadedGenerator LoadGenerator(Device device)
    {
        var loaded = GeneratorCheckpoint.Load(
            OriginalFile, policy.Generator.Format, policy.Generator.Sha256, policy.Generator.Discriminator is { } discriminator ? Opened.Checkpoint(Resolve(discriminator)) : null, device,
            latentSize: policy.Generator.LatentSize, layers: policy.Generator.Layers);
        foreach (var note in loaded.Notes)
            AddRemark(InputRoles.Generator, note);
        if (loaded.Assumed is { } assumed)
            AddRemark(InputRoles.Generator, $"its weights do not tell what it computes; assumed: {assumed.Sentence}", isWarning: true);
        if (policy.Generator.Layers is { } stated)
            AddRemark(InputRoles.Generator, $"its weights do not tell its layers; the policy states them: {string.Join(", ", stated)}");
        if (loaded.Discriminator is DcganDiscriminator or MlpDiscriminator)
            AddRemark(InputRoles.Discriminator, "its weights do not tell what it computes; assumed: leaky ReLU of slope 0.2, batch normalisation with eps 1e-5, one score at the end. It decides nothing that is measured");
        if (loaded.Generator is SequentialGenerator { EndsInUnitRange: true })
            AddRemark(InputRoles.Generator, "it ends in Sigmoid: its outputs, 0 to 1, are taken for images from black to white");
        return loaded;
    }

    /// <summary>Loads the classifiers.</summary>
    /// <param name="images">What the generator makes.</param>
    /// <param name="device">Where they go.</param>
    /// <exception cref="CheckpointException">One cannot be read.</exception>
    /// <exception cref="PolicyMismatchException">One does not fit the policy or the generator.</exception>
    /// <exception cref="ImageFileException">An image that the policy says shows a feature cannot be read.</exception>
    public PolicyClassifiers LoadClassifiers(ImageShape images, Device device)
    {
        var classifiers = PolicyClassifiers.Load(policy, Resolve, Opened.Checkpoint, images, device);
        try
        {
            TestAuditorsOnGivenImages(classifiers, images);
            return classifiers;
        }
        catch
        {
            classifiers.Dispose();
            throw;
        }
    }

    /// <summary>Loads what retained images should look like; null where the policy asks for no quality.</summary>
    /// <param name="classifiers">Of the policy.</param>
    /// <param name="original">Serves as reference where the policy says so.</param>
    /// <param name="evaluation">Draws its images then, from a seed of their own.</param>
    /// <param name="progress">Told of the images looked at so far, where images are looked at.</param>
    /// <param name="cancel">Ends it between two batches of images.</param>
    /// <exception cref="CheckpointException">It cannot be read.</exception>
    /// <exception cref="PolicyMismatchException">It does not fit the policy.</exception>
    public QualityReference? LoadReference(
        PolicyClassifiers classifiers, LoadedGenerator original, EvaluationImages evaluation, IProgress<StageProgress> progress, CancellationToken cancel)
    {
        if (policy.Quality is not { } quality || classifiers.Extractor is not { } extractor)
            return null;

        if (quality.WhyTooFewImages(extractor.Extractor.FeatureSize, policy.Evaluation) is { } few)
            AddRemark("quality", few, isWarning: true);
        using var scope = NewDisposeScope();
        IReadOnlyList<string> undesired = [.. policy.UndesiredFeatures.Select(feature => feature.Class).Distinct()];
        if (quality.Reference == QualityReading.OriginalGenerator)
        {
            var own = evaluation.ForReference();
            return OfImages(EvaluationImages.EnumerateBatches(policy.Evaluation.Samples).Select(batch => own.Draw(original.Generator, batch)), policy.Evaluation.Samples, QualityReading.OriginalReference(original.Sha256));
        }

        var path = Resolve(quality.Reference);
        var digest = Opened.Digest(path, cancel) ?? throw new CheckpointException(path, "is missing or cannot be read", "quality.reference names a statistics file (see `atu reference`), a folder of images, or original-generator");
        if (Directory.Exists(path))
        {
            var pictures = PictureFolder.List(path);
            AddRemark(InputRoles.Reference, pictures.Summary);
            CheckFit(ImageFolder.SizeOf(pictures.Files));
            return OfImages(ImageFolder.Batches(pictures.Files, original.Generator.Shape.Channels, EvaluationImages.BatchSize, Opened.Folder(path, cancel)), pictures.Files.Count, digest);
        }

        if (FeatureMoments.IsFile(path))
            return QualityReference.Create(FeatureMoments.Read(path, Opened.File(path, cancel)), digest, undesired, extractor);

        using var reference = ReferenceStatistics.Load(Opened.Checkpoint(path));
        return QualityReference.Create(reference, digest, undesired, extractor);

        QualityReference OfImages(IEnumerable<Tensor> batches, int count, string name)
        {
            var seen = 0;
            return QualityReference.Create(batches.Select(Counted), name, extractor.Extractor, QualityReference.ExclusionRules(policy, classifiers));

            Tensor Counted(Tensor batch)
            {
                cancel.ThrowIfCancellationRequested();
                seen += (int)batch.shape[0];
                progress.Report(new StageProgress("looking at the reference", seen, count, Losses: null));
                return batch;
            }
        }

        // All have the size of the first, or reading them says which does not.
        void CheckFit((int Width, int Height) size)
        {
            var taken = original.Generator.Shape;
            if (size.Width != taken.Resolution || size.Height != taken.Resolution)
                throw new PolicyMismatchException("$.quality.reference", FormattableString.Invariant(
                    $"the folder's images are {size.Width}×{size.Height} pixels, the generator makes {taken}, and the classifiers look at both"));
        }
    }

    /// <summary>Whether the images that the policy gives for training are there, and have the generator's size; of <c>unlearning.data</c>, whose size its method says, only the former.</summary>
    /// <param name="images">What the generator makes.</param>
    /// <exception cref="ImageFileException">A folder is missing or empty, or an image cannot be decoded.</exception>
    /// <exception cref="PolicyMismatchException">An image has another size.</exception>
    public void CheckGivenImages(ImageShape images)
    {
        if (policy.Unlearning.Data is { } data && !Directory.Exists(Resolve(data)))
            throw new ImageFileException(Resolve(data), "the folder with the real images is missing");
        if (policy.Unlearning.Data is { } training)
            AddRemark(InputRoles.TrainingData, TrainingImages.Summary(Resolve(training)));
        foreach (var (role, property, folder) in EnumerateImageFolders())
        {
            var pictures = PictureFolder.List(folder);
            AddRemark(role, pictures.Summary);
            RequireSize(property, pictures, images);
        }
    }

    /// <summary>Loads the images that the policy gives for training; as grey or as colours as the generator's.</summary>
    /// <param name="images">What the generator makes.</param>
    /// <param name="device">Where they go.</param>
    /// <returns>Belongs to the caller.</returns>
    /// <exception cref="ImageFileException">A folder is missing or empty, an image cannot be decoded, or their sizes differ.</exception>
    public GivenImages LoadGivenImages(ImageShape images, Device device)
    {
        return new GivenImages(
            policy.UndesiredFeatures.Where(feature => feature.Negatives is not null).ToDictionary(feature => feature.Name, feature => Read(feature.Negatives!)),
            policy.Unlearning.Positives is { } positives ? Read(positives) : null);

        Tensor Read(string folder)
        {
            using var scope = NewDisposeScope();
            return ImageFolder.Read(Resolve(folder), images.Channels, TryOpenFolder(Resolve(folder))).to(device).DetachFromDisposeScope();
        }
    }

    // What the policy says shows a feature is what its auditor can be tried on.
    private void TestAuditorsOnGivenImages(PolicyClassifiers classifiers, ImageShape images)
    {
        using var scope = NewDisposeScope();
        foreach (var (number, feature) in policy.UndesiredFeatures.Index().Where(entry => entry.Item.Negatives is not null))
        {
            var pictures = PictureFolder.List(Resolve(feature.Negatives!));
            RequireSize(FormattableString.Invariant($"$.undesiredFeatures[{number}].negatives"), pictures, images);
            classifiers.TestAuditor(feature, ImageFolder.Read(pictures.Folder, images.Channels, TryOpenFolder(Resolve(feature.Negatives!))));
        }
    }

    private static void RequireSize(string property, PictureFolder pictures, ImageShape images)
    {
        if (ImageFolder.FirstUnfit(pictures.Files, images.Resolution) is { } unfit)
            throw new PolicyMismatchException(
                property, FormattableString.Invariant($"{unfit.File} is {unfit.Width}×{unfit.Height} pixels, the generator makes {images.Resolution}×{images.Resolution}; bring the folder's images to that size"));
    }

    private IEnumerable<(string Role, string Property, string Path)> EnumeratePolicyFiles()
    {
        foreach (var (role, path) in WithParts(InputRoles.Generator, Generator))
            yield return (role, "$.generator.checkpoint", path);
        foreach (var (role, path) in policy.Generator.Discriminator is { } discriminator ? WithParts(InputRoles.Discriminator, Resolve(discriminator)) : [])
            yield return (role, "$.generator.discriminator", path);
        foreach (var (name, choice) in policy.Classifiers)
        {
            foreach (var (role, path) in WithParts(InputRoles.Classifier(name), Resolve(choice.Checkpoint)))
                yield return (role, $"$.classifiers.{name}.checkpoint", path);
        }

        foreach (var (role, path) in policy.Quality?.ExtractorWeights is { } weights ? WithParts(InputRoles.Extractor, Resolve(weights)) : [])
            yield return (role, "$.quality.extractorWeights", path);
        if (policy.Quality is { } quality && quality.Reference != QualityReading.OriginalGenerator)
            yield return (InputRoles.Reference, "$.quality.reference", Resolve(quality.Reference));
        if (policy.Unlearning.Data is { } data)
            yield return (InputRoles.TrainingData, "$.unlearning.data", Resolve(data));
    }

    // Folders of images to train on.
    private IEnumerable<(string Role, string Property, string Path)> EnumerateImageFolders()
    {
        foreach (var (number, feature) in policy.UndesiredFeatures.Index())
            if (feature.Negatives is { } negatives)
                yield return (InputRoles.Negatives(feature.Name), FormattableString.Invariant($"$.undesiredFeatures[{number}].negatives"), Resolve(negatives));
        if (policy.Unlearning.Positives is { } positives)
            yield return (InputRoles.Positives, "$.unlearning.positives", Resolve(positives));
    }

    /// <summary>The unlearning options with their data folder resolved.</summary>
    public UnlearningOptions WithResolvedData(UnlearningOptions options) => options.Data is { } data ? options with { Data = Resolve(data) } : options;

    private IEnumerable<(string Role, string Path)> WithParts(string role, string path) =>
        PartsOf(path).Select((part, index) => (InputRoles.Part(role, index + 1), part)).Prepend((role, path));

    private OpenedInputs Opened => _opened ??= new OpenedInputs();

    // For hints alone: before a run has opened its files, this one is not hashed.
    private CheckpointFile UnhashedGenerator => _opened?.Checkpoint(Generator) ?? CheckpointFile.OpenUnhashed(Generator);

    private IReadOnlyList<string> PartsOf(string path) => _opened is { } opened ? opened.PartsOf(path) : CheckpointFormats.FurtherFiles(path);

    // Null where it cannot be hashed; reading it says why.
    private HashedFolder? TryOpenFolder(string folder) => Directory.Exists(folder) ? Opened.Folder(folder) : null;

    // Policies travel between systems: a path of Windows is one of its folders too, unless a file has that very name.
    private string Resolve(string path)
    {
        var written = Path.Combine(_folder, path);
        return Path.DirectorySeparatorChar == '\\' || !path.Contains('\\', StringComparison.Ordinal) || Path.Exists(written)
            ? written
            : Path.Combine(_folder, path.Replace('\\', '/'));
    }
}
