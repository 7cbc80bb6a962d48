using System.Globalization;
using System.Text.RegularExpressions;

namespace AdaptThenUnlearn.Torch.Models.StyleGan2;

/// <summary>Where NVIDIA's code keeps the tensors of a StyleGAN2 whose own names follow rosinality.</summary>
/// <remarks>
/// Blocks are named by resolution there and numbered here; the low-pass filter is stored once without the gain of an enlargement.
/// </remarks>
internal static partial class NvidiaNames
{
    private const double EnlargingGain = 4;

    /// <summary>A tensor of <see cref="StyleGan2Generator"/>.</summary>
    public static StoredTensor OfGenerator(string name)
    {
        if (name == "input.input")
            return new("synthesis.b4.const");
        if (Mapping().Match(name) is { Success: true } mapping)
            return new($"mapping.{MappingPart(mapping.Groups[1].Value)}");
        if (Noise().Match(name) is { Success: true } noise)
            return new($"{Layer(Number(noise) - 1)}.noise_const");
        if (name.StartsWith("conv1.", StringComparison.Ordinal))
            return LayerPart(Layer(-1), name["conv1.".Length..]);
        if (Convolution().Match(name) is { Success: true } convolution)
            return LayerPart(Layer(Number(convolution)), convolution.Groups[2].Value);
        if (name.StartsWith("to_rgb1.", StringComparison.Ordinal))
            return ImagePart("b4", name["to_rgb1.".Length..]);
        return ToImage().Match(name) is { Success: true } image
            ? ImagePart($"b{8 << Number(image)}", image.Groups[2].Value)
            : new(name);
    }

    /// <summary>A tensor of <see cref="StyleGan2Discriminator"/>.</summary>
    /// <param name="name">Its own name.</param>
    /// <param name="resolution">Of the images.</param>
    public static StoredTensor OfDiscriminator(string name, int resolution)
    {
        if (ClassMapping().Match(name) is { Success: true } mapping)
            return new($"mapping.{MappingPart(mapping.Groups[1].Value)}");
        if (Block().Match(name) is { Success: true } block)
            return new(BlockPart($"b{resolution >> (Number(block) - 1)}", block.Groups[2].Value));

        return new(name switch
        {
            "convs.0.0.weight" => $"b{resolution}.fromrgb.weight",
            "convs.0.1.bias" => $"b{resolution}.fromrgb.bias",
            "final_conv.0.weight" => "b4.conv.weight",
            "final_conv.1.bias" => "b4.conv.bias",
            "final_linear.0.weight" => "b4.fc.weight",
            "final_linear.0.bias" => "b4.fc.bias",
            "final_linear.1.weight" => "b4.out.weight",
            "final_linear.1.bias" => "b4.out.bias",
            _ => name,
        });
    }

    // Layer -1 is the only one at 4×4; 0 and 1 are those at 8×8, and so on.
    private static string Layer(int layer) => layer < 0 ? "synthesis.b4.conv1" : $"synthesis.b{8 << (layer / 2)}.conv{layer % 2}";

    private static StoredTensor LayerPart(string layer, string part) => part switch
    {
        "conv.weight" => new($"{layer}.weight"),
        "conv.modulation.weight" => new($"{layer}.affine.weight"),
        "conv.modulation.bias" => new($"{layer}.affine.bias"),
        "conv.blur.kernel" => new($"{layer}.resample_filter", EnlargingGain),
        "noise.weight" => new($"{layer}.noise_strength"),
        "activate.bias" => new($"{layer}.bias"),
        _ => new($"{layer}.{part}"),
    };

    private static StoredTensor ImagePart(string block, string part) => part switch
    {
        "conv.weight" => new($"synthesis.{block}.torgb.weight"),
        "conv.modulation.weight" => new($"synthesis.{block}.torgb.affine.weight"),
        "conv.modulation.bias" => new($"synthesis.{block}.torgb.affine.bias"),
        "upsample.kernel" => new($"synthesis.{block}.resample_filter", EnlargingGain),
        _ => new($"synthesis.{block}.torgb.{part}"),
    };

    private static string BlockPart(string block, string part) => part switch
    {
        "conv1.0.weight" => $"{block}.conv0.weight",
        "conv1.1.bias" => $"{block}.conv0.bias",
        "conv2.0.kernel" => $"{block}.conv1.resample_filter",
        "conv2.1.weight" => $"{block}.conv1.weight",
        "conv2.2.bias" => $"{block}.conv1.bias",
        "skip.0.kernel" => $"{block}.skip.resample_filter",
        "skip.1.weight" => $"{block}.skip.weight",
        _ => $"{block}.{part}",
    };

    // "3.weight" is the third layer, fc2; "embed.weight" and "mean" have no number.
    private static string MappingPart(string part)
    {
        if (part == "mean")
            return "w_avg";

        var dot = part.IndexOf('.', StringComparison.Ordinal);
        return int.TryParse(part.AsSpan(0, dot), CultureInfo.InvariantCulture, out var number)
            ? $"fc{number - 1}{part[dot..]}"
            : part;
    }

    private static int Number(Match match) => int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^style\.(mean|(?:\d+|embed)\.(?:weight|bias))$")]
    private static partial Regex Mapping();

    [GeneratedRegex(@"^mapping\.((?:\d+|embed)\.(?:weight|bias))$")]
    private static partial Regex ClassMapping();

    [GeneratedRegex(@"^noises\.noise_(\d+)$")]
    private static partial Regex Noise();

    [GeneratedRegex(@"^convs\.(\d+)\.(.+)$")]
    private static partial Regex Convolution();

    [GeneratedRegex(@"^to_rgbs\.(\d+)\.(.+)$")]
    private static partial Regex ToImage();

    [GeneratedRegex(@"^convs\.([1-9]\d*)\.(.+)$")]
    private static partial Regex Block();
}
