using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.Sequence;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>Builds generators and discriminators from checkpoints, and saves them again.</summary>
/// <remarks>
/// Where networks lie is found by <see cref="GanSections"/>, under the names that projects give them; saved, they keep those.
/// </remarks>
public static class GeneratorCheckpoint
{
    private const int MostNamed = 6;

    // Where the projects themselves keep a generator.
    private static readonly string[] _documented =
        [RosinalityFormat.Generator, RosinalityFormat.AveragedGenerator, NvidiaFormat.Generator, NvidiaFormat.AveragedGenerator];

    /// <summary>Loads a generator, and its discriminator where there is one.</summary>
    /// <param name="path">The checkpoint.</param>
    /// <param name="format">A format's name, or <c>auto</c>.</param>
    /// <param name="sha256">Pin, or null.</param>
    /// <param name="discriminatorPath">A checkpoint that holds the discriminator where the generator's has none, or null.</param>
    /// <param name="device">Where the networks go.</param>
    /// <param name="network"><c>ema</c> (falls back to the only generator there is) or <c>generator</c>.</param>
    /// <param name="latentSize">Of a program whose weights do not tell it, or null; other formats tell it themselves.</param>
    /// <param name="layers">The layers of a DCGAN or of a fully connected GAN as somebody states them, see <see cref="GeneratorChoice.Layers"/>; null where nobody does.</param>
    /// <param name="generatorAlone">Whether a discriminator in the same file is left alone, fitting or not.</param>
    /// <returns>Networks in eval mode; belong to the caller.</returns>
    /// <exception cref="CheckpointException">The file is missing, damaged, not pinned so, or no generator that this version knows.</exception>
    public static LoadedGenerator Load(
        string path, string format, string? sha256, string? discriminatorPath, Device device, string network = "ema", int? latentSize = null,
        IReadOnlyList<string>? layers = null, bool generatorAlone = false) => Load(
        CheckpointFile.Open(path), format, sha256, discriminatorPath is null ? null : CheckpointFile.Open(discriminatorPath), device, network, latentSize,
        layers, generatorAlone);

    /// <inheritdoc cref="Load(string, string, string?, string?, Device, string, int?, IReadOnlyList{string}?, bool)"/>
    /// <param name="opened">The checkpoint, as it was hashed.</param>
    /// <param name="format">A format's name, or <c>auto</c>.</param>
    /// <param name="sha256">Pin, or null.</param>
    /// <param name="discriminator">A checkpoint that holds the discriminator where the generator's has none, or null.</param>
    /// <param name="device">Where the networks go.</param>
    /// <param name="network"><c>ema</c> (falls back to the only generator there is) or <c>generator</c>.</param>
    /// <param name="latentSize">Of a program whose weights do not tell it, or null; other formats tell it themselves.</param>
    /// <param name="layers">The layers of a DCGAN or of a fully connected GAN as somebody states them; null where nobody does.</param>
    /// <param name="generatorAlone">Whether a discriminator in the same file is left alone, fitting or not.</param>
    public static LoadedGenerator Load(
        CheckpointFile opened, string format, string? sha256, CheckpointFile? discriminator, Device device, string network = "ema", int? latentSize = null,
        IReadOnlyList<string>? layers = null, bool generatorAlone = false)
    {
        var path = opened.Path;
        var digest = CheckpointDigest.RequirePinned(opened, sha256);
        if (format == TorchScriptFormat.FormatName)
            return ScriptedGan.Load(opened, latentSize, discriminator, device);

        var file = CheckpointFormats.Read(opened, format);
        var found = GanSections.GeneratorIn(file, averaged: network != "generator") ?? throw new UnknownGenerator(file).CreateException();
        var (weights, architecture) = (found.Weights, found.Architecture);
        var critic = !generatorAlone ? DiscriminatorIn(file, discriminator) : GanSections.DiscriminatorsIn(file) is [var beside] ? beside.In(file) : null;
        var stored = found.Stored with { Layers = layers, Discriminator = critic is null ? null : GanSections.StoredIn(critic) };
        if (layers is not null && !architecture.TakesLayers)
            throw new CheckpointException(path, $"is a {architecture.Name}, whose layers its weights tell", "leave 'layers' out");

        var generator = Built(path, architecture.Name, () => LoadStateDict(architecture.BuildGenerator(stored), architecture, weights, device));
        try
        {
            return new LoadedGenerator(
                generator, critic is null || generatorAlone ? null : DiscriminatorFrom(critic, architecture, generator, device), architecture.Name,
                architecture.Describe(stored), digest, file.Format, found.Place.Name)
            {
                Assumed = architecture.GetAssumedLayers(stored),
                Notes = [.. NotesOn(file, found)],
            };
        }
        catch
        {
            generator.Dispose();
            throw;
        }
    }

