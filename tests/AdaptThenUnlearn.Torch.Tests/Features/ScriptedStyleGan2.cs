using System.Globalization;
using System.Text;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using static AdaptThenUnlearn.Torch.Tests.Features.ScriptedProgram;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Features;

/// <summary>An unconditional StyleGAN2 without noise as a TorchScript program, written from the formulas of the paper.</summary>
/// <remarks>
/// Karras et al. 2020 (arXiv:1912.04958). Each image has a kernel of its own, scaled and demodulated as equations 1 and 3 say.
/// All are convolved in groups, as the reference code does it; the library shares one kernel and scales what goes in and out.
/// </remarks>
internal sealed class ScriptedStyleGan2
{
    private readonly StringBuilder _lines = new();
    private readonly StyleGan2Settings _settings;
    private readonly Dictionary<string, Tensor> _weights;
    private int _values;

    private ScriptedStyleGan2(StyleGan2Generator generator) =>
        (_settings, _weights) = (generator.Settings, generator.state_dict());

    /// <summary>Writes one.</summary>
    /// <param name="path">The file.</param>
    /// <param name="generator">Its noise has no strength.</param>
    public static void Write(string path, StyleGan2Generator generator) =>
        ScriptedProgram.Write(path, new ScriptedStyleGan2(generator).Forward(), Weights(generator));

    private string Forward()
    {
        // Map latents to styles.
        var n = Value("torch.size(z, 0)");
        var w = Value($"torch.div(z, torch.sqrt({Plus("torch.mean(torch.mul(z, z), [1], True)", 1e-8)}))");
        for (var layer = 1; layer <= _settings.MappingLayers; layer++)
            w = Value($"torch.mul({Leaky(Linear($"style.{layer}", w, rate: 0.01))}, {Number(Math.Sqrt(2))})");

        // Draw the image, from 4 × 4 up.
        var maps = Styled("conv1", n, Value($"torch.repeat({Weight("input.input")}, [{n}, 1, 1, 1])"), w);
        var image = ToImage("to_rgb1", n, maps, w);
        for (var doubling = 0; doubling < _settings.Doublings; doubling++)
        {
            maps = Styled($"convs.{2 * doubling}", n, maps, w);
            maps = Styled($"convs.{2 * doubling + 1}", n, maps, w);
            var kernel = EachMap($"to_rgbs.{doubling}.upsample.kernel", $"{_settings.ImageChannels}");
            var enlarged = Value(
                $"torch.conv_transpose2d({image}, {kernel}, None, [2, 2], [1, 1], [0, 0], {_settings.ImageChannels}, [1, 1])");
            image = Value($"torch.add({ToImage($"to_rgbs.{doubling}", n, maps, w)}, {enlarged})");
        }

        return $"  def forward(self: __torch__.Program, z: Tensor) -> Tensor:\n{_lines}    return {image}";
    }

    private string Styled(string name, string n, string maps, string w)
    {
        var convolved = Convolved($"{name}.conv", n, maps, w, demodulates: true);
        var shifted = Value($"torch.add({convolved}, torch.view({Weight($"{name}.activate.bias")}, [1, -1, 1, 1]))");
        return Value($"torch.mul({Leaky(shifted)}, {Number(Math.Sqrt(2))})");
    }

    private string ToImage(string name, string n, string maps, string w) =>
        Value($"torch.add({Convolved($"{name}.conv", n, maps, w, demodulates: false)}, {Weight($"{name}.bias")})");

    // A kernel for each image: [N · outputs, inputs, k, k], and images as groups of the maps of one.
    private string Convolved(string name, string n, string maps, string w, bool demodulates)
    {
        var shape = _weights[$"{name}.weight"].shape;   // [1, outputs, inputs, k, k]
        var (outputs, inputs, side) = (shape[1], shape[2], shape[3]);
        var style = Value($"torch.view({Linear($"{name}.modulation", w, rate: 1)}, [{n}, 1, {inputs}, 1, 1])");
        var kernel = Value(
            $"torch.mul(torch.mul({Weight($"{name}.weight")}, {Number(1 / Math.Sqrt(inputs * side * side))}), {style})");
        if (demodulates)
            kernel = Value(
                $"torch.mul({kernel}, torch.rsqrt({Plus($"torch.sum(torch.mul({kernel}, {kernel}), [2, 3, 4], True)", 1e-8)}))");
        var size = Value($"torch.size({maps}, 2)");
        var grouped = Value($"torch.reshape({maps}, [1, -1, {size}, {size}])");
        if (!_weights.ContainsKey($"{name}.blur.kernel"))
        {
            var kernels = $"torch.reshape({kernel}, [-1, {inputs}, {side}, {side}])";
            var same = Value(
                $"torch.conv2d({grouped}, {kernels}, None, [1, 1], [{side / 2}, {side / 2}], [1, 1], {n})");
            return Value($"torch.view({same}, [{n}, {outputs}, {size}, {size}])");
        }

        var turned = $"torch.reshape(torch.transpose({kernel}, 1, 2), [-1, {outputs}, {side}, {side}])";
        var doubled = Value($"torch.conv_transpose2d({grouped}, {turned}, None, [2, 2], [0, 0], [0, 0], {n}, [1, 1])");
        var larger = Value($"torch.size({doubled}, 2)");
        var apart = Value($"torch.view({doubled}, [{n}, {outputs}, {larger}, {larger}])");
        return Value(
            $"torch.conv2d({apart}, {EachMap($"{name}.blur.kernel", $"{outputs}")}, None, [1, 1], [1, 1], [1, 1], {outputs})");
    }

    private string Linear(string name, string rows, double rate)
    {
        var scale = rate / Math.Sqrt(_weights[$"{name}.weight"].shape[1]);
        return Value(
            $"torch.linear({rows}, torch.mul({Weight($"{name}.weight")}, {Number(scale)}), "
                + $"torch.mul({Weight($"{name}.bias")}, {Number(rate)}))");
    }

    private static string EachMap(string kernel, string maps) =>
        $"torch.expand(torch.unsqueeze(torch.unsqueeze({Weight(kernel)}, 0), 0), [{maps}, 1, 4, 4])";

    private static string Leaky(string values) => $"torch.leaky_relu({values}, 0.20000000000000001)";

    private static string Plus(string values, double number) => $"torch.add({values}, {Number(number)})";

    private static string Number(double number) => number.ToString("0.0################E+0", CultureInfo.InvariantCulture);

    private string Value(string expression)
    {
        var name = $"v{_values++}";
        _lines.Append(CultureInfo.InvariantCulture, $"    {name} = {expression}\n");
        return name;
    }
}
