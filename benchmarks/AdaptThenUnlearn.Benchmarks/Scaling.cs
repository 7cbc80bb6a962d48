using System.Diagnostics;
using AdaptThenUnlearn.Torch;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Benchmarks;

/// <summary>How a training step grows with batch, resolution and channels, and a model fitted to it that predicts larger ones.</summary>
/// <remarks>seconds = a + b · operations, by least squares on the relative error; run with <c>cuda</c>, it is fitted to that device.</remarks>
internal static class Scaling
{
    private const int Steps = 6;

    public static void Run(string device)
    {
        var on = TorchBackend.Choose(device);
        (int Batch, int Resolution, int Cap)[] sizes = [(8, 32, 64), (16, 32, 64), (32, 32, 64), (16, 32, 32), (16, 32, 128), (16, 64, 64), (8, 128, 64), (16, 64, 32)];
        List<(double Operations, double Seconds)> measured = [];
        foreach (var (batch, resolution, cap) in sizes)
        {
            var settings = Sized(resolution, cap);
            using var gan = new BenchmarkGan(settings, batch, on, r1Weight: 0);
            var seconds = SecondsAStep(gan, on);
            var operations = Operations(settings) * batch;
            measured.Add((operations, seconds));
            Terminal.Say(FormattableString.Invariant(
                $"batch {batch}, {resolution}×{resolution}, at most {cap} channels: {seconds * 1000:F0} ms a step, {operations / 1e9:F1} billion operations, {operations / seconds / 1e9:F0} billion a second"));
        }

        var (fixedPart, perOperation) = Fit(measured);
        var worst = measured.Max(each => Math.Abs((fixedPart + perOperation * each.Operations) / each.Seconds - 1));
        Terminal.Say(FormattableString.Invariant($"fitted on {on}: {fixedPart * 1000:F1} ms + operations / ({1 / perOperation / 1e9:F0} billion a second); worst miss {worst:P0}"));
        foreach (var (resolution, cap, batch) in new[] { (128, 128, 16), (256, 64, 16), (256, 512, 16) })
        {
            var operations = Operations(Sized(resolution, cap)) * batch;
            var seconds = fixedPart + perOperation * operations;
            Terminal.Say(FormattableString.Invariant(
                $"predicted, batch {batch}, {resolution}×{resolution}, at most {cap} channels: {seconds:F2} s a step, {seconds * 1200 / 3600:F1} hours for 1,200 steps; on a device that sustains 20,000 billion a second: {(fixedPart + operations / 2e13) * 1200 / 60:F0} minutes"));
        }
    }

    private static StyleGan2Settings Sized(int resolution, int cap) =>
        new(resolution, ImageChannels: 3, LatentSize: 64, MappingLayers: 4, StyleGan2Settings.PublishedChannels(resolution, cap));

    private static double SecondsAStep(BenchmarkGan gan, Device device)
    {
        gan.Trainer.Step(1, gan.Images);
        Wait(device);
        var clock = Stopwatch.StartNew();
        for (var step = 0; step < Steps; step++)
            gan.Trainer.Step(step + 2, gan.Images);
        Wait(device);
        return clock.Elapsed.TotalSeconds / Steps;
    }

    private static void Wait(Device device)
    {
        if (device.type == TorchSharp.DeviceType.CUDA)
            cuda.synchronize(device);
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
            generator += Convolution(coarse, fine, resolution / 2) + Convolution(fine, fine, resolution);   // the first is transposed: its cost is that of its input
            discriminator += Convolution(fine, fine, resolution) + Convolution(fine, coarse, resolution / 2);
        }

        return generator * (2 + 2) + discriminator * (3 + 2 * 2 + 1);

        static double Convolution(int inputs, int outputs, int size) => 2.0 * 9 * inputs * outputs * size * size;
    }

    // Least squares on (a + b·x)/y − 1, so that small and large sizes weigh the same; neither part may be negative.
    private static (double Fixed, double PerOperation) Fit(IReadOnlyList<(double X, double Y)> points)
    {
        var (uu, uv, vv, u, v) = (0.0, 0.0, 0.0, 0.0, 0.0);
        foreach (var (x, y) in points)
        {
            var (a, b) = (1 / y, x / y);
            (uu, uv, vv, u, v) = (uu + a * a, uv + a * b, vv + b * b, u + a, v + b);
        }

        var determinant = uu * vv - uv * uv;
        var constant = (u * vv - v * uv) / determinant;
        return constant >= 0 ? (constant, (uu * v - uv * u) / determinant) : (0, v / vv);
    }
}
