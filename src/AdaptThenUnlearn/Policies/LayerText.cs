using System.Globalization;
using System.Text.RegularExpressions;

namespace AdaptThenUnlearn.Policies;

/// <summary>
/// One layer of a network, as Python prints it: <c>ConvTranspose2d(64, 32, kernel_size=(4, 4), stride=(2, 2), padding=(1,
/// 1))</c>.
/// </summary>
/// <remarks>
/// The text may begin with the layer's number (<c>(3): </c>). Arguments that are left out have PyTorch's defaults. Sizes that the
/// weights have may be left out.
/// </remarks>
/// <param name="Type">PyTorch's name of the layer.</param>
/// <param name="Arguments">
/// The arguments by PyTorch's names; those written without a name have the name of their position.
/// </param>
public sealed partial record LayerText(string Type, IReadOnlyDictionary<string, string> Arguments)
{
    /// <summary>The names of known layouts; one of them may replace the whole list.</summary>
    public static IReadOnlyList<string> Layouts { get; } = [DcganTutorial, MlpTutorial];

    /// <summary>PyTorch's own DCGAN example: convolution, batch normalisation, ReLU; tanh at the end.</summary>
    public const string DcganTutorial = "dcgan-tutorial";

    /// <summary>Fully connected layers with ReLU between them; tanh at the end.</summary>
    public const string MlpTutorial = "mlp-relu-tanh";

    private static readonly string[] _norm = ["num_features", "eps", "momentum", "affine", "track_running_stats"];

