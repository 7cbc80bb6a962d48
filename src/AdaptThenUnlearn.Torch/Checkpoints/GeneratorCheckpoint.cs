using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.Sequence;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>Builds generators and discriminators from checkpoints, and saves them in the same format.</summary>
/// <remarks>
/// <see cref="GanSections"/> finds the networks, under the names that projects give them. Saved networks keep these names.
/// </remarks>
public static class GeneratorCheckpoint
{
    private const int MostNamed = 6;

    // Names under which the known projects keep a generator.
    private static readonly string[] _documented =
        [RosinalityFormat.Generator, RosinalityFormat.AveragedGenerator, NvidiaFormat.Generator, NvidiaFormat.AveragedGenerator];

    /// <summary>Loads a generator, and its discriminator where there is one.</summary>
    /// <param name="path">The checkpoint.</param>
    /// <param name="format">Name of a format, or <c>auto</c>.</param>
    /// <param name="sha256">The pinned digest; null where none is pinned.</param>
    /// <param name="discriminatorPath">
    /// Path of a checkpoint with the discriminator where the generator's has none; otherwise null.
    /// </param>
    /// <param name="device">Where the networks go.</param>
    /// <param name="network">
    /// <c>ema</c> for the averaged generator, or <c>generator</c> for the one in training. Where only one is there, that one is
    /// loaded.
    /// </param>
    /// <param name="latentSize">Latent size of a program whose weights do not show it; otherwise null.</param>
    /// <param name="layers">
    /// The layers of a DCGAN or of a fully connected GAN where they are stated, see <see cref="GeneratorChoice.Layers"/>;
    /// otherwise null.
    /// </param>
    /// <param name="generatorAlone">Whether to load no discriminator, even where the file holds one.</param>
    /// <param name="graph">How the inputs and the output of an ONNX graph are used; null where the graph leaves no doubt.</param>
    /// <returns>Networks in eval mode; belong to the caller.</returns>
    /// <exception cref="CheckpointException">
    /// The file is missing, damaged, not the pinned one, or not a generator that this version knows.
    /// </exception>
    public static LoadedGenerator Load(
        string path,
        string format,
        string? sha256,
        string? discriminatorPath,
        Device device,
        string network = "ema",
        int? latentSize = null,
        IReadOnlyList<string>? layers = null, bool generatorAlone = false,
        GraphUse? graph = null) => Load(
        CheckpointFile.Open(path),
        format,
        sha256,
        discriminatorPath is null ? null : CheckpointFile.Open(discriminatorPath),
        device,
        network,
        latentSize,
        layers, generatorAlone, graph);

