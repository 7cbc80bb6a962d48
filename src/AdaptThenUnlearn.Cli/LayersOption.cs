using System.CommandLine;
using System.Text.Json;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Models.Sequence;

namespace AdaptThenUnlearn.Cli;

/// <summary><c>--layers</c>: what a policy says as <c>generator.layers</c>, where a command takes a checkpoint instead of a policy.</summary>
public sealed class LayersOption
{
    private const long MaxFileBytes = 1 << 20;

    private readonly Option<string?> _layers = new("--layers")
    {
        Description = $"Layers of a DCGAN or a fully connected GAN, which weights do not tell: {string.Join(", ", LayerText.Layouts)}, or a file with what Python's print(netG) shows (or a JSON list)",
        HelpName = "NAME|FILE",
    };

    /// <summary>Gives a command the option.</summary>
    public void AddTo(Command command) => command.Options.Add(_layers);

    /// <summary>The layers that were given, or null.</summary>
    /// <exception cref="BadArgumentException">They cannot be read; the message says which line.</exception>
    public IReadOnlyList<string>? GetLayers(ParseResult parsed)
    {
        if (parsed.GetValue(_layers) is not { } given)
            return null;
        if (LayerText.Layouts.Contains(given))
            return [given];
        if (!RegularFile.Exists(given))
            throw new BadArgumentException($"--layers: '{given}' is neither a file nor one of {string.Join(", ", LayerText.Layouts)}");
        if (new FileInfo(given).Length > MaxFileBytes)
            throw new BadArgumentException($"--layers: {given} is larger than any list of layers");

        var layers = Listed(RegularFile.ReadAllText(given, MaxFileBytes), given);
        foreach (var (number, layer) in layers.Index())
            if (!(layers.Count == 1 && LayerText.Layouts.Contains(layer)) && LayerText.FindProblem(layer) is { } problem)
                throw new BadArgumentException(FormattableString.Invariant($"--layers: {given}, layer {number}: {problem}"));
        return layers.Count > 0 ? layers : throw new BadArgumentException($"--layers: {given} lists no layers");
    }

    /// <summary>How layers are stated: on the command line where that is short, and in a policy.</summary>
    internal static string Statement(IReadOnlyList<string> layers) =>
        $"{(layers.Count == 1 ? $"--layers {layers[0]}, or " : "")}{UnclearLayersException.Property(layers)} in a policy's generator";

    // A JSON list, or lines of which those of the sequence itself ("Sequential(", ")") are passed over.
    private static IReadOnlyList<string> Listed(string text, string file)
    {
        if (!text.TrimStart().StartsWith('['))
            return [.. text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Where(line => !IsFrame(line))];
        try
        {
            return JsonSerializer.Deserialize<IReadOnlyList<string>>(text) ?? [];
        }
        catch (JsonException bad)
        {
            throw new BadArgumentException($"--layers: {file} is not a JSON list of texts: {bad.Message}");
        }
    }

    private static bool IsFrame(string line) => line == ")" || line.EndsWith("Sequential(", StringComparison.Ordinal) || (line.EndsWith('(') && !line.Contains(','));
}
