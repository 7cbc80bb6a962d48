using System.Globalization;
using System.Diagnostics;

namespace AdaptThenUnlearn.Benchmarks;

/// <summary>Memory over many training steps: it must not grow after the first steps.</summary>
internal static class LeakCheck
{
    public static void Run(int steps)
    {
        using var gan = new BenchmarkGan(BenchmarkGan.Embedded, batchSize: 16);
        var clock = Stopwatch.StartNew();
        long settled = 0, most = 0;
        for (var step = 1; step <= steps; step++)
        {
            gan.Trainer.Step(step, gan.Images);
            if (step % Math.Max(1, steps / 20) != 0)
                continue;

            using var process = Process.GetCurrentProcess();
            var bytes = process.WorkingSet64;
            settled = settled == 0 ? bytes : settled;
            most = Math.Max(most, bytes);
            Terminal.WriteLine(
                string.Create(
                        CultureInfo.InvariantCulture,
                        $"step {step}: {bytes / 1e6:F0} MB, {TorchSharp.torch.Tensor.TotalCount} tensors alive, "
                            + $"{step / clock.Elapsed.TotalSeconds:F1} steps/s"));
        }

        Terminal.WriteLine(FormattableString.Invariant(
            $"growth after the first twentieth: {(most - settled) / 1e6:F0} MB of {settled / 1e6:F0} MB"));
    }
}
