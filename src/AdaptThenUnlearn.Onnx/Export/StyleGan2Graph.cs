using System.Globalization;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Onnx.Export;

/// <summary>A StyleGAN2 generator as a graph: latent, truncation, noise maps and, for a conditional one, the class go
/// in.</summary>
/// <remarks>
/// Karras et al. 2020 (arXiv:1912.04958). As in <see cref="StyleGan2Generator"/>, a modulated convolution scales its input,
/// convolves
/// all images with one kernel, and scales its output. Factors of weights are multiplied into the stored weights.
/// </remarks>
internal sealed class StyleGan2Graph
{
    /// <summary>The latent, [N, latent].</summary>
    public const string Latent = "latent";

    /// <summary>The truncation, one number.</summary>
    public const string Truncation = "truncation";

    /// <summary>The class, [N, classes], one 1 in each row.</summary>
    public const string Label = "label";

    private const float Slope = 0.2f;            // of the leaky ReLU
    private const double Smallest = 1e-8;        // added under roots
    private const double MappingRate = 0.01;     // learning rate of the mapping network, relative
    private static readonly double _gain = Math.Sqrt(2);
    private static readonly long[] _rowAxis = [1];
    private static readonly long[] _two = [2, 2];
    private static readonly long[] _one = [1, 1, 1, 1];

    private readonly GraphBuilder _graph = new();
    private readonly StyleGan2Settings _settings;
    private readonly Dictionary<string, Tensor> _weights;

    private StyleGan2Graph(StyleGan2Generator generator) =>
        (_settings, _weights) = (generator.Settings, generator.state_dict());

    /// <summary>Name of a noise map's input.</summary>
    /// <param name="layer">From 0.</param>
    public static string Noise(int layer) => string.Create(CultureInfo.InvariantCulture, $"noise_{layer}");

    /// <summary>Builds the graph.</summary>
    /// <param name="generator">Stays the caller's.</param>
    public static GraphBuilder Build(StyleGan2Generator generator)
    {
        using var scope = NewDisposeScope();
        var graph = new StyleGan2Graph(generator);
        graph.Build(generator.MeanStyle(), generator.NoiseSizes);
        return graph._graph;
    }

    private void Build(Tensor meanStyle, IReadOnlyList<int> noiseSizes)
    {
        // Map latents to styles, and pull them towards the mean style.
        var styles = Map(_graph.Input(Latent, ScalarType.Float32, "N", _settings.LatentSize));
        var mean = _graph.Store("mean_style", meanStyle);
        styles = Add(mean, Multiply(
            _graph.Input(Truncation, ScalarType.Float32), _graph.Node("Sub", [styles, mean])));

        // Draw the image, from 4 × 4 up.
        var noise = noiseSizes.Select((size, layer) => _graph.Input(Noise(layer), ScalarType.Float32, "N", 1, size,
            size)).ToList();
        var maps = Styled("conv1", _graph.Store("input.input", _weights["input.input"]), styles, noise[0], enlarges: false);
        var image = ToImage("to_rgb1", maps, styles, skip: null);
        for (var doubling = 0; doubling < _settings.Doublings; doubling++)
        {
            var layer = 2 * doubling;
            maps = Styled(Numbered("convs", layer), maps, styles, noise[layer + 1], enlarges: true);
            maps = Styled(Numbered("convs", layer + 1), maps, styles, noise[layer + 2], enlarges: false);
            image = ToImage(Numbered("to_rgbs", doubling), maps, styles, image);
        }

        _graph.Output(
            image, "images", ScalarType.Float32, "N", _settings.ImageChannels, _settings.Resolution, _settings.Resolution);
    }

    private string Map(string latent)
    {
        var rows = Normalized(latent);
        if (_settings.Classes > 0)
        {
            var label = _graph.Input(Label, ScalarType.Float32, "N", _settings.Classes);
            rows = _graph.Node("Concat", [rows, Normalized(Linear("style.embed", label))], ("axis", 1L));
        }

        for (var number = 1; number <= _settings.MappingLayers; number++)
            rows = Multiply(Activated(Linear(Numbered("style", number), rows, MappingRate)), Number(_gain));
        return rows;
    }