    /// <inheritdoc cref="Load(string, string, string?, string?, Device, string, int?, IReadOnlyList{string}?, bool, GraphUse?)"/>
    /// <param name="opened">The checkpoint, as it was hashed.</param>
    /// <param name="format">Name of a format, or <c>auto</c>.</param>
    /// <param name="sha256">The pinned digest; null where none is pinned.</param>
    /// <param name="discriminator">A checkpoint with the discriminator where the generator's has none; otherwise null.</param>
    /// <param name="device">Where the networks go.</param>
    /// <param name="network">
    /// <c>ema</c> for the averaged generator, or <c>generator</c> for the one in training. Where only one is there, that one is
    /// loaded.
    /// </param>
    /// <param name="latentSize">Latent size of a program whose weights do not show it; otherwise null.</param>
    /// <param name="layers">The layers of a DCGAN or of a fully connected GAN where they are stated; otherwise null.</param>
    /// <param name="generatorAlone">Whether to load no discriminator, even where the file holds one.</param>
    /// <param name="graph">How the inputs and the output of an ONNX graph are used; null where the graph leaves no doubt.</param>
    public static LoadedGenerator Load(
        CheckpointFile opened,
        string format,
        string? sha256,
        CheckpointFile? discriminator,
        Device device,
        string network = "ema",
        int? latentSize = null,
        IReadOnlyList<string>? layers = null, bool generatorAlone = false,
        GraphUse? graph = null)
    {
        // Refuse a file that is not the pinned one. A program brings its own layers, and is loaded by other code.
        var path = opened.Path;
        var digest = CheckpointDigest.RequirePinned(opened, sha256);
        if (format == TorchScriptFormat.FormatName)
            return ScriptedGan.Load(opened, latentSize, discriminator, device);
        if (format == OnnxFormat.FormatName)
            return GraphGan.Load(opened, latentSize, graph ?? new GraphUse(), device);

        // Find the generator and the discriminator. Layers of a sequence may show in the discriminator alone, so it is looked at
        // in any case.
        var file = CheckpointFormats.Read(opened, format);
        var found = GanSections.GeneratorIn(file, averaged: network != "generator")
            ?? throw new UnknownGenerator(file).CreateException();
        var (weights, architecture) = (found.Weights, found.Architecture);
        var critic = generatorAlone ? OnlyDiscriminatorIn(file) : DiscriminatorIn(file, discriminator);
        var stored = found.Stored with { Layers = layers, Discriminator = critic is null ? null : GanSections.StoredIn(critic) };
        if (layers is not null && !architecture.TakesLayers)
            throw new CheckpointException(path, $"is a {architecture.Name}, whose layers its weights tell", "leave 'layers' out");

        // Build the networks and load their weights.
        var generator = Built(
            path, architecture.Name, () => LoadStateDict(architecture.BuildGenerator(stored), architecture, weights, device));
        try
        {
            Built(path, architecture.Name, () =>
            {
                architecture.CheckLoaded(generator);
                return generator;
            });
            return new LoadedGenerator(
                generator,
                critic is null || generatorAlone ? null : DiscriminatorFrom(critic, architecture, generator, device),
                architecture.Name,
                architecture.Describe(stored), digest, file.Format, found.Place.Name)
            {
                Assumed = architecture.GetAssumedLayers(stored),
                DiscriminatorSha256 = critic is null || generatorAlone ? null
                    : GanSections.DiscriminatorIn(file) is null ? discriminator!.Sha256
                    : digest,
                Notes = [.. NotesOn(file, found)],
                PartsSha256 = [.. CheckpointFormats.FurtherFiles(opened).Select(part => opened.OpenSibling(part).Sha256)],
                EarlierRuns = file.Metadata.GetValueOrDefault(SafetensorsFile.EarlierRunsKey),
                TrainedRegime = TrainedRegime.Read(file.Metadata),
            };
        }
        catch
        {
            generator.Dispose();
            throw;
        }
    }

    /// <summary>Saves a generator with its discriminator as safetensors; the same networks give the same bytes.</summary>
    /// <param name="path">A file that is there is replaced as a whole.</param>
    /// <param name="networks">Stay the caller's.</param>
    /// <param name="metadata">Text by key, e.g. the policy's name.</param>
    /// <exception cref="FileNotWrittenException">The file cannot be written.</exception>
    public static void Save(string path, GanPair networks, IReadOnlyDictionary<string, string> metadata)
    {
        var tensors = Section(RosinalityFormat.AveragedGenerator, networks.Generator)
            .Concat(Section(RosinalityFormat.Discriminator, networks.Discriminator));
        SafetensorsFile.Write(path, tensors, metadata);

        static IEnumerable<KeyValuePair<string, Tensor>> Section(string name, nn.Module network) =>
            network.state_dict()
                .Select(pair => KeyValuePair.Create($"{name}{TensorFile.SectionSeparator}{pair.Key}", pair.Value));
    }

