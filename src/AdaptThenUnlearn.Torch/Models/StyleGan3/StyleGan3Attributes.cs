using System.Globalization;
using System.Text.RegularExpressions;
using AdaptThenUnlearn.Torch.Models.StyleGan2;

namespace AdaptThenUnlearn.Torch.Models.StyleGan3;

/// <summary>Reads the settings of a StyleGAN3 from its weights and from the attributes of its modules.</summary>
/// <remarks>
/// github.com/NVlabs/stylegan3, <c>training/networks_stylegan3.py</c>: each layer keeps its sampling rates, cutoffs and limits as
/// attributes, and weights do not show them. Whatever the file says twice must agree. What it does not say is not guessed.
/// </remarks>
internal static partial class StyleGan3Attributes
{
    private const double Tolerance = 1e-6;

    /// <summary>Reads the settings.</summary>
    /// <exception cref="ArgumentException">
    /// An attribute is missing, contradicts another one or the weights, or belongs to a network of another kind.
    /// </exception>
    public static StyleGan3Settings SettingsOf(StoredNetwork stored)
    {
        // The first layer keeps the size of the Fourier features.
        var named = NamedLayers(stored);
        var layers = named.Select((layer, index) => LayerOf(
            stored, layer.Name, named[Math.Max(index - 1, 0)].Size, layer.Size, isImage: index == named.Count - 1)).ToList();
        var input = new FourierInput(
            stored.Size("synthesis.input.freqs", 0),
            layers[0].InSize,
            Number(stored, "synthesis.input.sampling_rate"),
            Number(stored, "synthesis.input.bandwidth"));
        var classes = stored.Has("mapping.embed.weight") ? stored.Size("mapping.embed.weight", 1) : 0;
        var settings = new StyleGan3Settings(
            stored.Size("mapping.fc0.weight", 1) - (classes > 0 ? stored.Size("mapping.embed.weight", 0) : 0),
            stored.Size("synthesis.input.affine.weight", 1),
            MappingLayers(stored),
            input,
            layers,
            Number(stored, "synthesis.output_scale"))
        {
            Classes = classes,
        }.Checked();

        RequireAgreement(stored, settings, [.. named.Select(layer => layer.Name)]);
        return settings;
    }

    private static List<(string Name, int Size)> NamedLayers(StoredNetwork stored)
    {
        var found = stored.Shapes.Keys.Select(name => LayerWeight().Match(name)).Where(match => match.Success)
            .Select(match => (
                Index: Whole(match.Groups["index"].Value),
                Name: match.Groups["name"].Value,
                Size: Whole(match.Groups["size"].Value)))
            .OrderBy(layer => layer.Index)
            .ToList();
        return found.Count > 0 && found.Index().All(layer => layer.Index == layer.Item.Index)
            ? [.. found.Select(layer => (layer.Name, layer.Size))]
            : throw new ArgumentException("the layers of its synthesis network are not numbered from 0 on without a gap");
    }

    private static StyleGan3Layer LayerOf(StoredNetwork stored, string name, int inSize, int outSize, bool isImage)
    {
        var path = $"synthesis.{name}";
        return new StyleGan3Layer(
            stored.Size($"{path}.weight", 1),
            stored.Size($"{path}.weight", 0),
            stored.Size($"{path}.weight", 2),
            inSize,
            outSize,
            Whole(stored, $"{path}.in_sampling_rate"),
            Whole(stored, $"{path}.out_sampling_rate"),
            Whole(stored, $"{path}.tmp_sampling_rate"),
            Whole(stored, $"{path}.up_taps"),
            Whole(stored, $"{path}.down_taps"))
        {
            In = new Band(Number(stored, $"{path}.in_cutoff"), Number(stored, $"{path}.in_half_width")),
            Out = new Band(Number(stored, $"{path}.out_cutoff"), Number(stored, $"{path}.out_half_width")),
            Radial = Text(stored, $"{path}.down_radial") == "True",
            Clamp = Text(stored, $"{path}.conv_clamp") == "None" ? null : Number(stored, $"{path}.conv_clamp"),
            IsImage = isImage,
        };
    }

