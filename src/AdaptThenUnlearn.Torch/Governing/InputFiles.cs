using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Attacks;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.Sequence;
using AdaptThenUnlearn.Torch.Sources;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Governing;

/// <summary>The files that a policy names: opened and hashed once, then loaded from the bytes that were hashed.</summary>
public sealed class InputFiles
{
    /// <summary>Stands behind the policy's name in the name of a generator that may not be released.</summary>
    internal const string Rejected = ".rejected";

    private readonly UnlearningPolicy _policy;
    private readonly InputPaths _paths;
    private readonly List<Remark> _remarks = [];
    private OpenedInputs? _opened;

    /// <summary>Names the files; none is opened yet.</summary>
    /// <param name="policy">Names them.</param>
    /// <param name="policyFile">The policy's own file; other paths are relative to its folder.</param>
    public InputFiles(UnlearningPolicy policy, string policyFile)
    {
        _policy = policy;
        _paths = new InputPaths(policy, policyFile, PartsOf);
    }

    /// <summary>
    /// SHA-256 of the policy file's bytes when its text was read. Where it is null, the policy file is hashed with the others.
    /// </summary>
    public string? PolicySha256 { get; init; }

    /// <summary>The policies that the policy builds on, the nearest first.</summary>
    public IReadOnlyList<PolicyBase> Bases { get; init; } = [];

    /// <summary>The policy's lock file, where the run is made under one.</summary>
    public string? LockFile { get; init; }

    /// <summary>SHA-256 of the lock file's bytes when it was read.</summary>
    public string? LockSha256 { get; init; }

    /// <summary>The record of the last accepted run, with which the run is compared; null without one.</summary>
    public AcceptedRun? Accepted { get; init; }

    /// <summary>
    /// What was assumed about the inputs or noticed in them so far, each once, in the order in which it was noted.
    /// </summary>
    public IReadOnlyList<Remark> Remarks => _remarks;

    /// <summary>What can be known of the files before a run has opened them.</summary>
    public InputHints Hints => new(_policy, this);

    /// <summary>Whether the generator is a folder of images or a command; a listing stands for it in a run's folder.</summary>
    internal bool IsListed => _policy.Generator.IsSample;

    /// <summary>Whether a command makes the images.</summary>
    internal bool IsCommand => _policy.Generator.Command is not null;

    /// <summary>Name of the policy.</summary>
    public string PolicyName => _policy.Name;

    /// <summary>Names of the pictures of attacks that a run may write, relative to its folder.</summary>
    internal IEnumerable<string> AttackPictures => AuditAttacks.PictureNames(_policy);

    /// <summary>Names of the files of finished attacks that a run may write, relative to the folder of its states.</summary>
    internal IEnumerable<string> AttackCells => AuditAttacks.CellNames(_policy);

    /// <inheritdoc cref="InputPaths.Generator"/>
    public string Generator => _paths.Generator;

    /// <summary>Files beside the generator's checkpoint that belong to it.</summary>
    public IReadOnlyList<string> GeneratorParts => _policy.Generator.IsSample ? [] : PartsOf(Generator);

    // Ending of the released file: that of the checkpoint, or of the listing of a folder or a command.
    private string Ending => GeneratorSource.EndingFor(_policy.Generator)
        ?? (GeneratorParts.Count > 0 ? ".safetensors" : Path.GetExtension(Generator));

    /// <summary>
    /// Name of the file that is released after training: the policy's name with the ending of the generator's checkpoint.
    /// </summary>
    /// <remarks>Where the checkpoint is an index of several files, the released generator is one file.</remarks>
    public string ArtifactName => _policy.Name + Ending;

    /// <summary>Name of the file that is released when the generator passes as it is.</summary>
    /// <remarks>Where the checkpoint is an index of several files, the files that it names keep their names.</remarks>
    public string CopyName => _policy.Name + (GeneratorParts.Count > 0 ? ".safetensors.index.json" : Ending);

    /// <summary>Name of the file that may not be released, and of a trained one until it is known that it may.</summary>
    /// <remarks>Where the checkpoint is an index of several files, the rejected generator is one file.</remarks>
    public string RejectedName => _policy.Name + Rejected + Ending;

