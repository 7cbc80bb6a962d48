using System.Globalization;
using System.Diagnostics;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using MathNet.Numerics.LinearAlgebra;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Benchmarks;

/// <summary>
/// How a training step grows with batch, resolution and channels, and a model fitted to it that predicts larger ones.
/// </summary>
/// <remarks>
/// seconds = a + b · operations + c · activations, with no coefficient negative, by least squares on the relative error. Small
/// steps are dominated by the cost of starting each operation, wide layers by arithmetic, fine ones by memory. With <c>cuda</c>
/// the model is fitted to that device, on sizes large enough for it, and its predictions are measured there too. Three numbers
/// after the device are a step to predict: resolution, most channels of a layer, batch.
/// </remarks>
internal static class Scaling
{
    private const int Steps = 6;

    private static readonly (int Batch, int Resolution, int Cap)[] _forCpu =
        [
            (8, 32, 64), (16, 32, 64), (32, 32, 64), (16, 32, 16), (16, 32, 32), (16, 32, 128), (16, 64, 16), (16, 64, 32),
            (16, 64, 64), (8, 128, 16), (8, 128, 64)
        ];

    private static readonly (int Batch, int Resolution, int Cap)[] _forCuda =
        [
            (16, 32, 64), (64, 32, 64), (16, 32, 512), (16, 64, 64), (16, 64, 256), (64, 64, 128), (16, 128, 32),
            (16, 128, 64), (32, 128, 128), (16, 128, 256), (8, 256, 32), (4, 256, 128)
        ];

    public static void Run(string device, params string[] asked)
    {
        var predicted = asked.Length == 0 ? [(128, 128, 16), (256, 64, 16), (256, 512, 16)] : new[] { Asked(asked) };
        var on = TorchBackend.Choose(device);
        var isCuda = on.type == TorchSharp.DeviceType.CUDA;
        List<(Size Size, double Seconds)> measured = [];
        foreach (var (batch, resolution, cap) in isCuda ? _forCuda : _forCpu)
        {
            var settings = Sized(resolution, cap);
            if (SecondsAStep(settings, batch, on) is not { } seconds)
            {
                Terminal.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"batch {batch}, {resolution}×{resolution}, at most {cap} channels: does not fit into memory, "
                        + $"and is left out"));
                continue;
            }

