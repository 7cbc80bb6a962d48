using System.CommandLine;
using System.Text.Json;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Models.Sequence;

namespace AdaptThenUnlearn.Cli;

/// <summary>
/// <c>--layers</c>: a generator's layers, for commands that take no policy. In a policy they are <c>generator.layers</c>.
/// </summary>
public sealed class LayersOption
{
    private const long MaxFileBytes = 1 << 20;

    private readonly Option<string?> _layers = new("--layers")
    {
        Description = "Layers of a DCGAN or a fully connected GAN, which its weights do not contain: " +
            $"{string.Join(", ", LayerText.Layouts)}, or a file with the output of Python's print(netG) or a JSON list",
        HelpName = "NAME|FILE",
    };

    /// <summary>Adds the option to a command.</summary>
    public void AddTo(Command command) => command.Options.Add(_layers);

    /// <summary>The given layers, or null.</summary>
    /// <exception cref="BadArgumentException">They cannot be read; the message names the layer.</exception>
    public IReadOnlyList<string>? GetLayers(ParseResult parsed)
    {
        if (parsed.GetValue(_layers) is not { } given)
            return null;
        if (LayerText.Layouts.Contains(given))
            return [given];
        if (!RegularFile.Exists(given))
            throw new BadArgumentException(
                $"--layers: '{given}' is neither a file nor one of {string.Join(", ", LayerText.Layouts)}");
        if (new FileInfo(given).Length > MaxFileBytes)
            throw new BadArgumentException($"--layers: {given} is too large for a list of layers");

        var layers = ParseList(RegularFile.ReadAllText(given, MaxFileBytes), given);
        foreach (var (number, layer) in layers.Index())
            if (!(layers.Count == 1 && LayerText.Layouts.Contains(layer)) && LayerText.FindProblem(layer) is { } problem)
                throw new BadArgumentException(FormattableString.Invariant($"--layers: {given}, layer {number}: {problem}"));
        return layers.Count > 0 ? layers : throw new BadArgumentException($"--layers: {given} lists no layers");
    }

    /// <summary>How to state layers in a policy, and on the command line if that is short.</summary>
    internal static string FormatStatement(IReadOnlyList<string> layers) =>
        $"{(layers.Count == 1 ? $"--layers {layers[0]}, or " : "")}{UnclearLayersException.Property(layers)} in a "
            + "policy's generator";

    // Reads a JSON list, or lines; skips the lines of the sequence itself ("Sequential(", ")").
    private static IReadOnlyList<string> ParseList(string text, string file)
    {
        if (!text.TrimStart().StartsWith('['))
            return [.. text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
                .Where(line => !IsFrame(line))];
        try
        {
            return JsonSerializer.Deserialize<IReadOnlyList<string>>(text) ?? [];
        }
        catch (JsonException bad)
        {
            throw new BadArgumentException($"--layers: {file} is not a JSON list of strings: {bad.Message}");
        }
    }

    private static bool IsFrame(string line) =>
        line == ")" || line.EndsWith("Sequential(", StringComparison.Ordinal) || (line.EndsWith('(') && !line.Contains(','));
}
