using System.CommandLine;
using System.Globalization;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;

namespace AdaptThenUnlearn.Cli;

/// <summary>Options that say what the inputs of an ONNX generator get, and how its output holds images.</summary>
internal sealed class GraphOptions
{
    private const string InputForm =
        "NAME=latent, NAME=noise, NAME=truncation, NAME=label, NAME=label:CLASS or NAME=constant:NUMBER[,NUMBER…]";

    private readonly Option<string[]> _inputs = new("--input")
    {
        Description = $"What an input of an ONNX graph gets, once for each input unless it has only one: {InputForm}",
    };

    private readonly Option<string?> _output = new("--output-name")
    {
        Description = "Output of an ONNX graph that holds the images, unless it has only one",
    };

    private readonly Option<string?> _layout = new("--layout")
    {
        Description = "Order of the dimensions of an ONNX graph's images, where their shape does not show it",
    };

    private readonly Option<string?> _range = new("--range")
    {
        Description = "Black and white of an ONNX graph's images, where the graph does not show them",
    };

    /// <summary>Creates the options.</summary>
    public GraphOptions()
    {
        _layout.AcceptOnlyFromAmong(ImagePreprocessing.ChannelsFirst, ImagePreprocessing.ChannelsLast);
        _range.AcceptOnlyFromAmong(ImagePreprocessing.Symmetric, ImagePreprocessing.Unit, ImagePreprocessing.Bytes);
    }

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        command.Options.Add(_inputs);
        command.Options.Add(_output);
        command.Options.Add(_layout);
        command.Options.Add(_range);
    }

    /// <summary>What the options say; null where they say nothing.</summary>
    /// <param name="parsed">The arguments' values.</param>
    /// <param name="format">Of the checkpoint, as the command line says it.</param>
    /// <exception cref="BadArgumentException">An option is wrong, or is for another format.</exception>
    public GraphUse? GetUse(ParseResult parsed, string format)
    {
        var inputs = parsed.GetValue(_inputs) ?? [];
        var output = new GraphOutput(parsed.GetValue(_output), parsed.GetValue(_layout), parsed.GetValue(_range));
        if (inputs.Length == 0 && output == new GraphOutput())
            return null;
        if (format != GeneratorChoice.Onnx)
            throw new BadArgumentException(
                $"--input, --output-name, --layout and --range are for --format {GeneratorChoice.Onnx}");

        var named = new Dictionary<string, GraphInput>();
        foreach (var (name, input) in inputs.Select(Parse))
            if (!named.TryAdd(name, input))
                throw new BadArgumentException($"--input names '{name}' twice");
        if (named.Count > 0 && named.Values.Count(input => input.Is == GraphInput.Latent) != 1)
            throw new BadArgumentException("--input must say of exactly one input that it is the latent");
        return new GraphUse(named.Count > 0 ? named : null, output);
    }

    private static (string Name, GraphInput Input) Parse(string text)
    {
        var at = text.LastIndexOf('=');
        var (kind, value) = text[(at + 1)..].Split(':', 2) is [var before, var after] ? (before, after) : (text[(at + 1)..],
            null);
        var input = (kind, value) switch
        {
            (GraphInput.Latent or GraphInput.Noise or GraphInput.Truncation or GraphInput.Label, null) => new GraphInput(kind),
            (GraphInput.Label, { } number) when int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var its)
                && its < 65536 => new GraphInput(kind, Class: its),
            (GraphInput.Constant, { } numbers) when Numbers(numbers) is { } its => new GraphInput(kind, Value: its),
            _ => null,
        };
        return at > 0 && input is not null
            ? (text[..at], input)
            : throw new BadArgumentException($"--input '{text}' is not of the form {InputForm}");
    }

    private static List<double>? Numbers(string text)
    {
        List<double> numbers = [];
        foreach (var part in text.Split(','))
        {
            if (!double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture,
                out var number) || !double.IsFinite(number))
                return null;
            numbers.Add(number);
        }

        return numbers;
    }
}