    /// <summary>
    /// Size of the generator's checkpoint in bytes, doubled where a discriminator of its size must be made; 0 where the file is
    /// missing, and for a folder of images or a command.
    /// </summary>
    public long GeneratorBytes
    {
        get
        {
            if (_policy.Generator.IsSample)
                return 0;

            var files = GeneratorParts.Prepend(Generator).Select(path => new FileInfo(path)).Where(file => file.Exists);
            return files.Sum(file => file.Length) * (Hints.LacksDiscriminator ? 2 : 1);
        }
    }

    /// <summary>The generator's checkpoint, as it was hashed.</summary>
    /// <exception cref="CheckpointException">It cannot be opened.</exception>
    public CheckpointFile OriginalFile => Opened.Checkpoint(Generator);

    /// <summary>The files that are open; those that are not yet are opened when they are asked for.</summary>
    internal OpenedInputs Opened => _opened ??= new OpenedInputs();

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

    /// <summary>Every file and folder that a run reads, with its role, the policy's own file first.</summary>
    public IEnumerable<(string Role, string Path)> EnumerateFiles() =>
    [
        .. _paths.EnumerateFiles(LockFile),
        .. Bases.Select((basis, index) => (
            InputRoles.PolicyBase(index + 1), Path.GetFullPath(PackagePath.LocateFrom("", basis.Path)))),
        .. Accepted is { } accepted ? [(InputRoles.Baseline, accepted.Path)] : Array.Empty<(string, string)>(),
    ];

    /// <inheritdoc cref="InputPaths.FindProperty"/>
    public string? FindProperty(string path) => _paths.FindProperty(path);

    /// <summary>The unlearning options with the full path of their data folder.</summary>
    public UnlearningOptions WithResolvedData(UnlearningOptions options) =>
        options.Data is { } data ? options with { Data = Resolve(data) } : options;

    /// <summary>Opens every file again and hashes it. What is loaded from here on are the bytes that were hashed.</summary>
    /// <param name="folder">The run's folder; paths are recorded relative to it.</param>
    /// <param name="cancel">Ends hashing, also within a file.</param>
    /// <returns>Every file with its digest. The digest of a missing file is empty: loading the file says more.</returns>
    public IReadOnlyList<InputFile> Open(RunFolder folder, CancellationToken cancel) =>
    [
        .. Open(cancel).Select(file => new InputFile(
            file.Role, file.Path == GeneratorSource.CommandFile ? file.Path : folder.Relative(file.Path), file.Sha256)),
    ];

    /// <inheritdoc cref="Open(RunFolder, CancellationToken)"/>
    public IReadOnlyList<(string Role, string Path, string Sha256)> Open(CancellationToken cancel)
    {
        var opened = _opened = new OpenedInputs();
        return
        [
            .. EnumerateFiles().Select(file => (file.Role, file.Path, Digest(file.Role, file.Path))),
            .. _policy.Generator.Command is null
                ? Array.Empty<(string, string, string)>()
                : [(InputRoles.Generator, GeneratorSource.CommandFile, Sha256Digest.Compute(DescribeCommand().Span))],
        ];

        string Digest(string role, string path)
        {
            var known = role switch
            {
                InputRoles.Policy => PolicySha256,
                InputRoles.Lock => LockSha256,
                InputRoles.Baseline => Accepted?.Baseline.Sha256,
                _ => Bases.Where((_, index) => InputRoles.PolicyBase(index + 1) == role).FirstOrDefault()?.Sha256,
            };
            return known ?? opened.Digest(path, cancel) ?? "";
        }
    }

    /// <summary>The digest that each file has now, by its role; null for a file that is missing.</summary>
    /// <param name="cancel">Ends hashing, also within a file.</param>
    public IReadOnlyDictionary<string, string?> ComputeDigests(CancellationToken cancel)
    {
        var digests = EnumerateFiles().ToDictionary(file => file.Role, file => Sha256Digest.FindAt(file.Path, cancel));
        if (_policy.Generator.Command is not null)
            digests[InputRoles.Generator] = Sha256Digest.Compute(CommandDescription.Write(
                _policy.Generator, file => Sha256Digest.FindAt(Resolve(file), cancel)).Span);
        return digests;
    }

