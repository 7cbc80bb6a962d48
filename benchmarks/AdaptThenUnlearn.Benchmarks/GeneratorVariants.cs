using System.Globalization;
using System.Diagnostics;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Benchmarks;

/// <summary>The StyleGAN2 generator in NVIDIA's form (activations clamped) against rosinality's, at the same widths.</summary>
internal static class GeneratorVariants
{
    private const int Batch = 16;
    private const int Rounds = 30;

    public static void Run()
    {
        using var _ = no_grad();
        using var plain = new StyleGan2Generator(BenchmarkGan.Embedded);
        using var clamped =
            new StyleGan2Generator(BenchmarkGan.Embedded with { Clamp = 256, PlainWeights = true, StoresMeanStyle = true });
        using var latents = randn(Batch, plain.LatentSize);
        var (first, second) = (new List<double>(), new List<double>());
        for (var round = 0; round < Rounds; round++)
        {
            first.Add(Milliseconds(plain, latents));
            second.Add(Milliseconds(clamped, latents));
        }

        Terminal.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{Batch} images: rosinality's form {first.Order().ElementAt(Rounds / 4):F1} ms, NVIDIA's "
                + $"{second.Order().ElementAt(Rounds / 4):F1} ms (lower quartiles of {Rounds})"));
    }

    private static double Milliseconds(StyleGan2Generator generator, Tensor latents)
    {
        var clock = Stopwatch.StartNew();
        using (generator.Generate(latents, generator.StoredNoise))
            return clock.Elapsed.TotalMilliseconds;
    }
}
