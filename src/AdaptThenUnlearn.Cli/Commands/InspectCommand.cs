using System.CommandLine;
using System.Globalization;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Sources;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary><c>atu inspect</c>: describes a checkpoint without building or running the network in it.</summary>
public static class InspectCommand
{
    private const int MaxValuesShown = 40;
    private const int MaxTensorsShown = 8;

    /// <summary>Builds the command.</summary>
    public static Command Build(Terminal terminal)
    {
        var file = new Argument<FileInfo>("CHECKPOINT")
        {
            Description = "A checkpoint of any known format, or a folder of images",
        };
        var tensors = new Option<bool>("--tensors") { Description = "List every tensor" };
        var layers = new LayersOption();
        var command = new Command("inspect", "Describe what a checkpoint contains and what is missing, without executing it")
        {
            file, tensors, Terminal.Json,
        };
        layers.AddTo(command);
        command.SetGuardedAction(terminal, (parsed, cancel) =>
        {
            if (Directory.Exists(parsed.GetRequiredValue(file).FullName))
            {
                var folder = FolderInspection.Inspect(parsed.GetRequiredValue(file).FullName, cancel);
                Terminal.WriteJson(new { folder });
                Describe(folder);
                return ExitCodes.Passed;
            }

            var opened = CheckpointFile.Open(parsed.GetRequiredValue(file).FullName, cancel);
            var found = Inspection.Inspect(opened, layers.GetLayers(parsed));
            var content = found.Refused.Count == 0 ? CheckpointFormats.Read(opened, found.Format) : null;
            var listed = content?.Tensors
                .Select(tensor => new ListedTensor(tensor.Name, tensor.Type.ToString(), tensor.Shape))
                .ToList() ?? [];
            Terminal.WriteJson(new { inspection = found, tensors = listed });
            Describe(found, [.. parsed.GetValue(tensors) ? listed : listed.Take(MaxTensorsShown)]);
            return ExitCodes.Passed;
        });
        return command;
    }

    private static void Describe(FolderInspection folder)
    {
        Terminal.WriteResultLine(folder.Path);
        Line("images", folder.Summary);
        foreach (var size in folder.Sizes)
            Line($"{size.Width}×{size.Height}", string.Create(CultureInfo.InvariantCulture, $"{size.Images:N0} images"));
        Line("channels", folder.AreGrey ? "grey: every image has three equal channels" : "rgb");
        Line("repeated", string.Create(
            CultureInfo.InvariantCulture,
            $"{folder.Repeated:N0} images are the same as another one, or nearly so; " +
            $"{folder.Images - folder.Distinct:N0} have the same pixels"));
        Line("sha-256", folder.Sha256);

        static void Line(string name, string value) => Terminal.WriteResultLine($"  {name,-16} {value}");
    }

    private static void Describe(Inspection found, IReadOnlyList<ListedTensor> tensors)
    {
        Terminal.WriteResultLine($"{found.Path}");
        Line("format", found.Format);
        var architecture = found.Generator?.Description ?? found.Metadata.GetValueOrDefault("architecture");
        Line("architecture", architecture ?? DescribeUnknown());
        if (found.Generator is { Place: { } place })
            Line("read from", place);
        Line("precision", string.Join(", ", found.Types.Select(type => string.Create(
            CultureInfo.InvariantCulture, $"{type.Key} ({type.Value} tensors)"))));
        Line("size", string.Create(
            CultureInfo.InvariantCulture, $"{found.Bytes:N0} bytes, {found.Tensors} tensors, {found.Parameters:N0} parameters"));
        Line("sha-256", found.Sha256);
        foreach (var section in found.Sections)
            Line(
                section.Name.Length == 0 ? "(no section)" : section.Name,
                string.Create(CultureInfo.InvariantCulture, $"{section.Tensors} tensors, {section.Parameters:N0} parameters"));
        foreach (var (name, counts) in HeldOut(found)?.ByClass ?? new Dictionary<string, HeldOutError>())
            Line($"held out {name}", counts.ToString());
        foreach (var (key, value) in found.Metadata)
            Line($"metadata {key}", value.Length > 200 ? value[..200] + "…" : value);
        foreach (var value in found.Values.Take(MaxValuesShown))
            Line($"value {value.Name}", value.Text);
        if (found.Values.Count > MaxValuesShown)
            Line("values", string.Create(
                CultureInfo.InvariantCulture, $"{found.Values.Count - MaxValuesShown} more; --json lists them all"));
        foreach (var global in found.Globals)
            Line(
                "global",
                found.Refused.Contains(global)
                    ? $"{global} (refused)"
                    : found.PassedOver.Contains(global) ? $"{global} (passed over)" : global);
        foreach (var note in found.Notes)
            Line("note", note);
        foreach (var tensor in tensors)
            Line(tensor.Name, $"{tensor.Type} [{string.Join(", ", tensor.Shape)}]");
        if (tensors.Count < found.Tensors)
            Line(
                "tensors",
                string.Create(CultureInfo.InvariantCulture, $"{found.Tensors - tensors.Count} more; --tensors lists them all"));

        string DescribeUnknown() => GeneratorChoice.IsProgram(found.Format) ? "defined by the program" : "unknown to this " +
            "version";

        static void Line(string name, string value) => Terminal.WriteResultLine($"  {name,-16} {value}");
    }

    // Damaged counts are shown as they are, among the metadata.
    private static HeldOutCounts? HeldOut(Inspection found)
    {
        try
        {
            return ClassifierCheckpoint.HeldOutIn(found.Metadata);
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private sealed record ListedTensor(string Name, string Type, IReadOnlyList<long> Shape);
}