    /// <summary>
    /// Saves a generator with its discriminator in the format of its original: with the same names, types and shapes, and with
    /// everything else that the original holds.
    /// </summary>
    /// <remarks>
    /// Every generator in the file is replaced. A checkpoint that keeps the generator in training beside its average would
    /// otherwise still hold what was unlearned. States of optimisers stay as they are in the original.
    /// </remarks>
    /// <param name="original">The original's file, as it was hashed when it was loaded.</param>
    /// <param name="loaded">The networks that were loaded from it.</param>
    /// <param name="path">A file that is there is replaced as a whole.</param>
    /// <param name="networks">The networks to save, of the original's size; stay the caller's.</param>
    /// <param name="metadata">Text by key, for formats that have metadata.</param>
    /// <exception cref="CheckpointException">The original is missing or has changed.</exception>
    /// <exception cref="FileNotWrittenException">The file cannot be written.</exception>
    public static void SaveInFormatOf(
        CheckpointFile original,
        LoadedGenerator loaded,
        string path,
        GanPair networks,
        IReadOnlyDictionary<string, string> metadata)
    {
        if (original.Sha256 != loaded.Sha256)
            throw new CheckpointException(
                original.Path,
                "has changed since it was loaded, so what is saved would be a mixture",
                "run again on the file as it is now");

        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var file = CheckpointFormats.Read(original, loaded.Format);
        if (loaded.Format == TorchScriptFormat.FormatName)
        {
            CheckpointFormats.Named(file.Format).Rewrite(file, path, ScriptedGan.Trained(networks.Generator), metadata);
            return;
        }

        var states = new[] { networks.Generator, (nn.Module)networks.Discriminator }
            .ToDictionary(network => network, network => network.state_dict());
        Dictionary<string, Tensor> values = [];
        foreach (var (full, network, name, factor) in EnumerateWrittenTensors(
            file, loaded, networks.Generator, networks.Discriminator))
            values[full] = factor == 1 ? states[network][name] : states[network][name] / factor;
        CheckpointFormats.Named(file.Format).Rewrite(file, path, values, metadata);
    }

    /// <summary>
    /// Refuses a checkpoint in whose format a trained generator could not be saved, before anything is trained.
    /// </summary>
    /// <param name="original">The original's file, as it was hashed when it was loaded.</param>
    /// <param name="loaded">The networks that were loaded from it.</param>
    /// <exception cref="CheckpointException">
    /// A tensor repeats its elements, or shares them with another layer's tensor; or the file may hold a copy of the generator
    /// that is not read, and that would still hold what was unlearned.
    /// </exception>
    public static void RequireRewritable(CheckpointFile original, LoadedGenerator loaded)
    {
        if (loaded.Format is TorchScriptFormat.FormatName or SafetensorsFormat.FormatName)
            return;

        var file = CheckpointFormats.Read(original, loaded.Format);
        var written = EnumerateWrittenTensors(file, loaded, loaded.Generator, loaded.Discriminator)
            .Select(one => (Tensor: file[one.Full], Source: (one.Network, one.Name)))
            .ToList();
        RewriteCheck.RequireRewritable(file, written);
    }

    // The tensors of the file that get new values, each with its source. Of a generator that was not loaded only the parameters
    // are replaced.
    private static IEnumerable<(string Full, nn.Module Network, string Name, double Factor)> EnumerateWrittenTensors(
        TensorFile file, LoadedGenerator loaded, ImageGenerator generator, ImageDiscriminator? discriminator)
    {
        var architecture = GeneratorArchitectures.Named(loaded.Architecture);
        foreach (var found in GanSections.GeneratorsIn(file))
        {
            var names = found.Place.Name == loaded.Section
                ? generator.state_dict().Keys
                : generator.named_parameters().Select(parameter => parameter.name);
            foreach (var written in Located(found.Place, generator, names))
                yield return written;
        }

        if (discriminator is not null && GanSections.DiscriminatorIn(file) is { } place)
            foreach (var written in Located(place, discriminator, discriminator.state_dict().Keys))
                yield return written;

        IEnumerable<(string, nn.Module, string, double)> Located(NetworkPlace place, nn.Module network, IEnumerable<string> names)
        {
            foreach (var name in names)
            {
                var (storedName, factor) = architecture.Locate(network, name);
                if (file.Find(place.Prefix + storedName) is not null || !IsCounter(name))
                    yield return (place.Prefix + storedName, network, name, factor);
            }
        }
    }

    /// <summary>Describes the generator of a checkpoint; null where the checkpoint holds none that this version knows.</summary>
    /// <param name="file">As read.</param>
    /// <param name="layers">The generator's layers where they are stated; otherwise null.</param>
    public static DescribedGenerator? Describe(TensorFile file, IReadOnlyList<string>? layers = null)
    {
        try
        {
            if (GeneratorIn(file, layers) is not { Architecture: var architecture, Stored: var stored, Place: var place })
                return null;

            var (channels, resolution) = architecture.Images(stored);
            return new DescribedGenerator(
                architecture.Name,
                architecture.Describe(stored),
                channels,
                resolution,
                architecture.GetAssumedLayers(stored)?.Sentence,
                place.Name);
        }
        catch (ArgumentException)
        {
            return null;   // the names are a generator's, but it cannot be built
        }
    }