            var size = new Size(Operations(settings) * batch, Activations(settings) * batch);
            measured.Add((size, seconds));
            Terminal.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"batch {batch}, {resolution}×{resolution}, at most {cap} channels: {seconds * 1000:F0} ms a step, "
                    + $"{size.Operations / 1e9:F1} billion operations, {size.Operations / seconds / 1e9:F0} billion a second"));
        }

        var model = Fit(measured);
        var misses = measured.Select(each => Math.Abs(model.Seconds(each.Size) / each.Seconds - 1)).Order().ToList();
        Terminal.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"fitted on {on}: {model.Start * 1000:F1} ms + {model.PerOperation * 1e12:F2} ms a billion operations + "
                + $"{model.PerActivation * 1e9:F2} ms a million activations; misses: median {misses[misses.Count / 2]:P0}, "
                + $"worst {misses[^1]:P0}"));
        foreach (var (resolution, cap, batch) in predicted)
        {
            var settings = Sized(resolution, cap);
            var size = new Size(Operations(settings) * batch, Activations(settings) * batch);
            var seconds = model.Seconds(size);
            Terminal.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"predicted, batch {batch}, {resolution}×{resolution}, at most {cap} channels: {seconds:F2} s a step, "
                    + $"{seconds * 1600 / 3600:F1} hours for 1,600 such steps; {size.Operations / 1e12:F1} trillion "
                    + $"operations, {size.Activations / 1e9:F2} billion "
                    + $"activations{(isCuda ? Measured(settings, batch, on) : "")}"));
        }
    }

    private static string Measured(StyleGan2Settings settings, int batch, Device device) =>
        SecondsAStep(settings, batch, device) is { } seconds
            ? FormattableString.Invariant($"; measured: {seconds:F2} s")
            : "; not measured: it does not fit into memory";

    private static (int Resolution, int Cap, int Batch) Asked(string[] numbers) =>
        numbers is [var resolution, var cap, var batch]
            && int.TryParse(resolution, out var pixels)
            && int.TryParse(cap, out var channels)
            && int.TryParse(batch, out var images)
        && pixels >= 16 && int.IsPow2(pixels) && channels >= 1 && images >= 1
            ? (pixels, channels, images)
            : throw new ArgumentException(
                $"'{string.Join(' ', numbers)}' is no size to predict: give a resolution (a power of 2 from 16), the most "
                    + "channels of a layer and a batch, such as 256 64 16");

    private static StyleGan2Settings Sized(int resolution, int cap) =>
        new(resolution, ImageChannels: 3, LatentSize: 64, MappingLayers: 4, StyleGan2Settings.PublishedChannels(resolution, cap));

    // Null if the step does not fit into memory.
    private static double? SecondsAStep(StyleGan2Settings settings, int batch, Device device)
    {
        try
        {
            using var gan = new BenchmarkGan(settings, batch, device, r1Weight: 0);
            gan.Trainer.Step(1, gan.Images);
            device.Wait();
            var clock = Stopwatch.StartNew();
            for (var step = 0; step < Steps; step++)
                gan.Trainer.Step(step + 2, gan.Images);
            device.Wait();
            return clock.Elapsed.TotalSeconds / Steps;
        }
        catch (Exception failed) when (MemoryShortage.IsShortage(failed))
        {
            return null;
        }
    }

    /// <summary>
    /// Multiplications and additions of the convolutions in one training step for one image. A step runs the generator forward
    /// twice and back once, the discriminator forward three times and back three times; back costs twice forward where weights
    /// are trained, and once where only the image's gradient is wanted.
    /// </summary>
    internal static double Operations(StyleGan2Settings settings)
    {
        double generator = Convolution(settings.ChannelsAt(4), settings.ChannelsAt(4), 4);
        double discriminator = Convolution(settings.ChannelsAt(4), settings.ChannelsAt(4), 4);
        for (var resolution = 8; resolution <= settings.Resolution; resolution *= 2)
        {
            var (coarse, fine) = (settings.ChannelsAt(resolution / 2), settings.ChannelsAt(resolution));
            // The generator's first one is transposed: its cost depends on its input.
            generator += Convolution(coarse, fine, resolution / 2) + Convolution(fine, fine, resolution);
            discriminator += Convolution(fine, fine, resolution) + Convolution(fine, coarse, resolution / 2);
        }

        return generator * (2 + 2) + discriminator * (3 + 2 * 2 + 1);

        static double Convolution(int inputs, int outputs, int size) => 2.0 * 9 * inputs * outputs * size * size;
    }

    /// <summary>
    /// Number of values that the layers output in one training step for one image, forward passes counted as in
    /// <see cref="Operations"/>.
    /// </summary>
    internal static double Activations(StyleGan2Settings settings)
    {
        double generator = Layer(4), discriminator = Layer(4);
        for (var resolution = 8; resolution <= settings.Resolution; resolution *= 2)
        {
            generator += 2 * Layer(resolution);
            discriminator += Layer(resolution) + Layer(resolution / 2);
        }

        return generator * 2 + discriminator * 3;

        double Layer(int resolution) => (double)settings.ChannelsAt(resolution) * resolution * resolution;
    }

    // Least squares on predicted/measured − 1, so that small and large sizes weigh the same. A coefficient that would be
    // negative is left out: of the combinations without one, the best fit.
    private static CostModel Fit(IReadOnlyList<(Size Size, double Seconds)> measured)
    {
        var fits =
            from used in Enumerable.Range(1, 7)
                .Select(bits => Enumerable.Range(0, 3).Where(term => (bits >> term & 1) == 1).ToList())
            let rows = Matrix<double>.Build.Dense(
                measured.Count, used.Count, (row, column) => Terms(measured[row].Size)[used[column]] / measured[row].Seconds)
            let solved = rows.QR().Solve(Vector<double>.Build.Dense(measured.Count, 1))
            where solved.All(coefficient => coefficient >= 0)
            let miss = (rows * solved - 1).L2Norm()
            orderby miss
            select Enumerable.Range(0, 3).Select(term => used.IndexOf(term) is >= 0 and var place ? solved[place] : 0).ToList();
        var best = fits.First();
        return new CostModel(best[0], best[1], best[2]);

        static double[] Terms(Size size) => [1, size.Operations, size.Activations];
    }

    private sealed record Size(double Operations, double Activations);

    private sealed record CostModel(double Start, double PerOperation, double PerActivation)
    {
        public double Seconds(Size size) => Start + PerOperation * size.Operations + PerActivation * size.Activations;
    }
}