    // Arguments without names are in this order.
    private static readonly Dictionary<string, string[]> _known = new()
    {
        ["ConvTranspose2d"] =
        [
            "in_channels", "out_channels", "kernel_size", "stride", "padding", "output_padding", "groups", "bias", "dilation"
        ],
        ["Conv2d"] = ["in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "bias"],
        ["Linear"] = ["in_features", "out_features", "bias"],
        ["BatchNorm2d"] = _norm,
        ["BatchNorm1d"] = _norm,
        ["InstanceNorm2d"] = _norm,
        ["ReLU"] = ["inplace"],
        ["LeakyReLU"] = ["negative_slope", "inplace"],
        ["PReLU"] = ["num_parameters"],
        ["Tanh"] = [],
        ["Sigmoid"] = [],
        ["Upsample"] = ["scale_factor", "mode"],
        ["UpsamplingNearest2d"] = ["scale_factor", "mode"],
        ["Unflatten"] = ["dim", "unflattened_size"],
        ["Dropout"] = ["p", "inplace"],
        ["Dropout2d"] = ["p", "inplace"],
        ["Identity"] = [],
    };

    // Arguments that may have only one value here, because no other is computed.
    private static readonly Dictionary<(string Type, string Argument), string> _only = new()
    {
        [("ConvTranspose2d", "groups")] = "1",
        [("ConvTranspose2d", "dilation")] = "1",
        [("Conv2d", "groups")] = "1",
        [("Conv2d", "dilation")] = "1",
        [("BatchNorm2d", "track_running_stats")] = "True",
        [("BatchNorm1d", "track_running_stats")] = "True",
        [("InstanceNorm2d", "track_running_stats")] = "False",
        [("Upsample", "mode")] = "nearest",
        [("UpsamplingNearest2d", "mode")] = "nearest",
        [("Unflatten", "dim")] = "1",
    };

    /// <summary>What is wrong with a text, or null.</summary>
    public static string? FindProblem(string text)
    {
        try
        {
            Parse(text);
            return null;
        }
        catch (FormatException wrong)
        {
            return wrong.Message;
        }
    }

    /// <summary>Reads one layer.</summary>
    /// <exception cref="FormatException">It is not a layer that can be computed here; the message says why.</exception>
    public static LayerText Parse(string text)
    {
        if (Layer().Match(text) is not { Success: true } match)
            throw new FormatException(
                $"'{text}' is not a layer as Python prints it, such as ConvTranspose2d(stride=2, padding=1), "
                    + "BatchNorm2d or ReLU");

        var type = match.Groups["type"].Value;
        if (!_known.TryGetValue(type, out var names))
            throw new FormatException(Suggestion.NotOneOf(type, [.. _known.Keys], "layer"));

        var arguments = new Dictionary<string, string>();
        var written = match.Groups["arguments"].Value;
        if (Argument().Replace(written, "").AsSpan().ContainsAnyExcept(" ,"))
            throw new FormatException($"'{text}': its arguments cannot be read; {DescribeArguments(type, names)}");

        foreach (var (place, part) in Argument().Matches(written).Index())
        {
            var name = part.Groups["name"] is { Success: true } named ? named.Value : names.ElementAtOrDefault(place);
            if (name is null || !names.Contains(name))
                throw new FormatException(
                    $"'{text}': {(name is null ? "it has too many arguments" : $"'{name}' is not known here")}; "
                        + $"{DescribeArguments(type, names)}");
            if (!arguments.TryAdd(name, part.Groups["value"].Value.Trim('\'', '"')))
                throw new FormatException($"'{text}': '{name}' is given twice");
        }

        var layer = new LayerText(type, arguments);
        layer.Check();
        return layer;
    }

    /// <summary>A whole number, or the number of a square pair; null if the argument is absent.</summary>
    /// <exception cref="FormatException">It is something else.</exception>
    public int? GetInt32(string argument)
    {
        if (!Arguments.TryGetValue(argument, out var text))
            return null;

        var sizes = Sizes(text)
            ?? throw new FormatException($"{Type}: '{argument}' must be a whole number of at most 65535, but is {text}");
        return sizes.Distinct().Count() == 1
            ? sizes[0]
            : throw new FormatException($"{Type}: '{argument}' must be the same in both directions, but is {text}");
    }

    /// <summary>A number; the default if the argument is absent.</summary>
    /// <exception cref="FormatException">It is something else.</exception>
    public double GetDouble(string argument, double defaultValue) =>
        !Arguments.TryGetValue(argument, out var text) ? defaultValue
        : double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            && double.IsFinite(number) ? number
        : throw new FormatException($"{Type}: '{argument}' must be a number, but is {text}");

    /// <summary>True or False; the default if the argument is absent.</summary>
    /// <exception cref="FormatException">It is something else.</exception>
    public bool GetBoolean(string argument, bool defaultValue) => Arguments.GetValueOrDefault(argument) switch
    {
        null => defaultValue,
        "True" or "true" => true,
        "False" or "false" => false,
        var other => throw new FormatException($"{Type}: '{argument}' must be True or False, but is {other}"),
    };

    /// <summary>The three sizes of <c>Unflatten</c>: maps, height, width.</summary>
    /// <exception cref="FormatException">They are something else.</exception>
    public (int Maps, int Side) GetUnflattenedSize() =>
        Arguments.TryGetValue("unflattened_size", out var text)
            && Sizes(text) is [var maps, var height, var width]
            && height == width
            ? (maps, height)
            : throw new FormatException(
                "Unflatten needs 'unflattened_size' with maps, height and width, the last two equal: Unflatten(1, (128, 7, 7))");

    private static List<int>? Sizes(string text)
    {
        List<int> sizes = [];
        foreach (var part in text.Trim('(', ')')
            .Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (!double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
                || number is < 0 or > 65535
                || number != Math.Floor(number))
                return null;
            sizes.Add((int)number);
        }

        return sizes.Count == 0 ? null : sizes;
    }

    private void Check()
    {
        foreach (var (argument, value) in Arguments)
        {
            if (_only.TryGetValue((Type, argument), out var only) && value != only)
                throw new FormatException(
                    $"{Type}: '{argument}' is {value}, but only {only} is known here; export the network as TorchScript");
            switch (argument)
            {
                case "eps" or "momentum" or "negative_slope" or "p":
                    GetDouble(argument, 0);
                    break;
                case "bias" or "affine" or "track_running_stats" or "inplace":
                    GetBoolean(argument, false);
                    break;
                case "mode" or "unflattened_size":
                    break;
                default:
                    GetInt32(argument);
                    break;
            }
        }

        if (GetInt32("stride") is 0 || GetInt32("scale_factor") is 0 || GetInt32("kernel_size") is 0)
            throw new FormatException($"{Type}: strides, kernels and factors are at least 1");
        if (GetDouble("eps", 1e-5) <= 0)
            throw new FormatException($"{Type}: 'eps' must be positive");
        if (Type.StartsWith("Upsampl", StringComparison.Ordinal) && GetInt32("scale_factor") is null)
            throw new FormatException($"{Type} needs 'scale_factor'");
        if (Type == "Unflatten")
            GetUnflattenedSize();
    }

    private static string DescribeArguments(string type, string[] names) =>
        names.Length == 0 ? $"{type} takes none" : $"{type} takes {string.Join(", ", names)}";

    [GeneratedRegex(
        @"^\s*(?:\(\d+\):\s*)?(?<type>[A-Za-z]\w*)\s*(?:\((?<arguments>(?:[^()]|\([^()]*\))*)\))?\s*$",
        RegexOptions.CultureInvariant)]
    private static partial Regex Layer();

    [GeneratedRegex(@"(?:(?<name>[A-Za-z_]\w*)\s*=\s*)?(?<value>\([^()]*\)|[^\s,()=]+)", RegexOptions.CultureInvariant)]
    private static partial Regex Argument();
}