    /// <summary>
    /// Why the generator of a checkpoint cannot be built, and what the reader can do; null where it can be built, or where none
    /// was found.
    /// </summary>
    /// <param name="file">As read.</param>
    /// <param name="layers">The generator's layers where they are stated; otherwise null.</param>
    public static string? WhyNotBuilt(TensorFile file, IReadOnlyList<string>? layers = null)
    {
        try
        {
            if (GeneratorIn(file, layers) is { } found)
                found.Architecture.Images(found.Stored);
            return GanSections.WhyUnclear(GanSections.GeneratorsIn(file)) is { } unclear
                ? $"it {unclear}; save the one that is meant alone"
                : null;
        }
        catch (ArgumentException impossible)
        {
            return $"{impossible.Message}; {RemedyFor(impossible)}";
        }
    }

    private static FoundGenerator? GeneratorIn(TensorFile file, IReadOnlyList<string>? layers) =>
        GanSections.ClearGeneratorIn(file) is { } found ? found with { Stored = found.Stored with { Layers = layers } } : null;

    /// <summary>Notes about the generator in a file, in sentences that call the generator "it".</summary>
    /// <param name="file">As read.</param>
    internal static IEnumerable<string> NotesOn(TensorFile file) =>
        GeneratorIn(file, layers: null) is { } found ? NotesOn(file, found) : [];

    private static IEnumerable<string> NotesOn(TensorFile file, FoundGenerator found)
    {
        if (found.Place.Name is { } name && !_documented.Contains(name))
            yield return $"it is read from '{CheckpointException.Sanitize(name)}' of its file";
        if (found.Weights.Unread.Where(tensor => TensorFile.SectionOf(tensor.Name) is null)
            .Select(tensor => $"'{CheckpointException.Sanitize(tensor.Name)}'")
            .Distinct()
            .ToList() is { Count: > 0 } beside)
            yield return $"beside it lie tensors that are not read: {string.Join(", ", beside.Take(MostNamed))}";
        if (file.PassedOver.Count > 0)
            yield return $"its file names what is passed over and kept as it is: "
                + $"{string.Join(", ", file.PassedOver.Take(MostNamed))}";
        if (file.Metadata.GetValueOrDefault(SafetensorsFile.VerdictKey) is { } verdict)
            yield return $"its file says that an earlier run rejected it (verdict '{CheckpointException.Sanitize(verdict)}')";
        if (found.LacksNoise)
            yield return "it has no stored noise maps; each measurement draws new noise";
    }

    /// <summary>Copies stored weights into a new network, which must have exactly these tensors.</summary>
    /// <param name="network">Returned, on the device and in eval mode.</param>
    /// <param name="weights">A flat state dict.</param>
    /// <param name="device">Where the network goes.</param>
    /// <param name="harmless">Kinds of tensors that may stay unused; null where only counters may.</param>
    /// <exception cref="CheckpointException">
    /// A tensor is missing, has another shape, or is unused; the message names it. The network is disposed.
    /// </exception>
    public static T LoadStateDict<T>(
        T network, TensorFile weights, Device device, IReadOnlyList<IgnoredTensor>? harmless = null) where T : nn.Module =>
        LoadStateDict(network, name => new StoredTensor(name), weights, device, harmless);

    private static T LoadStateDict<T>(
        T network, IGeneratorArchitecture architecture, TensorFile weights, Device device) where T : nn.Module =>
        LoadStateDict(network, name => architecture.Locate(network, name), weights, device, architecture.IgnoredTensors);