    private string Styled(string name, string maps, string styles, string noise, bool enlarges)
    {
        var convolved = Convolved($"{name}.conv", maps, styles, demodulates: true, enlarges);
        var strength = _graph.Store($"{name}.noise", _weights[$"{name}.noise.weight"] * _gain);
        var bias = _graph.Store($"{name}.bias", (_weights[$"{name}.activate.bias"] * _gain).view(1, -1, 1, 1));
        return Clamped(Activated(Add(Add(convolved, Multiply(noise, strength)), bias)));
    }

    private string ToImage(string name, string maps, string styles, string? skip)
    {
        var image = Clamped(Add(
            Convolved($"{name}.conv", maps, styles, demodulates: false, enlarges: false),
            _graph.Store($"{name}.bias", _weights[$"{name}.bias"])));
        if (skip is null)
            return image;

        var enlarged = _graph.Node(
            "ConvTranspose", [skip, EachMap($"{name}.upsample.kernel", _settings.ImageChannels)],
            ("strides", _two), ("pads", _one), ("group", (long)_settings.ImageChannels));
        return Add(image, enlarged);
    }

    private string Convolved(string name, string maps, string styles, bool demodulates, bool enlarges)
    {
        var weight = _weights[$"{name}.weight"].squeeze(0);   // [outputs, inputs, k, k]
        var (outputs, inputs, side) = (weight.shape[0], weight.shape[1], weight.shape[2]);
        var scale = 1 / Math.Sqrt(inputs * side * side);
        var kernel = weight * scale;
        var scales = Linear($"{name}.modulation", styles);    // [N, inputs]
        var modulated = Multiply(maps, AsMaps(scales, inputs));
        var convolved = enlarges
            ? _graph.Node(
                "Conv",
                [
                    _graph.Node(
                        "ConvTranspose", [modulated, _graph.Store($"{name}.weight", kernel.transpose(0, 1))], ("strides", _two)),
                    EachMap($"{name}.blur.kernel", outputs),
                ],
                ("pads", _one), ("group", outputs))
            : _graph.Node(
                "Conv", [modulated, _graph.Store($"{name}.weight", kernel)],
                ("pads", new[] { side / 2, side / 2, side / 2, side / 2 }));
        if (!demodulates)
            return convolved;

        // Equation 3 of the paper, for all images at once: a product of squared styles with summed squared weights.
        var power = _graph.Store($"{name}.power", kernel.square().sum([2, 3]).transpose(0, 1));   // [inputs, outputs]
        var epsilon = _settings.PlainWeights ? Smallest * scale * scale : Smallest;
        var squares = Add(_graph.Node("MatMul", [Multiply(scales, scales), power]), Number(epsilon));
        var demodulation = _graph.Node("Div", [Number(_gain), _graph.Node("Sqrt", [squares])]);
        return Multiply(convolved, AsMaps(demodulation, outputs));
    }

    private string Linear(string name, string rows, double rate = 1)
    {
        var weight = _weights[$"{name}.weight"];
        return _graph.Node(
            "Gemm",
            [
                rows, _graph.Store($"{name}.weight", weight * (rate / Math.Sqrt(weight.shape[1]))),
                _graph.Store($"{name}.bias", _weights[$"{name}.bias"] * rate),
            ],
            ("transB", 1L));
    }

    private string Normalized(string rows)
    {
        var power = _graph.Node("ReduceMean", [Multiply(rows, rows)], ("axes", _rowAxis), ("keepdims", 1L));
        return _graph.Node("Div", [rows, _graph.Node("Sqrt", [Add(power, Number(Smallest))])]);
    }

    private string EachMap(string name, long maps) =>
        _graph.Store(name, _weights[name].unsqueeze(0).unsqueeze(0).expand(maps, 1, 4, 4));

    private string Clamped(string values) => _settings.Clamp is { } limit
        ? _graph.Node("Clip", [values, Number(-limit), Number(limit)])
        : values;

    private string AsMaps(string rows, long maps) => _graph.Node("Reshape", [rows, _graph.Store(-1, maps, 1, 1)]);

    private string Activated(string values) => _graph.Node("LeakyRelu", [values], ("alpha", Slope));

    private string Add(string one, string other) => _graph.Node("Add", [one, other]);

    private string Multiply(string one, string other) => _graph.Node("Mul", [one, other]);

    private string Number(double value) => _graph.Store((float)value);

    private static string Numbered(string list, int number) => string.Create(CultureInfo.InvariantCulture, $"{list}.{number}");
}