    /// <summary>
    /// The listing of a folder of images or a command, as it was hashed: its SHA-256 is the generator's digest; null for a
    /// checkpoint.
    /// </summary>
    internal ReadOnlyMemory<byte>? FindListing()
    {
        if (!IsListed)
            return null;

        return IsCommand ? DescribeCommand() : Opened.Folder(Generator).Listing;
    }

    // A file that is missing has no digest: loading the command says which it is.
    private ReadOnlyMemory<byte> DescribeCommand() =>
        CommandDescription.Write(_policy.Generator, file => Opened.Digest(Resolve(file), CancellationToken.None));

    /// <summary>Loads the generator with its discriminator, and notes what had to be assumed about them.</summary>
    /// <param name="device">Where the networks go.</param>
    /// <param name="cancel">Ends the command that makes the images, where there is one, whenever it runs.</param>
    /// <returns>Belongs to the caller.</returns>
    /// <exception cref="CheckpointException">The checkpoint cannot be read, or is not what the policy says.</exception>
    /// <exception cref="ImageFileException">A folder of images cannot be read, or its sizes differ.</exception>
    /// <exception cref="PolicyMismatchException">A folder holds too few images, or a command does not fit the policy.</exception>
    /// <exception cref="Diagnostics.RunException">The command fails, or writes something else than was asked.</exception>
    public LoadedGenerator LoadGenerator(Device device, CancellationToken cancel = default)
    {
        var choice = _policy.Generator;
        if (choice.IsSample)
            return LoadSample(choice, cancel);

        var original = OriginalFile;
        var discriminator = choice.Discriminator is { } path ? Opened.Checkpoint(Resolve(path)) : null;
        var loaded = GeneratorCheckpoint.Load(
            original, choice.Format, choice.Sha256, discriminator, device, latentSize: choice.LatentSize, layers: choice.Layers,
            graph: GraphUse.From(choice));
        NoteAssumptions(loaded);
        return loaded;
    }

    private LoadedGenerator LoadSample(GeneratorChoice choice, CancellationToken cancel)
    {
        // Refuse what is missing, or is not the pinned one, before a command is run.
        if (choice.Images is not null && !Directory.Exists(Generator))
            throw new ImageFileException(Generator, "is not a folder of images");
        foreach (var (index, file) in (choice.Files ?? []).Index())
            if (Opened.Digest(Resolve(file), cancel) is null || Directory.Exists(Resolve(file)))
                throw new PolicyMismatchException(
                    FormattableString.Invariant($"$.generator.files[{index}]"), $"'{file}' is missing, or is not a file");
        var sha256 = choice.Images is not null
            ? Opened.Folder(Generator, cancel).Sha256
            : Sha256Digest.Compute(DescribeCommand().Span);
        if (choice.Sha256 is { } pin && !pin.Equals(sha256, StringComparison.OrdinalIgnoreCase))
            throw new PolicyMismatchException(
                "$.generator.sha256", $"pins {pin}, and the digest of what the policy names is {sha256}");

        // A lock derives the seed from the generator's digest, so that digest must follow from the images.
        if (LockFile is not null && choice is { Command: not null, Files: null })
            throw new PolicyMismatchException(
                "$.generator.files",
                "is missing, and the policy is locked: the seed would be known before what is run, which can then be fitted to "
                    + "it; name every file that decides the images");

        // Load it, and note what a reader must know.
        var loaded = choice.Images is not null
            ? GeneratorSource.LoadFolder(choice, Opened.Folder(Generator, cancel))
            : GeneratorSource.LoadCommand(choice, Generator, sha256, cancel);
        try
        {
            GeneratorRequirements.RequireImages(_policy.Evaluation, loaded.Generator);
            NoteUnseen(loaded.Generator);
            NoteAssumptions(loaded);
            return loaded;
        }
        catch
        {
            loaded.Dispose();
            throw;
        }
    }

