using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>What can be said about a checkpoint without reading a tensor's values or running anything; plain data, fit for JSON.</summary>
/// <param name="Path">The file.</param>
/// <param name="Format">Name of the format it was found to have.</param>
/// <param name="Bytes">Its length, with the files beside it that belong to it.</param>
/// <param name="Sha256">64 lower-case hexadecimal digits.</param>
/// <param name="Generator">The generator in it; null where there is none that this version knows, the file will not be read, or only running it would tell.</param>
/// <param name="Sections">What it holds, by section; one with an empty name for tensors outside of any.</param>
/// <param name="Tensors">Number of tensors in all sections.</param>
/// <param name="Parameters">Number of floating-point elements in all sections, buffers and optimiser states included.</param>
/// <param name="Types">Number of tensors by element type.</param>
/// <param name="Metadata">Text by key.</param>
/// <param name="Values">Plain values beside the tensors.</param>
/// <param name="Globals">Pickle globals it refers to.</param>
/// <param name="Refused">Those of them for which it will not be read.</param>
/// <param name="PassedOver">Those of them of which nothing is known: what they would make is passed over.</param>
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

    /// <summary>Looks at a file; one that would be refused for its pickle's globals is described all the same.</summary>
    /// <param name="path">The file.</param>
    /// <param name="layers">Of the generator as somebody states them, or null.</param>
    /// <exception cref="CheckpointException">It is missing, damaged or of no known format.</exception>
    public static Inspection Inspect(string path, IReadOnlyList<string>? layers = null) => Inspect(CheckpointFile.Open(path), layers);

    /// <inheritdoc cref="Inspect(string, IReadOnlyList{string})"/>
    /// <param name="opened">The file, as it was hashed.</param>
    /// <param name="layers">Of the generator as somebody states them, or null.</param>
    public static Inspection Inspect(CheckpointFile opened, IReadOnlyList<string>? layers = null)
    {
        var path = opened.Path;
        var format = CheckpointFormats.Detect(opened);
        var file = format.Read(opened, inspectOnly: true);
        var sections = file.Tensors
            .GroupBy(tensor => TensorFile.SectionOf(tensor.Name) ?? "")
            .Select(section => new InspectedSection(section.Key, section.Count(), CountParameters(section)))
            .ToList();
        var further = format.FurtherFiles(opened);
        var generator = file.Refused.Count == 0 && !format.IsProgram ? GeneratorCheckpoint.Describe(file, layers) : null;
        return new Inspection(
            path, file.Format, further.Prepend(path).Sum(each => new FileInfo(each).Length), opened.Sha256, generator,
            sections, file.Tensors.Count, CountParameters(file.Tensors),
            file.Tensors.GroupBy(tensor => tensor.Type).OrderBy(group => group.Key).ToDictionary(group => group.Key.ToString(), group => group.Count()),
            file.Metadata, file.Values, file.Globals, file.Refused, file.PassedOver, [.. NotesOn(file, format.IsProgram, further.Count, generator?.Assumed, layers)]);
    }

    private static long CountParameters(IEnumerable<TensorEntry> tensors) =>
        tensors.Where(tensor => tensor.Type.IsFloatingPoint()).Sum(tensor => tensor.Count);

    private static IEnumerable<string> NotesOn(TensorFile file, bool isProgram, int furtherFiles, string? assumed, IReadOnlyList<string>? layers)
    {
        if (isProgram)
            yield return $"It is a TorchScript program; nothing of it was run. Only where its format is named, '{TorchScriptFormat.FormatName}', is it run.";
        if (furtherFiles > 0)
            yield return $"Its tensors lie in {furtherFiles} files beside it; the digest is the index's alone.";
        if (file.Refused.Count > 0)
            yield return $"It will not be read: its pickle asks for {string.Join(", ", file.Refused.Select(name => $"'{name}'"))}.";
        if (file.Tensors.Count == 0)
            yield return "It holds no tensors.";
        else if (file.Sections.Count == 0 && !isProgram)
            yield return "It is one flat state dict: one network, not named.";
        if (file.Unread.Count > 0)
            yield return $"It holds tensors that are not read: {string.Join(", ", file.Unread.DistinctBy(tensor => tensor.Name).Take(MostNamed).Select(tensor => $"'{CheckpointException.Sanitize(tensor.Name)}' ({tensor.Kind})"))}.";
        if (new UnknownGenerator(file).Kind is (var what, var remedy))
            yield return $"It {what}; {remedy}.";
        if (file.Refused.Count == 0 && !isProgram)
            foreach (var note in GeneratorCheckpoint.NotesOn(file))
                yield return $"The generator: {note}.";
        foreach (var missing in GanSections.MissingIn(file))
            yield return missing;
        if (assumed is not null)
            yield return $"Assumed, because weights do not tell it: {assumed}. A verdict needs it stated as `layers` of the policy's generator.";
        if (file.Refused.Count == 0 && !isProgram && GeneratorCheckpoint.WhyNotBuilt(file, layers) is { } why)
            yield return $"It cannot be rebuilt: {why}.";
        if (file.Refused.Count == 0 && GeneratorCheckpoint.HasGeneratorOnly(file, layers))
            yield return "It holds a generator alone: should a policy have it unlearned, `atu govern` warms up a discriminator on its samples first, unless generator.discriminator names a file that has one.";
    }
}

/// <summary>One section of an inspected checkpoint.</summary>
/// <param name="Name">Its name; empty for tensors outside of any.</param>
/// <param name="Tensors">Number of tensors.</param>
/// <param name="Parameters">Number of floating-point elements.</param>
public sealed record InspectedSection(string Name, int Tensors, long Parameters);