    /// <inheritdoc cref="LoadStateDict{T}(T, TensorFile, Device, IReadOnlyList{IgnoredTensor})"/>
    /// <param name="network">Returned, on the device and in eval mode.</param>
    /// <param name="locate">Finds the stored tensor for each of the network's tensors.</param>
    /// <param name="weights">A flat state dict.</param>
    /// <param name="device">Where the network goes.</param>
    /// <param name="harmless">Kinds of tensors that may stay unused; null where only counters may.</param>
    internal static T LoadStateDict<T>(
        T network,
        Func<string, StoredTensor> locate,
        TensorFile weights,
        Device device,
        IReadOnlyList<IgnoredTensor>? harmless = null) where T : nn.Module
    {
        TorchBackend.RequireSound(device);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        HashSet<string> used = [];
        try
        {
            foreach (var (name, own) in network.state_dict())
            {
                // Find the stored tensor. PyTorch before 0.4.1 stored no counters.
                using var tensorScope = NewDisposeScope();   // frees each tensor before the next is loaded
                var (storedName, factor) = locate(name);
                used.Add(storedName);
                if (IsCounter(name) && weights.Find(storedName) is null)
                    continue;

                // Refuse another shape; sizes of 1 may differ.
                var stored = weights[storedName];
                if (!WithoutOnes(stored.Shape).SequenceEqual(WithoutOnes(own.shape)))
                    throw new CheckpointException(
                        weights.Path,
                        $"tensor '{storedName}' has shape [{string.Join(", ", stored.Shape)}], the network needs "
                            + $"[{string.Join(", ", own.shape)}]",
                        $"the file mixes two networks, or is of a variant that this version does not know; "
                            + $"{CheckpointException.ExportAdvice}");

                // Load the values, and refuse NaN and infinity.
                var values = stored.Load(own.dtype).view(own.shape);
                if (!isfinite(values).all().item<bool>())
                    throw new CheckpointException(
                        weights.Path,
                        $"tensor '{storedName}' holds values that are not finite numbers",
                        "its training has diverged; take an earlier checkpoint");
                own.copy_(factor == 1 ? values : values * factor);
            }

            // Refuse tensors that the network has no place for.
            UnusedTensors.RequireNone(weights, used, harmless ?? []);
            TorchSharp.ModuleExtensionMethods.to(network, device);
            network.eval();
            return Weights.Detach(network);
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    // A batch normalisation's number of batches, which does not change what it computes.
    private static bool IsCounter(string name) => name.EndsWith(".num_batches_tracked", StringComparison.Ordinal);

    private static IEnumerable<long> WithoutOnes(IEnumerable<long> shape) => shape.Where(size => size != 1);

    // The weights of the discriminator where a file holds exactly one; null otherwise.
    private static TensorFile? OnlyDiscriminatorIn(TensorFile file) =>
        GanSections.DiscriminatorsIn(file) is [var only] ? only.In(file) : null;

    // The weights of the discriminator, in the generator's file or in another; null where neither has any.
    private static TensorFile? DiscriminatorIn(TensorFile file, CheckpointFile? beside)
    {
        if (GanSections.DiscriminatorIn(file) is { } place)
            return place.In(file);
        if (beside is null)
            return null;

        var other = CheckpointFormats.Read(beside);
        if (GanSections.DiscriminatorIn(other) is { } its)
            return its.In(other);
        return GanSections.GeneratorsIn(other).Count > 0
            ? throw new CheckpointException(
                beside.Path,
                "holds a generator and no discriminator",
                "name the file that has it, or leave generator.discriminator out: one is then warmed up on the generator's "
                    + "own samples")
            : GanSections.WholeOf(other).In(other);
    }

    private static ImageDiscriminator DiscriminatorFrom(
        TensorFile weights, IGeneratorArchitecture architecture, ImageGenerator generator, Device device)
    {
        if (generator is SequentialGenerator { EndsInUnitRange: true })
            throw new CheckpointException(
                weights.Path,
                "is a discriminator beside a generator that ends in Sigmoid, whose images of 0 to 1 it was trained on",
                "leave generator.discriminator out: one is then warmed up on the generator's own samples; or export both as "
                    + "TorchScript");

        return Built(
            weights.Path, $"discriminator for this {architecture.Name}",
            () => LoadStateDict(
                architecture.BuildDiscriminator(GanSections.StoredIn(weights), generator), architecture, weights, device),
            ", or leave generator.discriminator out: one is then warmed up on the generator's own samples");
    }

    private static T Built<T>(string path, string what, Func<T> build, string otherwise = "")
    {
        try
        {
            return build();
        }
        catch (ArgumentException impossible)
        {
            throw new CheckpointException(
                path,
                $"is not a {what} that can be built: {impossible.Message}",
                RemedyFor(impossible) + otherwise,
                cause: impossible);
        }
    }

    private static string RemedyFor(ArgumentException impossible) => impossible switch
    {
        UnclearLayersException unclear => unclear.Remedy,
        MissingTensorException => "check that the file is complete",
        _ => CheckpointException.ExportAdvice,
    };

    /// <summary>Whether a file holds a generator that this version knows, and no discriminator beside it.</summary>
    /// <param name="file">As read.</param>
    /// <param name="layers">The generator's layers where they are stated; otherwise null.</param>
    public static bool HasGeneratorOnly(TensorFile file, IReadOnlyList<string>? layers = null) =>
        !GeneratorChoice.IsProgram(file.Format)
            && GanSections.DiscriminatorsIn(file).Count == 0
            && Describe(file, layers) is not null;
}

/// <summary>A description of a generator, made without building it.</summary>
/// <param name="Architecture">Name of its architecture in the catalogue.</param>
/// <param name="Description">One line about its size.</param>
/// <param name="Channels">Channels of its images, 1 or 3.</param>
/// <param name="Resolution">Width and height of its images, in pixels.</param>
/// <param name="Assumed">
/// What is assumed about its layers because the weights do not show it, in one sentence; null where nothing is assumed.
/// </param>
/// <param name="Place">
/// Its place in the file: a section (<c>g_ema</c>), or the prefix of its tensors' names (<c>module.</c>); null where there is
/// none.
/// </param>
public sealed record DescribedGenerator(
    string Architecture, string Description, int Channels, int Resolution, string? Assumed = null, string? Place = null);

/// <summary>A generator from a checkpoint.</summary>
/// <param name="Generator">In eval mode; owned by this.</param>
/// <param name="Discriminator">In eval mode; owned by this. Null where the checkpoint has none.</param>
/// <param name="Architecture">
/// Name of its architecture in the catalogue; for a program the name of its format.
/// </param>
/// <param name="Description">One line about its size.</param>
/// <param name="Sha256">SHA-256 of the checkpoint.</param>
/// <param name="Format">Name of the checkpoint's format.</param>
/// <param name="Section">
/// Its place in the file: a section (<c>g_ema</c>), or the prefix of its tensors' names (<c>module.</c>); null where there is
/// none.
/// </param>
public sealed record LoadedGenerator(
    ImageGenerator Generator,
    ImageDiscriminator? Discriminator,
    string Architecture,
    string Description,
    string Sha256,
    string Format,
    string? Section) : IDisposable
{
    /// <summary>
    /// What was assumed about the generator's layers because its weights do not show it; null where nothing was assumed.
    /// </summary>
    public AssumedLayers? Assumed { get; init; }

    /// <summary>
    /// SHA-256 of the file that the discriminator was read from, which may be another than the generator's; null without one.
    /// </summary>
    public string? DiscriminatorSha256 { get; init; }

    /// <summary>SHA-256 of each file that the checkpoint names, where it is an index of several; otherwise empty.</summary>
    public IReadOnlyList<string> PartsSha256 { get; init; } = [];

    /// <summary>Notes about the file, in sentences that call the generator "it".</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Notes that a reader must see beside the verdict; like <see cref="Notes"/>.</summary>
    public IReadOnlyList<string> Cautions { get; init; } = [];

    /// <summary>
    /// The runs that trained it, as its file says (<see cref="SafetensorsFile.EarlierRunsKey"/>), not checked; null where it
    /// names none.
    /// </summary>
    public string? EarlierRuns { get; init; }

    /// <summary>With which training terms it was trained last, as its file says.</summary>
    public TrainedRegime TrainedRegime { get; init; } = TrainedRegime.Unknown;

    /// <summary>
    /// Why it cannot be trained, in words that follow "it"; null where it can. Such a generator is measured and judged, and stays
    /// as it is.
    /// </summary>
    public string? WhyNotTrainable { get; init; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Generator.Dispose();
        Discriminator?.Dispose();
    }
}