    // Whoever writes the policy chooses the seed, and under a lock a file beside the images gives another one.
    private void NoteUnseen(ImageGenerator generator)
    {
        if (generator is not ImageSequence { Count: { } count } || count <= _policy.Evaluation.MaxSamples)
            return;

        var numbers = FormattableString.Invariant($"it holds {count} images, of which at most {_policy.Evaluation.MaxSamples} ");
        if (LockFile is not null)
            throw new PolicyMismatchException(
                "$.evaluation.maxSamples",
                $"is too small for a lock: {numbers}are looked at, and a file beside them chooses which; set it to the number of "
                    + "images");
        AddRemark(
            InputRoles.Generator, $"{numbers}are looked at: 'evaluation.seed' chooses which", isWarning: true);
    }

    /// <summary>Loads a file that ships in place of the generator, and notes what must be known of it.</summary>
    /// <param name="form">Of the policy.</param>
    /// <param name="device">Where the network goes.</param>
    /// <returns>Belongs to the caller.</returns>
    /// <exception cref="CheckpointException">The file cannot be read, is not the pinned one, or is no generator.</exception>
    internal LoadedGenerator LoadShippedForm(ShippedForm form, Device device)
    {
        var loaded = GeneratorCheckpoint.Load(
            Opened.Checkpoint(Resolve(form.Checkpoint)), form.FormatInEffect, form.Sha256, discriminator: null, device,
            latentSize: form.LatentSize, layers: form.Layers, generatorAlone: true,
            graph: new GraphUse(form.Inputs, form.Output));
        foreach (var note in loaded.Notes)
            AddRemark(InputRoles.ShippedForm(form.NameInEffect), note);
        return loaded;
    }

    /// <summary>Loads the classifiers, and tries each auditor on the images that the policy says show its feature.</summary>
    /// <param name="images">Shape of the images that the generator makes.</param>
    /// <param name="device">Where the classifiers go.</param>
    /// <returns>Belongs to the caller.</returns>
    /// <exception cref="CheckpointException">A classifier cannot be read.</exception>
    /// <exception cref="PolicyMismatchException">A classifier does not fit the policy or the generator.</exception>
    /// <exception cref="ImageFileException">An image that the policy says shows a feature cannot be read.</exception>
    public PolicyClassifiers LoadClassifiers(ImageShape images, Device device)
    {
        var classifiers = PolicyClassifiers.Load(_policy, Resolve, Opened.Checkpoint, images, device);
        NotePrompts();
        try
        {
            new GivenImageFiles(_policy, this, images).TestAuditors(classifiers);
            return classifiers;
        }
        catch
        {
            classifiers.Dispose();
            throw;
        }
    }

    /// <summary>Loads what the retained images are compared with; null where the policy asks for no image quality.</summary>
    /// <param name="classifiers">Of the policy; stay the caller's.</param>
    /// <param name="original">Is the reference where the policy says so; stays the caller's.</param>
    /// <param name="evaluation">Draws the original's images then, with a separate random stream.</param>
    /// <param name="progress">Receives how many images have been looked at, where images are looked at.</param>
    /// <param name="cancel">Ends loading between two batches of images.</param>
    /// <returns>Belongs to the caller.</returns>
    /// <exception cref="CheckpointException">The reference cannot be read.</exception>
    /// <exception cref="PolicyMismatchException">The reference does not fit the policy.</exception>
    public QualityReference? LoadReference(
        PolicyClassifiers classifiers,
        LoadedGenerator original,
        EvaluationImages evaluation,
        IProgress<StageProgress> progress,
        CancellationToken cancel) =>
        new ReferenceLoader(_policy, this, classifiers, original, progress, cancel).Load(evaluation);

    /// <summary>
    /// The floor of the policy's reference: the Fréchet distance of real images that were held out from it, above 0. Null where
    /// the reference has none, or cannot be read.
    /// </summary>
    public double? FindFloor()
    {
        if (_policy.Quality?.Reference is not { } named || named == QualityReading.OriginalGenerator)
            return null;

        var path = Resolve(named);
        if (Directory.Exists(path) || FeatureMoments.IsFile(path))
            return null;

        try
        {
            using var statistics = ReferenceStatistics.Load(path);
            return double.IsFinite(statistics.Floor) && statistics.Floor > 0 ? statistics.Floor : null;
        }
        catch (CheckpointException)
        {
            return null;   // the runs say what is wrong with it
        }
    }