    private static int MappingLayers(StoredNetwork stored)
    {
        var layers = 0;
        while (stored.Has($"mapping.fc{layers}.weight"))
            layers++;
        return layers;
    }

    // What the file says besides.
    private static void RequireAgreement(StoredNetwork stored, StyleGan3Settings settings, string[] names)
    {
        foreach (var (index, layer) in settings.Layers.Index())
        {
            var path = $"synthesis.{names[index]}";
            if (names[index] != StyleGan3Generator.NameOf(layer, index))
                throw new ArgumentException($"'{path}.weight' makes {layer.Outputs} maps, and its name says otherwise");
            if (stored.Size($"{path}.weight", 3) != layer.Kernel)
                throw new ArgumentException($"the kernel of '{path}.weight' is not square");

            var (before, behind) = layer.Padding;
            Require($"{path}.is_torgb", layer.IsImage ? "True" : "False");
            Require($"{path}.in_channels", Written(layer.Inputs));
            Require($"{path}.out_channels", Written(layer.Outputs));
            Require($"{path}.conv_kernel", Written(layer.Kernel));
            Require($"{path}.up_factor", Written(layer.UpFactor));
            Require($"{path}.down_factor", Written(layer.DownFactor));
            Require($"{path}.padding", FormattableString.Invariant($"[{before}, {behind}, {before}, {behind}]"));
        }

        Require("synthesis.num_layers", Written(settings.Layers.Count - 1));
        Require("synthesis.num_ws", Written(settings.StyledLayers));
        Require("synthesis.img_resolution", Written(settings.Images.Resolution));
        Require("synthesis.img_channels", Written(settings.Images.Channels));
        foreach (var (name, value) in stored.Attributes)
            if (Linear().Match(name) is { Success: true } linear)
                NvidiaAttributes.Expect(
                    name,
                    value,
                    linear.Groups["hidden"].Success
                        ? NvidiaAttributes.Linear(stored, linear, "lrelu", multiplier: 0.01)
                        : NvidiaAttributes.Linear(stored, linear, "linear", multiplier: 1));

        void Require(string name, string computed)
        {
            if (Text(stored, name) is var value && value != computed)
                throw new ArgumentException($"'{name}' is {value}, where the rest of the file needs {computed}");
        }
    }

    private static string Text(StoredNetwork stored, string name) => stored.Attributes.GetValueOrDefault(name)
        ?? throw new ArgumentException(
            $"the file of this StyleGAN3 does not hold '{name}', which its weights do not show, and NVIDIA's pickle does");

    private static double Number(StoredNetwork stored, string name) =>
        double.TryParse(Text(stored, name), NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            && double.IsFinite(number)
            ? number
            : throw new ArgumentException($"'{name}' is {Text(stored, name)}, which is not a number");

    private static int Whole(StoredNetwork stored, string name) =>
        Number(stored, name) is var number && Math.Abs(number - Math.Round(number)) < Tolerance && Math.Abs(number) < 1e6
            ? (int)Math.Round(number)
            : throw new ArgumentException($"'{name}' is {Text(stored, name)}, which is not a whole number of usual size");

    // A number of at most six digits.
    private static int Whole(string digits) => int.Parse(digits, CultureInfo.InvariantCulture);

    private static string Written(int number) => number.ToString(CultureInfo.InvariantCulture);

    [GeneratedRegex(
        @"^synthesis\.(?<name>L(?<index>\d{1,3})_(?<size>\d{1,6})_\d{1,6})\.weight\z", RegexOptions.CultureInvariant)]
    private static partial Regex LayerWeight();

    [GeneratedRegex(
        @"^(?<path>mapping\.(?:embed|(?<hidden>fc)\d+)|synthesis\.\w+\.affine)\.(?<option>\w+)\z", RegexOptions.CultureInvariant)]
    private static partial Regex Linear();
}
