using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>
/// A description of a checkpoint, made without reading values of tensors and without running anything. It can be written as JSON.
/// </summary>
/// <param name="Path">The file.</param>
/// <param name="Format">Name of its format.</param>
/// <param name="Bytes">Its size in bytes, with the files beside it that belong to it.</param>
/// <param name="Sha256">64 lower-case hexadecimal digits.</param>
/// <param name="Generator">
/// The generator in it. Null where this version knows none in it, where the file is refused, or where it is a program.
/// </param>
/// <param name="Sections">Its content by section; one with an empty name for tensors outside of any section.</param>
/// <param name="Tensors">Number of tensors in all sections.</param>
/// <param name="Parameters">Number of floating-point elements in all sections, buffers and optimiser states included.</param>
/// <param name="Types">Number of tensors by element type.</param>
/// <param name="Metadata">Text by key.</param>
/// <param name="Values">Plain values beside the tensors.</param>
/// <param name="Globals">The pickle globals that it refers to.</param>
/// <param name="Refused">The globals for which the file is refused, because they run code.</param>
/// <param name="PassedOver">The unknown globals; the values that they would make are passed over.</param>
/// <param name="Notes">What is missing or unusual, in sentences.</param>
public sealed record Inspection(
    string Path,
    string Format,
    long Bytes,
    string Sha256,
    DescribedGenerator? Generator,
    IReadOnlyList<InspectedSection> Sections,
    int Tensors,
    long Parameters,
    IReadOnlyDictionary<string, int> Types,
    IReadOnlyDictionary<string, string> Metadata,
    IReadOnlyList<PlainValue> Values,
    IReadOnlyList<string> Globals,
    IReadOnlyList<string> Refused,
    IReadOnlyList<string> PassedOver,
    IReadOnlyList<string> Notes)
{
    private const int MostNamed = 6;

    /// <summary>Describes a file, also one that would be refused for its pickle's globals.</summary>
    /// <param name="path">The file.</param>
    /// <param name="layers">The generator's layers where they are stated; otherwise null.</param>
    /// <exception cref="CheckpointException">The file is missing, damaged or of an unknown format.</exception>
    public static Inspection Inspect(string path, IReadOnlyList<string>? layers = null) =>
        Inspect(CheckpointFile.Open(path), layers);

    /// <inheritdoc cref="Inspect(string, IReadOnlyList{string})"/>
    /// <param name="opened">The file, as it was hashed.</param>
    /// <param name="layers">The generator's layers where they are stated; otherwise null.</param>
    public static Inspection Inspect(CheckpointFile opened, IReadOnlyList<string>? layers = null)
    {
        // Read what the file holds.
        var path = opened.Path;
        var format = CheckpointFormats.Detect(opened);
        var file = format.Read(opened, inspectOnly: true);

        // Sort it by section, and find the generator.
        var sections = file.Tensors
            .GroupBy(tensor => TensorFile.SectionOf(tensor.Name) ?? "")
            .Select(section => new InspectedSection(section.Key, section.Count(), CountParameters(section)))
            .ToList();
        var further = format.FurtherFiles(opened);
        var generator = file.Refused.Count == 0 && !format.IsProgram ? GeneratorCheckpoint.Describe(file, layers) : null;
        return new Inspection(
            path, file.Format, further.Prepend(path).Sum(each => new FileInfo(each).Length), opened.Sha256, generator,
            sections, file.Tensors.Count, CountParameters(file.Tensors),
            file.Tensors.GroupBy(tensor => tensor.Type)
                .OrderBy(group => group.Key)
                .ToDictionary(group => group.Key.ToString(), group => group.Count()),
            file.Metadata,
            file.Values,
            file.Globals,
            file.Refused,
            file.PassedOver,
            [.. NotesOn(file, format.IsProgram, further.Count, generator?.Assumed, layers)]);
    }

    private static long CountParameters(IEnumerable<TensorEntry> tensors) =>
        tensors.Where(tensor => tensor.Type.IsFloatingPoint()).Sum(tensor => tensor.Count);

    private static IEnumerable<string> NotesOn(
        TensorFile file, bool isProgram, int furtherFiles, string? assumed, IReadOnlyList<string>? layers)
    {
        if (file.Format == OnnxFormat.FormatName)
            foreach (var note in OnnxFormat.NotesOn(file.File))
                yield return note;
        else if (isProgram)
            yield return $"It is a TorchScript program; nothing of it was run. Only where its format is named, "
                + $"'{TorchScriptFormat.FormatName}', is it run.";
        if (furtherFiles > 0)
            yield return $"Its tensors lie in {furtherFiles} files beside it; the digest is the index's alone.";
        if (file.Refused.Count > 0)
            yield return $"It will not be read: its pickle asks for "
                + $"{string.Join(", ", file.Refused.Select(name => $"'{name}'"))}.";
        if (file.Tensors.Count == 0 && !isProgram)
            yield return "It holds no tensors.";
        else if (file.Sections.Count == 0 && !isProgram)
            yield return "It is one flat state dict: one network, not named.";
        if (file.Unread.Count > 0 && file.Format != OnnxFormat.FormatName)
        {
            var unread = file.Unread
                .DistinctBy(tensor => tensor.Name)
                .Take(MostNamed)
                .Select(tensor => $"'{CheckpointException.Sanitize(tensor.Name)}' ({tensor.Kind})");
            yield return $"It holds tensors that are not read: {string.Join(", ", unread)}.";
        }
        if (!isProgram && new UnknownGenerator(file).Kind is (var what, var remedy))
            yield return $"It {what}; {remedy}.";
        if (file.Refused.Count == 0 && !isProgram)
            foreach (var note in GeneratorCheckpoint.NotesOn(file))
                yield return $"The generator: {note}.";
        foreach (var missing in isProgram ? [] : GanSections.MissingIn(file))
            yield return missing;
        if (assumed is not null)
            yield return $"Assumed, because weights do not tell it: {assumed}. A verdict needs it stated as `layers` of the "
                + "policy's generator.";
        if (file.Refused.Count == 0 && !isProgram && GeneratorCheckpoint.WhyNotBuilt(file, layers) is { } why)
            yield return $"It cannot be rebuilt: {why}.";
        if (file.Refused.Count == 0 && GeneratorCheckpoint.HasGeneratorOnly(file, layers))
            yield return "It holds a generator alone: should a policy have it unlearned, `atu govern` warms up a discriminator "
                + "on its samples first, unless generator.discriminator names a file that has one.";
    }
}

/// <summary>One section of an inspected checkpoint.</summary>
/// <param name="Name">Its name; empty for tensors outside of any.</param>
/// <param name="Tensors">Number of tensors.</param>
/// <param name="Parameters">Number of floating-point elements.</param>
public sealed record InspectedSection(string Name, int Tensors, long Parameters);
