using AdaptThenUnlearn.Torch.Models.StyleGan3;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Models;

/// <summary>One layer of StyleGAN3 against its definition, written as loops over pixels in double precision.</summary>
public sealed class StyleGan3LayerTests
{
    private static readonly Dictionary<string, StyleGan3Layer> _layers = new()
    {
        ["same rate"] = new(3, 2, 3, InSize: 8, OutSize: 8, InRate: 4, OutRate: 4, WorkRate: 8, UpTaps: 12, DownTaps: 12),
        ["rate doubled"] = new(2, 3, 3, InSize: 7, OutSize: 12, InRate: 4, OutRate: 8, WorkRate: 16, UpTaps: 24, DownTaps: 12),
        ["margin cut off"] = new(2, 2, 3, InSize: 12, OutSize: 5, InRate: 4, OutRate: 4, WorkRate: 8, UpTaps: 6, DownTaps: 6),
        ["radial, 1×1"] = new(3, 2, 1, InSize: 9, OutSize: 8, InRate: 4, OutRate: 4, WorkRate: 16, UpTaps: 8, DownTaps: 8)
        {
            Radial = true,
        },
        ["clamped, even kernel, odd taps"] =
            new(2, 2, 2, InSize: 6, OutSize: 7, InRate: 2, OutRate: 2, WorkRate: 6, UpTaps: 9, DownTaps: 5) { Clamp = 0.7 },
        ["no resampling"] = new(2, 2, 3, InSize: 6, OutSize: 6, InRate: 4, OutRate: 4, WorkRate: 4, UpTaps: 1, DownTaps: 1),
        ["image"] = new(4, 3, 1, InSize: 6, OutSize: 6, InRate: 4, OutRate: 4, WorkRate: 4, UpTaps: 1, DownTaps: 1)
        {
            IsImage = true,
            Clamp = 0.9,
        },
        ["image with its margin cut off"] =
            new(4, 1, 1, InSize: 9, OutSize: 6, InRate: 4, OutRate: 4, WorkRate: 4, UpTaps: 1, DownTaps: 1) { IsImage = true },
    };

    public static TheoryData<string> Layers => [.. _layers.Keys];

    [Theory]
    [MemberData(nameof(Layers))]
    public void Forward_AnyLayer_IsItsDefinition(string name)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        manual_seed(11);
        var settings = _layers[name] with { In = new Band(1, 1), Out = new Band(1, 1) };
        using var layer = new SynthesisLayer(settings, styleSize: 5);
        var tensors = layer.state_dict();
        foreach (var (tensor, values) in tensors)
            if (tensor == "magnitude_ema")
                values.fill_(1.7f);
            else
                values.copy_(randn(values.shape) * 0.5);   // filters too, so that their direction matters
        var (maps, styles) = (randn(2, settings.Inputs, settings.InSize, settings.InSize), randn(2, 5));

        var actual = layer.call(maps, styles);