    /// <inheritdoc cref="GivenImageFiles.Check"/>
    /// <param name="images">Shape of the images that the generator makes.</param>
    public void CheckGivenImages(ImageShape images) => new GivenImageFiles(_policy, this, images).Check();

    /// <inheritdoc cref="GivenImageFiles.Load"/>
    /// <param name="images">Shape of the images that the generator makes.</param>
    /// <param name="device">Where the images go.</param>
    public GivenImages LoadGivenImages(ImageShape images, Device device) =>
        new GivenImageFiles(_policy, this, images).Load(device);

    /// <summary>The images that the policy gives for attacks to reconstruct, from the bytes that were hashed.</summary>
    /// <param name="audit">Of the policy.</param>
    /// <param name="shape">Of the images that the generator makes.</param>
    /// <param name="device">Where the images go.</param>
    /// <returns>Belongs to the caller; null where the policy gives none.</returns>
    internal AttackImages? LoadAttackImages(AttackLimit audit, ImageShape shape, Device device) => audit.Images is { } folder
        ? AttackImages.Load(Resolve(folder), shape, device, Opened.Folder(Resolve(folder)))
        : null;

    /// <inheritdoc cref="InputPaths.Resolve"/>
    internal string Resolve(string path) => _paths.Resolve(path);

    /// <inheritdoc cref="InputPaths.EnumerateImageFolders"/>
    internal IEnumerable<(string Role, string Property, string Path)> EnumerateImageFolders() => _paths.EnumerateImageFolders();

    /// <summary>A file that the policy names, as it was hashed.</summary>
    /// <param name="path">Its full path.</param>
    /// <exception cref="IOException">It cannot be opened.</exception>
    internal HashedFile OpenHashed(string path) => Opened.File(path);

    /// <summary>
    /// The generator's checkpoint for a hint: as it was hashed where a run has opened it, otherwise not hashed.
    /// </summary>
    /// <exception cref="CheckpointException">It cannot be opened.</exception>
    internal CheckpointFile OpenGeneratorForHint() => _opened?.Checkpoint(Generator) ?? CheckpointFile.OpenUnhashed(Generator);

    private IReadOnlyList<string> PartsOf(string path) =>
        _opened is { } opened ? opened.PartsOf(path) : CheckpointFormats.FurtherFiles(path);

    private void NotePrompts()
    {
        foreach (var (name, choice) in _policy.Classifiers.Where(named => named.Value.IsImageText))
            AddRemark(
                InputRoles.Classifier(name),
                FormattableString.Invariant(
                    $"an image–text model: {choice.Prompts!.Values.Sum(prompts => prompts.Count)} prompts describe its ")
                + FormattableString.Invariant(
                    $"{choice.Prompts.Count} classes, and its logits are {choice.LogitScaleInEffect} times the cosine"));
    }

    private void NoteAssumptions(LoadedGenerator loaded)
    {
        foreach (var note in loaded.Notes)
            AddRemark(InputRoles.Generator, note);
        foreach (var caution in loaded.Cautions)
            AddRemark(InputRoles.Generator, caution, isWarning: true);
        if (loaded.Assumed is { } assumed)
            AddRemark(
                InputRoles.Generator, $"its weights do not tell what it computes; assumed: {assumed.Sentence}", isWarning: true);
        if (_policy.Generator.Layers is { } stated)
            AddRemark(
                InputRoles.Generator, $"its weights do not tell its layers; the policy states them: {string.Join(", ", stated)}");
        if (loaded.Discriminator?.Assumption is { } guessed)
            AddRemark(InputRoles.Discriminator, $"its weights do not tell what it computes; assumed: {guessed}");
        if (loaded.Generator is SequentialGenerator { EndsInUnitRange: true })
            AddRemark(InputRoles.Generator, "it ends in Sigmoid: its outputs, 0 to 1, are taken for images from black to white");
    }
}
