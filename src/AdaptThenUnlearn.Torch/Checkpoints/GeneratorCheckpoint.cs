using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>Builds generators and discriminators from checkpoints, and saves them again.</summary>
/// <remarks>
/// Sections are those of <see cref="GanSections"/>; a flat state dict is a generator alone.
/// </remarks>
public static class GeneratorCheckpoint
{
    /// <summary>Loads a generator, and its discriminator where there is one.</summary>
    /// <param name="path">The checkpoint.</param>
    /// <param name="format">A format's name, or <c>auto</c>.</param>
    /// <param name="sha256">Pin, or null.</param>
    /// <param name="discriminatorPath">A checkpoint that holds the discriminator where the generator's has none, or null.</param>
    /// <param name="device">Where the networks go.</param>
    /// <param name="network"><c>ema</c> (falls back to the only generator there is) or <c>generator</c>.</param>
    /// <param name="latentSize">Of a program whose weights do not tell it, or null; other formats tell it themselves.</param>
    /// <returns>Networks in eval mode; belong to the caller.</returns>
    /// <exception cref="CheckpointException">The file is missing, damaged, not pinned so, or no generator that this version knows.</exception>
    public static LoadedGenerator Load(
        string path, string format, string? sha256, string? discriminatorPath, Device device, string network = "ema", int? latentSize = null)
    {
        var digest = sha256 is null ? CheckpointDigest.Of(path) : CheckpointDigest.Check(path, sha256);
        if (format == TorchScriptFormat.FormatName)
            return ScriptedGan.Load(path, digest, latentSize, discriminatorPath, device);

        var file = CheckpointFormats.Read(path, format);
        var section = GanSections.GeneratorIn(file, averaged: network != "generator");
        var weights = section is null ? file : file.Section(section);
        var stored = Stored(weights);
        var architecture = GeneratorArchitectures.Of(stored) ?? throw new CheckpointException(
            path,
            $"holds no generator of a known architecture ({string.Join(", ", GeneratorArchitectures.All.Select(known => known.Name))})",
            "see `atu inspect` for what it holds");
        try
        {
            var generator = Filled(architecture.BuildGenerator(stored), architecture, weights, device);
            return new LoadedGenerator(
                generator, LoadDiscriminator(file, discriminatorPath, architecture, generator, device), architecture.Name, architecture.Describe(stored), digest, file.Format, section);
        }
        catch (ArgumentException impossible)
        {
            throw new CheckpointException(path, $"is not a {architecture.Name} that can be built: {impossible.Message}", "check that the file is complete", cause: impossible);
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
    /// <param name="original">The original's file.</param>
    /// <param name="loaded">What was loaded from it.</param>
    /// <param name="path">Replaced all at once.</param>
    /// <param name="networks">Of the original's size; stay the caller's.</param>
    /// <param name="metadata">Text by key, for formats that keep such.</param>
    /// <exception cref="CheckpointException">The original has gone or changed.</exception>
    /// <exception cref="FileNotWrittenException">The file cannot be written.</exception>
    public static void SaveLike(string original, LoadedGenerator loaded, string path, GanPair networks, IReadOnlyDictionary<string, string> metadata)
    {
        if (CheckpointDigest.Of(original) != loaded.Sha256)
            throw new CheckpointException(original, "has changed since it was loaded, so what is saved would be a mixture", "run again on the file as it is now");

        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var file = CheckpointFormats.Read(original, loaded.Format);
        if (loaded.Format == TorchScriptFormat.FormatName)
        {
            CheckpointFormats.Named(file.Format).Rewrite(file, path, ScriptedGan.Trained(networks.Generator), metadata);
            return;
        }

        var architecture = GeneratorArchitectures.Named(loaded.Architecture);
        Dictionary<string, Tensor> values = [];
        if (loaded.Section is null)
            Add(null, networks.Generator, networks.Generator.state_dict().Keys);
        foreach (var section in GanSections.GeneratorsIn(file))
            Add(section, networks.Generator, section == loaded.Section ? networks.Generator.state_dict().Keys : networks.Generator.named_parameters().Select(parameter => parameter.name));
        if (GanSections.DiscriminatorIn(file) is { } critic)
            Add(critic, networks.Discriminator, networks.Discriminator.state_dict().Keys);
        CheckpointFormats.Named(file.Format).Rewrite(file, path, values, metadata);

        void Add(string? section, nn.Module network, IEnumerable<string> names)
        {
            var state = network.state_dict();
            foreach (var name in names)
            {
                var (storedName, factor) = architecture.Locate(network, name);
                var full = section is null ? storedName : $"{section}{TensorFile.SectionSeparator}{storedName}";
                if (file.Find(full) is not null || !IsCounter(name))
                    values[full] = factor == 1 ? state[name] : state[name] / factor;
            }
        }
    }

    /// <summary>What generator a checkpoint holds, or null where it is none that this version knows.</summary>
    /// <param name="file">As read.</param>
    public static DescribedGenerator? Describe(TensorFile file)
    {
        var section = GanSections.GeneratorIn(file, averaged: true);
        var stored = Stored(section is null ? file : file.Section(section));
        try
        {
            return GeneratorArchitectures.Of(stored) is { } architecture
                ? new DescribedGenerator(architecture.Name, architecture.Describe(stored), architecture.Images(stored).Channels, architecture.Images(stored).Resolution)
                : null;
        }
        catch (ArgumentException)
        {
            return null;   // looks like one by name, but cannot be built
        }
    }

    /// <summary>Copies stored weights into a fresh network, which must have exactly these tensors.</summary>
    /// <param name="network">Returned, on the device and in eval mode.</param>
    /// <param name="weights">A flat state dict.</param>
    /// <param name="device">Where the network goes.</param>
    /// <exception cref="CheckpointException">A tensor is missing or has another shape; the message names it. The network is disposed.</exception>
    public static T Filled<T>(T network, TensorFile weights, Device device) where T : nn.Module => Filled(network, name => new StoredTensor(name), weights, device);

    private static T Filled<T>(T network, IGeneratorArchitecture architecture, TensorFile weights, Device device) where T : nn.Module =>
        Filled(network, name => architecture.Locate(network, name), weights, device);

    /// <inheritdoc cref="Filled{T}(T, TensorFile, Device)"/>
    /// <param name="network">Returned, on the device and in eval mode.</param>
    /// <param name="locate">Where each of its tensors lies.</param>
    /// <param name="weights">A flat state dict.</param>
    /// <param name="device">Where the network goes.</param>
    internal static T Filled<T>(T network, Func<string, StoredTensor> locate, TensorFile weights, Device device) where T : nn.Module
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        try
        {
            foreach (var (name, own) in network.state_dict())
            {
                using var tensorScope = NewDisposeScope();   // one tensor at a time is held twice, not the file
                var (storedName, factor) = locate(name);
                if (IsCounter(name) && weights.Find(storedName) is null)
                    continue;   // PyTorch before 0.4.1 did not count

                var stored = weights[storedName];
                if (!WithoutOnes(stored.Shape).SequenceEqual(WithoutOnes(own.shape)))
                    throw new CheckpointException(
                        weights.Path,
                        $"tensor '{storedName}' has shape [{string.Join(", ", stored.Shape)}], the network needs [{string.Join(", ", own.shape)}]",
                        "the file mixes two networks, or was saved by a variant that this version does not know");
                var values = stored.Load(own.dtype).view(own.shape);
                if (!isfinite(values).all().item<bool>())
                    throw new CheckpointException(
                        weights.Path, $"tensor '{storedName}' holds values that are not finite numbers", "its training has diverged; take an earlier checkpoint");
                own.copy_(factor == 1 ? values : values * factor);
            }

            TorchSharp.ModuleExtensionMethods.to(network, device);
            network.eval();
            return Weights.Freed(network);
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

    private static ImageDiscriminator? LoadDiscriminator(TensorFile file, string? otherPath, IGeneratorArchitecture architecture, ImageGenerator generator, Device device)
    {
        try
        {
            if (GanSections.DiscriminatorIn(file) is { } section)
                return Built(file.Section(section));
            if (otherPath is null)
                return null;

            var other = CheckpointFormats.Read(otherPath);
            if (GanSections.DiscriminatorIn(other) is { } its)
                return Built(other.Section(its));

            return HoldsGenerator(other)
                ? throw new CheckpointException(otherPath, "holds a generator and no discriminator", "name the file that has it, or leave generator.discriminator out: one is then warmed up on the generator's own samples")
                : Built(other);
        }
        catch
        {
            generator.Dispose();
            throw;
        }

        ImageDiscriminator Built(TensorFile weights) => Filled(architecture.BuildDiscriminator(Stored(weights), generator), architecture, weights, device);
    }

    private static bool HoldsGenerator(TensorFile file) => GanSections.GeneratorsIn(file).Count > 0 || GeneratorArchitectures.Of(Stored(file)) is not null;

    /// <summary>Whether a file holds a generator that this version knows, and no discriminator beside it.</summary>
    /// <param name="file">As read.</param>
    public static bool IsGeneratorAlone(TensorFile file) =>
        file.Format != TorchScriptFormat.FormatName && GanSections.DiscriminatorIn(file) is null && Describe(file) is not null;

    private static StoredNetwork Stored(TensorFile weights) => new(
        weights.Tensors.ToDictionary(tensor => tensor.Name, tensor => tensor.Shape),
        weights.Values.DistinctBy(value => value.Name).ToDictionary(value => value.Name, value => value.Text));
}

/// <summary>What can be said of a generator without building it.</summary>
/// <param name="Architecture">A name of the catalogue.</param>
/// <param name="Description">One line about its size.</param>
/// <param name="Channels">Of its images.</param>
/// <param name="Resolution">Of its images, pixels a side.</param>
public sealed record DescribedGenerator(string Architecture, string Description, int Channels, int Resolution);

/// <summary>A generator from a checkpoint.</summary>
/// <param name="Generator">In eval mode; owned by this.</param>
/// <param name="Discriminator">In eval mode; owned by this; null where the checkpoint has none.</param>
/// <param name="Architecture">A name of the catalogue, or that of <see cref="TorchScriptFormat"/> where the checkpoint brings its own.</param>
/// <param name="Description">One line about its size.</param>
/// <param name="Sha256">Of the checkpoint.</param>
/// <param name="Format">Of the checkpoint.</param>
/// <param name="Section">Which of its generators this is; null for a flat state dict.</param>
public sealed record LoadedGenerator(
    ImageGenerator Generator, ImageDiscriminator? Discriminator, string Architecture, string Description, string Sha256, string Format, string? Section) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose()
    {
        Generator.Dispose();
        Discriminator?.Dispose();
    }
}
