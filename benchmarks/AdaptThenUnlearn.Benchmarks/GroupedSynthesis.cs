using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace AdaptThenUnlearn.Benchmarks;

/// <summary>
/// StyleGAN2's synthesis written as in the reference code: one kernel for each image, and a grouped convolution.
/// </summary>
/// <remarks>
/// Karras et al. 2020 (arXiv:1912.04958), section 2.2 ("implemented as a grouped convolution"). It reads the weights of a
/// generator of this project, so that both can be compared.
/// </remarks>
/// <param name="generator">The generator whose weights are used.</param>
/// <param name="plainBlur">
/// Whether low-pass filters are written as the reference does on a CPU (each map an image of one channel, zeros inserted by
/// padding), or as in this project.
/// </param>
internal sealed class GroupedSynthesis(StyleGan2Generator generator, bool plainBlur)
{
    private static readonly double _gain = Math.Sqrt(2);

    private readonly Dictionary<string, Tensor> _weights =
        generator.named_parameters()
            .Select(named => (named.name, Value: (Tensor)named.parameter))
            .Concat(generator.named_buffers().Select(named => (named.name, Value: named.buffer)))
                .ToDictionary(named => named.name, named => named.Value);

    /// <summary>The images of a draw, as <see cref="StyleGan2Generator.Synthesize"/> makes them.</summary>
    public Tensor Images(LatentDraw draw)
    {
        var styles = draw.LayerStyles(generator);
        var maps = Styled(
            "conv1",
            _weights["input.input"].repeat(styles.shape[0], 1, 1, 1),
            styles.select(1, 0),
            draw.Noise[0],
            upsample: false);
        var image = ToImage("to_rgb1", maps, styles.select(1, 1), skip: null);
        for (var doubling = 0; doubling < generator.Settings.Doublings; doubling++)
        {
            var layer = 2 * doubling;
            maps = Styled($"convs.{layer}", maps, styles.select(1, layer + 1), draw.Noise[layer + 1], upsample: true);
            maps = Styled($"convs.{layer + 1}", maps, styles.select(1, layer + 2), draw.Noise[layer + 2], upsample: false);
            image = ToImage($"to_rgbs.{doubling}", maps, styles.select(1, layer + 3), image);
        }

        return image;
    }

    private Tensor Styled(string name, Tensor maps, Tensor style, Tensor noise, bool upsample)
    {
        var convolved = Modulated($"{name}.conv", maps, style, demodulate: true, upsample);
        return functional.leaky_relu(
            convolved + _weights[$"{name}.noise.weight"] * noise + _weights[$"{name}.activate.bias"].view(1, -1, 1, 1),
            0.2) * _gain;
    }

    private Tensor ToImage(string name, Tensor maps, Tensor style, Tensor? skip)
    {
        var image = Modulated($"{name}.conv", maps, style, demodulate: false, upsample: false) + _weights[$"{name}.bias"];
        if (skip is null)
            return image;

        var kernel = _weights[$"{name}.upsample.kernel"].view(1, 1, 4, 4);
        return image + (plainBlur
            ? PlainBlur(skip, kernel, enlarge: true)
            : functional.conv_transpose2d(
                skip, kernel.expand(image.shape[1], 1, 4, 4), strides: [2, 2], padding: [1, 1], groups: image.shape[1]));
    }

    private Tensor Modulated(string name, Tensor maps, Tensor style, bool demodulate, bool upsample)
    {
        var weight = _weights[$"{name}.weight"];                                                       // [1, O, I, k, k]
        var (images, inputs, size) = (maps.shape[0], maps.shape[1], maps.shape[2]);
        var (outputs, side) = (weight.shape[1], weight.shape[3]);
        var scales = functional.linear(
            style, _weights[$"{name}.modulation.weight"] / Math.Sqrt(style.shape[1]), _weights[$"{name}.modulation.bias"]);
        var kernels = weight / Math.Sqrt(inputs * side * side) * scales.view(images, 1, inputs, 1, 1);   // [N, O, I, k, k]
        if (demodulate)
            kernels = kernels * (kernels.square().sum([2, 3, 4]) + 1e-8).rsqrt().view(images, outputs, 1, 1, 1);

        var grouped = maps.reshape(1, images * inputs, size, size);
        if (!upsample)
            return functional.conv2d(
                grouped,
                kernels.reshape(images * outputs, inputs, side, side),
                padding: [side / 2, side / 2],
                groups: images).view(images, outputs, size, size);

        var transposed = kernels.transpose(1, 2).reshape(images * inputs, outputs, side, side);
        var larger = functional.conv_transpose2d(grouped, transposed, strides: [2, 2], groups: images)
            .view(images, outputs, 2 * size + 1, 2 * size + 1);
        var kernel = _weights[$"{name}.blur.kernel"].view(1, 1, 4, 4);
        return plainBlur
            ? PlainBlur(larger, kernel, enlarge: false)
            : functional.conv2d(larger, kernel.expand(outputs, 1, 4, 4), padding: [1, 1], groups: outputs);
    }

    private static Tensor PlainBlur(Tensor maps, Tensor kernel, bool enlarge)
    {
        var (images, channels, height, width) = (maps.shape[0], maps.shape[1], maps.shape[2], maps.shape[3]);
        var single = maps.reshape(images * channels, 1, height, width);
        if (enlarge)
            single = functional.pad(single.view(images * channels, 1, height, 1, width, 1), [0, 1, 0, 0, 0, 1])
                .view(images * channels, 1, 2 * height, 2 * width);
        var blurred = functional.conv2d(functional.pad(single, enlarge ? [2, 1, 2, 1] : [1, 1, 1, 1]), kernel);
        return blurred.view(images, channels, blurred.shape[2], blurred.shape[3]);
    }
}