        Assert.Equal([2, settings.Outputs, settings.OutSize, settings.OutSize], actual.shape);
        var expected = Definition(settings, tensors, maps, styles);
        Assert.True(
            (actual.to(float64) - expected).abs().max().item<double>() < 1e-5 * expected.abs().max().item<double>());
    }

    // Without gradients a few maps at a time are enlarged. They are many enough here for two such parts.
    [Fact]
    public void Forward_ManyMapsWithoutGradients_AreThoseOfTraining()
    {
        using var scope = NewDisposeScope();
        manual_seed(12);
        var settings = new StyleGan3Layer(
            2, 40, 3, InSize: 60, OutSize: 60, InRate: 4, OutRate: 4, WorkRate: 8, UpTaps: 12, DownTaps: 12)
        {
            In = new Band(1, 1),
            Out = new Band(1, 1),
            Clamp = 1,
        };
        using var layer = new SynthesisLayer(settings, styleSize: 5);
        var (maps, styles) = (randn(8, 2, 60, 60), randn(8, 5));

        var trained = layer.call(maps, styles);
        using var _ = no_grad();
        var measured = layer.call(maps, styles);

        Assert.Equal((true, false), (trained.requires_grad, measured.requires_grad));
        Assert.True((trained - measured).abs().max().item<float>() < 1e-6);
    }

    private static Tensor Definition(
        StyleGan3Layer settings, Dictionary<string, Tensor> tensors, Tensor maps, Tensor styles)
    {
        var result = zeros([maps.shape[0], settings.Outputs, settings.OutSize, settings.OutSize], float64);
        for (var image = 0; image < maps.shape[0]; image++)
        {
            var scales = Affine(settings, tensors, styles[image]);
            for (var output = 0; output < settings.Outputs; output++)
            {
                var map = Convolved(settings, tensors, maps[image], scales, output);
                var bias = tensors["bias"][output].item<float>();
                for (var y = 0; y < map.GetLength(0); y++)
                    for (var x = 0; x < map.GetLength(1); x++)
                        map[y, x] += bias;
                var filtered = FilteredLeakyRelu(settings, tensors, map);
                for (var y = 0; y < settings.OutSize; y++)
                    for (var x = 0; x < settings.OutSize; x++)
                        result[image, output, y, x] = filtered[y, x];
            }
        }

        return result;
    }

    private static double[] Affine(StyleGan3Layer settings, Dictionary<string, Tensor> tensors, Tensor style) =>
        [.. Enumerable.Range(0, settings.Inputs).Select(input => Enumerable.Range(0, (int)style.shape[0])
            .Sum(index => (double)tensors["affine.weight"][input, index].item<float>() * style[index].item<float>())
                / Math.Sqrt(style.shape[0]) + tensors["affine.bias"][input].item<float>())];

    // modulated_conv2d: weights and styles to unit variance, modulation, demodulation, input gain; zeros around the maps.
    private static double[,] Convolved(
        StyleGan3Layer settings, Dictionary<string, Tensor> tensors, Tensor maps, double[] scales, int output)
    {
        var (k, size) = (settings.Kernel, settings.InSize);
        var weights = new double[settings.Inputs, k, k];
        ForEach((i, y, x) => weights[i, y, x] = tensors["weight"][output, i, y, x].item<float>());
        if (settings.IsImage)
            ForEach((i, y, x) => weights[i, y, x] *= scales[i] / Math.Sqrt(settings.Inputs * k * k));
        else
        {
            var ofWeights = Math.Sqrt(weights.Cast<double>().Average(weight => weight * weight));
            var ofScales = Math.Sqrt(scales.Average(scale => scale * scale));
            ForEach((i, y, x) => weights[i, y, x] *= scales[i] / ofWeights / ofScales);
            var power = Math.Sqrt(weights.Cast<double>().Sum(weight => weight * weight) + 1e-8);
            ForEach((i, y, x) => weights[i, y, x] /= power);
        }

        ForEach((i, y, x) => weights[i, y, x] /= Math.Sqrt(tensors["magnitude_ema"].item<float>()));
        var result = new double[size + k - 1, size + k - 1];
        for (var row = 0; row < size + k - 1; row++)
            for (var column = 0; column < size + k - 1; column++)
                ForEach((i, y, x) =>
                {
                    var (fromRow, fromColumn) = (row + y - (k - 1), column + x - (k - 1));
                    if (fromRow >= 0 && fromRow < size && fromColumn >= 0 && fromColumn < size)
                        result[row, column] += weights[i, y, x] * maps[i, fromRow, fromColumn].item<float>();
                });
        return result;

        void ForEach(Action<int, int, int> use)
        {
            for (var i = 0; i < settings.Inputs; i++)
                for (var y = 0; y < k; y++)
                    for (var x = 0; x < k; x++)
                        use(i, y, x);
        }
    }

    // The nine steps of filtered_lrelu, one after the other.
    private static double[,] FilteredLeakyRelu(StyleGan3Layer settings, Dictionary<string, Tensor> tensors, double[,] map)
    {
        var (before, behind) = settings.Padding;
        var (up, down, size) = (settings.UpFactor, settings.DownFactor, map.GetLength(0));
        var padded = new double[size * up + before + behind, size * up + before + behind];
        for (var y = 0; y < size; y++)
            for (var x = 0; x < size; x++)
                if (y * up + before is >= 0 and var row && row < padded.GetLength(0)
                    && x * up + before is >= 0 and var column && column < padded.GetLength(0))
                    padded[row, column] = map[y, x];

        var large = Filtered(padded, Filter(tensors.GetValueOrDefault("up_filter")));
        var (gain, slope) = settings.IsImage ? (1, 1) : (Math.Sqrt(2), 0.2);
        for (var y = 0; y < large.GetLength(0); y++)
            for (var x = 0; x < large.GetLength(1); x++)
            {
                var value = large[y, x] * up * up;
                value = (value < 0 ? value * slope : value) * gain;
                large[y, x] = settings.Clamp is { } clamp ? Math.Clamp(value, -clamp, clamp) : value;
            }

        var small = Filtered(large, Filter(tensors.GetValueOrDefault("down_filter")));
        var kept = new double[(small.GetLength(0) + down - 1) / down, (small.GetLength(0) + down - 1) / down];
        for (var y = 0; y < kept.GetLength(0); y++)
            for (var x = 0; x < kept.GetLength(0); x++)
                kept[y, x] = small[y * down, x * down];
        return kept;
    }

    // Both dimensions of a filter; one of a single dimension is meant for each.
    private static double[,] Filter(Tensor? stored)
    {
        if (stored is null)
            return new double[,] { { 1 } };

        var taps = (int)stored.shape[0];
        var filter = new double[taps, taps];
        for (var y = 0; y < taps; y++)
            for (var x = 0; x < taps; x++)
                filter[y, x] = stored.dim() == 2
                    ? stored[y, x].item<float>()
                    : (double)stored[y].item<float>() * stored[x].item<float>();
        return filter;
    }

    // Convolution, where the filter lies within the map.
    private static double[,] Filtered(double[,] map, double[,] filter)
    {
        var (taps, size) = (filter.GetLength(0), map.GetLength(0) - filter.GetLength(0) + 1);
        var result = new double[size, size];
        for (var y = 0; y < size; y++)
            for (var x = 0; x < size; x++)
                for (var v = 0; v < taps; v++)
                    for (var u = 0; u < taps; u++)
                        result[y, x] += filter[v, u] * map[y + taps - 1 - v, x + taps - 1 - u];
        return result;
    }
}