    /// <summary>Saves a generator with its discriminator as safetensors; the same networks give the same bytes.</summary>
    /// <param name="path">Replaced all at once.</param>
    /// <param name="networks">Stay the caller's.</param>
    /// <param name="metadata">Text by key, e.g. the policy's name.</param>
    /// <exception cref="FileNotWrittenException">The file cannot be written.</exception>
    public static void Save(string path, GanPair networks, IReadOnlyDictionary<string, string> metadata)
    {
        var tensors = Section(RosinalityFormat.AveragedGenerator, networks.Generator).Concat(Section(RosinalityFormat.Discriminator, networks.Discriminator));
        SafetensorsFile.Write(path, tensors, metadata);

        static IEnumerable<KeyValuePair<string, Tensor>> Section(string name, nn.Module network) =>
            network.state_dict().Select(pair => KeyValuePair.Create($"{name}{TensorFile.SectionSeparator}{pair.Key}", pair.Value));
    }

    /// <summary>Saves a generator with its discriminator the way an original was saved: the same format, names, types and shapes, and everything else that was in it.</summary>
    /// <remarks>
    /// Every generator in the original is replaced: a checkpoint that keeps the one in training beside its average would otherwise still hold
    /// what was unlearned. States of optimisers stay, and belong to the original from then on.
    /// </remarks>
    /// <param name="original">The original's file, as it was hashed when it was loaded.</param>
    /// <param name="loaded">What was loaded from it.</param>
    /// <param name="path">Replaced all at once.</param>
    /// <param name="networks">Of the original's size; stay the caller's.</param>
    /// <param name="metadata">Text by key, for formats that keep such.</param>
    /// <exception cref="CheckpointException">The original has gone or changed.</exception>
    /// <exception cref="FileNotWrittenException">The file cannot be written.</exception>
    public static void SaveInFormatOf(CheckpointFile original, LoadedGenerator loaded, string path, GanPair networks, IReadOnlyDictionary<string, string> metadata)
    {
        if (original.Sha256 != loaded.Sha256)
            throw new CheckpointException(original.Path, "has changed since it was loaded, so what is saved would be a mixture", "run again on the file as it is now");

        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var file = CheckpointFormats.Read(original, loaded.Format);
        if (loaded.Format == TorchScriptFormat.FormatName)
        {
            CheckpointFormats.Named(file.Format).Rewrite(file, path, ScriptedGan.Trained(networks.Generator), metadata);
            return;
        }

        var states = new[] { networks.Generator, (nn.Module)networks.Discriminator }.ToDictionary(network => network, network => network.state_dict());
        Dictionary<string, Tensor> values = [];
        foreach (var (full, network, name, factor) in EnumerateWrittenTensors(file, loaded, networks.Generator, networks.Discriminator))
            values[full] = factor == 1 ? states[network][name] : states[network][name] / factor;
        CheckpointFormats.Named(file.Format).Rewrite(file, path, values, metadata);
    }

    /// <summary>Refuses a checkpoint that a trained generator cannot be saved like, before anything is trained.</summary>
    /// <param name="original">The original's file, as it was hashed when it was loaded.</param>
    /// <param name="loaded">What was loaded from it.</param>
    /// <exception cref="CheckpointException">
    /// A tensor repeats its elements or shares them with another layer's; or a copy of the generator may lie in the file where it is not read,
    /// and would still hold what was unlearned.
    /// </exception>
    public static void RequireRewritable(CheckpointFile original, LoadedGenerator loaded)
    {
        if (loaded.Format is TorchScriptFormat.FormatName or SafetensorsFormat.FormatName)
            return;

        var file = CheckpointFormats.Read(original, loaded.Format);
        var written = EnumerateWrittenTensors(file, loaded, loaded.Generator, loaded.Discriminator).Select(one => (Tensor: file[one.Full], Source: (one.Network, one.Name))).ToList();
        RewriteCheck.RequireRewritable(file, written);
    }

