using System.Globalization;
using System.Text.RegularExpressions;

namespace AdaptThenUnlearn.Torch.Models.StyleGan2;

/// <summary>Compares the attributes of NVIDIA's modules with what is computed here.</summary>
/// <remarks>
/// github.com/NVlabs/stylegan2-ada-pytorch, <c>training/networks.py</c>: each module keeps its options as attributes. An option
/// that differs from the published default would make other images of the same weights, so it is refused unless it is supported
/// here. Attributes without effect on the images of the averaged generator are ignored: precision (<c>use_fp16</c>), memory
/// layout, and what training keeps.
/// </remarks>
internal static partial class NvidiaAttributes
{
    private const double Tolerance = 1e-6;
    private static readonly double _leakyGain = Math.Sqrt(2);

    /// <summary>Refuses a generator with options that are not computed here.</summary>
    /// <exception cref="ArgumentException">It has one; the message names it.</exception>
    public static void CheckGenerator(StoredNetwork stored)
    {
        var clamp = stored.Attributes.GetValueOrDefault("synthesis.b4.conv1.conv_clamp");
        foreach (var (name, value) in stored.Attributes)
            Expect(name, value, GeneratorValue(stored, name, clamp));
    }

    /// <summary>Refuses a discriminator with options that are not computed here.</summary>
    /// <exception cref="ArgumentException">It has one; the message names it.</exception>
    public static void CheckDiscriminator(StoredNetwork stored)
    {
        var clamp = stored.Attributes.GetValueOrDefault("b4.conv.conv_clamp");
        foreach (var (name, value) in stored.Attributes)
            Expect(name, value, DiscriminatorValue(stored, name, clamp));
    }

    private static string? GeneratorValue(StoredNetwork stored, string name, string? clamp)
    {
        if (Layer().Match(name) is { Success: true } layer)
            return (layer.Groups["layer"].Value, layer.Groups["option"].Value) switch
            {
                ("conv0" or "conv1", "activation") => "lrelu",
                ("conv0" or "conv1", "act_gain") => Text(_leakyGain),
                ("conv0" or "conv1", "use_noise") => "True",
                ("conv0", "up") => "2",
                ("conv1", "up") => "1",
                ("conv0" or "conv1", "padding") => "1",
                ("conv0" or "conv1" or "torgb", "conv_clamp") => clamp,
                ("torgb", "weight_gain") => Gain(stored, layer.Groups["path"].Value, 1),
                _ => null,
            };
        return Affine().Match(name) is { Success: true } affine ? Linear(stored, affine, "linear", multiplier: 1)
            : Mapping().Match(name) is { Success: true } mapped ? OfMapping(stored, mapped)
            : name.EndsWith(".architecture", StringComparison.Ordinal) ? "skip"
            : null;
    }

    private static string? DiscriminatorValue(StoredNetwork stored, string name, string? clamp)
    {
        if (Layer().Match(name) is { Success: true } layer)
            return (layer.Groups["layer"].Value, layer.Groups["option"].Value) switch
            {
                ("skip", "activation") => "linear",
                ("skip", "act_gain") => "1",
                ("skip", "conv_clamp") => null,
                ("conv0" or "conv1" or "conv" or "fromrgb", "activation") => "lrelu",
                ("conv0" or "conv1" or "conv" or "fromrgb", "act_gain") => Text(_leakyGain),
                ("conv0" or "conv1" or "conv" or "fromrgb", "conv_clamp") => clamp,
                ("conv1" or "skip", "down") => "2",
                ("conv0" or "conv" or "fromrgb", "down") => "1",
                (not "torgb", "up") => "1",
                ("conv0" or "conv1" or "conv", "padding") => "1",
                ("skip" or "fromrgb", "padding") => "0",
                (not "torgb", "weight_gain") => Gain(stored, layer.Groups["path"].Value, 1),
                _ => null,
            };
        return Epilogue().Match(name) is { Success: true } last ? Linear(
            stored, last, last.Groups["layer"].Value == "fc" ? "lrelu" : "linear", multiplier: 1)
            : Mapping().Match(name) is { Success: true } mapped ? OfMapping(stored, mapped)
            : null;
    }

    private static string? OfMapping(StoredNetwork stored, Match mapped) => mapped.Groups["layer"].Value == "embed"
        ? Linear(stored, mapped, "linear", multiplier: 1)
        : Linear(stored, mapped, "lrelu", multiplier: 0.01);

    /// <summary>What an attribute of a linear layer must be; null where it has no effect.</summary>
    /// <param name="stored">The network.</param>
    /// <param name="layer">A match of the attribute's name, with the groups <c>path</c> and <c>option</c>.</param>
    /// <param name="activation">The layer's activation.</param>
    /// <param name="multiplier">The layer's factor on the learning rate.</param>
    internal static string? Linear(StoredNetwork stored, Match layer, string activation, double multiplier) =>
        layer.Groups["option"].Value switch
        {
            "activation" => activation,
            "bias_gain" => Text(multiplier),
            "weight_gain" => Gain(stored, layer.Groups["path"].Value, multiplier),
            _ => null,
        };

    // Multiplier / √(inputs × kernel²): what keeps the variance.
    private static string? Gain(StoredNetwork stored, string path, double multiplier) =>
        stored.Shapes.GetValueOrDefault(path + ".weight") is [_, _, ..] shape && shape.All(size => size > 0)
            ? Text(multiplier / Math.Sqrt(shape.Skip(1).Aggregate(1.0, (product, size) => product * size)))
            : null;

    /// <summary>Refuses a value that is not the known one; null knows none.</summary>
    /// <exception cref="ArgumentException">It is another value.</exception>
    internal static void Expect(string name, string value, string? known)
    {
        if (known is null || value == known)
            return;
        if (double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            && double.TryParse(known, NumberStyles.Float, CultureInfo.InvariantCulture, out var expected)
            && Math.Abs(number - expected) <= Tolerance * Math.Abs(expected))
            return;

        throw new ArgumentException($"'{name}' is {value}, and only {known} is known here");
    }

    private static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    [GeneratedRegex(
        @"^(?<path>(?:synthesis\.)?b\d+\.(?<layer>conv0|conv1|conv|torgb|fromrgb|skip))\.(?<option>\w+)\z",
        RegexOptions.CultureInvariant)]
    private static partial Regex Layer();

    [GeneratedRegex(@"^(?<path>synthesis\.b\d+\.\w+\.affine)\.(?<option>\w+)\z", RegexOptions.CultureInvariant)]
    private static partial Regex Affine();

    [GeneratedRegex(@"^(?<path>b4\.(?<layer>fc|out))\.(?<option>\w+)\z", RegexOptions.CultureInvariant)]
    private static partial Regex Epilogue();

    [GeneratedRegex(@"^(?<path>mapping\.(?<layer>fc\d+|embed))\.(?<option>\w+)\z", RegexOptions.CultureInvariant)]
    private static partial Regex Mapping();
}