    // Which tensors of the file get new values, and from where: of generators that were not loaded, the parameters alone.
    private static IEnumerable<(string Full, nn.Module Network, string Name, double Factor)> EnumerateWrittenTensors(
        TensorFile file, LoadedGenerator loaded, ImageGenerator generator, ImageDiscriminator? discriminator)
    {
        var architecture = GeneratorArchitectures.Named(loaded.Architecture);
        foreach (var found in GanSections.GeneratorsIn(file))
            foreach (var written in Located(found.Place, generator, found.Place.Name == loaded.Section ? generator.state_dict().Keys : generator.named_parameters().Select(parameter => parameter.name)))
                yield return written;
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

    /// <summary>What generator a checkpoint holds, or null where it is none that this version knows.</summary>
    /// <param name="file">As read.</param>
    /// <param name="layers">Of the generator as somebody states them, or null.</param>
    public static DescribedGenerator? Describe(TensorFile file, IReadOnlyList<string>? layers = null)
    {
        try
        {
            if (GeneratorIn(file, layers) is not { Architecture: var architecture, Stored: var stored, Place: var place })
                return null;

            var (channels, resolution) = architecture.Images(stored);
            return new DescribedGenerator(
                architecture.Name, architecture.Describe(stored), channels, resolution, architecture.GetAssumedLayers(stored)?.Sentence, place.Name);
        }
        catch (ArgumentException)
        {
            return null;   // looks like one by name, but cannot be built
        }
    }

    /// <summary>Why a checkpoint that looks like one of a known generator cannot be built, with what to do; null where it can, or looks like none.</summary>
    /// <param name="file">As read.</param>
    /// <param name="layers">Of the generator as somebody states them, or null.</param>
    public static string? WhyNotBuilt(TensorFile file, IReadOnlyList<string>? layers = null)
    {
        try
        {
            if (GeneratorIn(file, layers) is { } found)
                found.Architecture.Images(found.Stored);
            return GanSections.WhyUnclear(GanSections.GeneratorsIn(file)) is { } unclear ? $"it {unclear}; save the one that is meant alone" : null;
        }
        catch (ArgumentException impossible)
        {
            return $"{impossible.Message}; {RemedyFor(impossible)}";
        }
    }

    private static FoundGenerator? GeneratorIn(TensorFile file, IReadOnlyList<string>? layers) =>
        GanSections.ClearGeneratorIn(file) is { } found ? found with { Stored = found.Stored with { Layers = layers } } : null;

    /// <summary>What is to be noticed of the generator in a file, in sentences that say "it" of the generator.</summary>
    /// <param name="file">As read.</param>
    internal static IEnumerable<string> NotesOn(TensorFile file) => GeneratorIn(file, layers: null) is { } found ? NotesOn(file, found) : [];

    private static IEnumerable<string> NotesOn(TensorFile file, FoundGenerator found)
    {
        if (found.Place.Name is { } name && !_documented.Contains(name))
            yield return $"it is read from '{CheckpointException.Sanitize(name)}' of its file";
        if (found.Weights.Unread.Where(tensor => TensorFile.SectionOf(tensor.Name) is null).Select(tensor => $"'{CheckpointException.Sanitize(tensor.Name)}'").Distinct().ToList() is { Count: > 0 } beside)
            yield return $"beside it lie tensors that are not read: {string.Join(", ", beside.Take(MostNamed))}";
        if (file.PassedOver.Count > 0)
            yield return $"its file names what is passed over and kept as it is: {string.Join(", ", file.PassedOver.Take(MostNamed))}";
        if (found.LacksNoise)
            yield return "it has no stored noise maps; each measurement draws new noise";
    }

    /// <summary>Copies stored weights into a fresh network, which must have exactly these tensors.</summary>
    /// <param name="network">Returned, on the device and in eval mode.</param>
    /// <param name="weights">A flat state dict.</param>
    /// <param name="device">Where the network goes.</param>
    /// <param name="harmless">Kinds of tensors that may be left over; null for none but counters.</param>
    /// <exception cref="CheckpointException">A tensor is missing, has another shape, or is left over; the message names it. The network is disposed.</exception>
    public static T LoadStateDict<T>(T network, TensorFile weights, Device device, IReadOnlyList<IgnoredTensor>? harmless = null) where T : nn.Module =>
        LoadStateDict(network, name => new StoredTensor(name), weights, device, harmless);

    private static T LoadStateDict<T>(T network, IGeneratorArchitecture architecture, TensorFile weights, Device device) where T : nn.Module =>
        LoadStateDict(network, name => architecture.Locate(network, name), weights, device, architecture.IgnoredTensors);

    /// <inheritdoc cref="LoadStateDict{T}(T, TensorFile, Device, IReadOnlyList{IgnoredTensor})"/>
    /// <param name="network">Returned, on the device and in eval mode.</param>
    /// <param name="locate">Where each of its tensors lies.</param>
    /// <param name="weights">A flat state dict.</param>
    /// <param name="device">Where the network goes.</param>
    /// <param name="harmless">Kinds of tensors that may be left over; null for none but counters.</param>
    internal static T LoadStateDict<T>(T network, Func<string, StoredTensor> locate, TensorFile weights, Device device, IReadOnlyList<IgnoredTensor>? harmless = null) where T : nn.Module
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        HashSet<string> used = [];
        try
        {
            foreach (var (name, own) in network.state_dict())
            {
                using var tensorScope = NewDisposeScope();   // one tensor at a time is held twice, not the file
                var (storedName, factor) = locate(name);
                used.Add(storedName);
                if (IsCounter(name) && weights.Find(storedName) is null)
                    continue;   // PyTorch before 0.4.1 did not count

                var stored = weights[storedName];
                if (!WithoutOnes(stored.Shape).SequenceEqual(WithoutOnes(own.shape)))
                    throw new CheckpointException(
                        weights.Path,
                        $"tensor '{storedName}' has shape [{string.Join(", ", stored.Shape)}], the network needs [{string.Join(", ", own.shape)}]",
                        $"the file mixes two networks, or is of a variant that this version does not know; {CheckpointException.ExportAdvice}");
                var values = stored.Load(own.dtype).view(own.shape);
                if (!isfinite(values).all().item<bool>())
                    throw new CheckpointException(
                        weights.Path, $"tensor '{storedName}' holds values that are not finite numbers", "its training has diverged; take an earlier checkpoint");
                own.copy_(factor == 1 ? values : values * factor);
            }

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

    // How many batches a batch normalisation has seen: says nothing about what it computes.
    private static bool IsCounter(string name) => name.EndsWith(".num_batches_tracked", StringComparison.Ordinal);

    private static IEnumerable<long> WithoutOnes(IEnumerable<long> shape) => shape.Where(size => size != 1);

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
            ? throw new CheckpointException(beside.Path, "holds a generator and no discriminator", "name the file that has it, or leave generator.discriminator out: one is then warmed up on the generator's own samples")
            : GanSections.WholeOf(other).In(other);
    }

    private static ImageDiscriminator DiscriminatorFrom(TensorFile weights, IGeneratorArchitecture architecture, ImageGenerator generator, Device device)
    {
        if (generator is SequentialGenerator { EndsInUnitRange: true })
            throw new CheckpointException(
                weights.Path, "is a discriminator beside a generator that ends in Sigmoid, whose images of 0 to 1 it was trained on",
                "leave generator.discriminator out: one is then warmed up on the generator's own samples; or export both as TorchScript");

        return Built(
            weights.Path, $"discriminator for this {architecture.Name}",
            () => LoadStateDict(architecture.BuildDiscriminator(GanSections.StoredIn(weights), generator), architecture, weights, device),
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
            throw new CheckpointException(path, $"is not a {what} that can be built: {impossible.Message}", RemedyFor(impossible) + otherwise, cause: impossible);
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
    /// <param name="layers">Of the generator as somebody states them, or null.</param>
    public static bool HasGeneratorOnly(TensorFile file, IReadOnlyList<string>? layers = null) =>
        file.Format != TorchScriptFormat.FormatName && GanSections.DiscriminatorsIn(file).Count == 0 && Describe(file, layers) is not null;
}

/// <summary>What can be said of a generator without building it.</summary>
/// <param name="Architecture">A name of the catalogue.</param>
/// <param name="Description">One line about its size.</param>
/// <param name="Channels">Of its images.</param>
/// <param name="Resolution">Of its images, pixels a side.</param>
/// <param name="Assumed">What is taken for granted about its layers because its weights do not tell it, in a sentence; null where nothing is.</param>
/// <param name="Place">Under which name it lies in the file: a section (<c>g_ema</c>), or what stands before its tensors' names (<c>module.</c>); null where nothing does.</param>
public sealed record DescribedGenerator(string Architecture, string Description, int Channels, int Resolution, string? Assumed = null, string? Place = null);

/// <summary>A generator from a checkpoint.</summary>
/// <param name="Generator">In eval mode; owned by this.</param>
/// <param name="Discriminator">In eval mode; owned by this; null where the checkpoint has none.</param>
/// <param name="Architecture">A name of the catalogue, or that of <see cref="TorchScriptFormat"/> where the checkpoint brings its own.</param>
/// <param name="Description">One line about its size.</param>
/// <param name="Sha256">Of the checkpoint.</param>
/// <param name="Format">Of the checkpoint.</param>
/// <param name="Section">Which of its generators this is: a section (<c>g_ema</c>), or what stands before its tensors' names (<c>module.</c>); null where nothing does.</param>
public sealed record LoadedGenerator(
    ImageGenerator Generator, ImageDiscriminator? Discriminator, string Architecture, string Description, string Sha256, string Format, string? Section) : IDisposable
{
    /// <summary>What was taken for granted about the generator's layers because its weights do not tell it; null where all is told or was stated.</summary>
    public AssumedLayers? Assumed { get; init; }

    /// <summary>What was noticed in the file, in sentences that say "it" of the generator.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <inheritdoc/>
    public void Dispose()
    {
        Generator.Dispose();
        Discriminator?.Dispose();
    }
}
