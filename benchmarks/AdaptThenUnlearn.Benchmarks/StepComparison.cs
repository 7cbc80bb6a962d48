using System.Globalization;
using System.Diagnostics;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Training;
using AdaptThenUnlearn.Torch.Unlearning.Repulsion;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Benchmarks;

/// <summary>
/// One full unlearning step (both networks, lazy R1, EL2 repulsion, moving average) compared with the same step as in the
/// published code: grouped modulated convolution, the adapted checkpoint read again at every step, a distance tensor by
/// tensor, an optimizer and an average parameter by parameter. In one process, alternating.
/// </summary>
internal static class StepComparison
{
    private const int BatchSize = 16;
    private const int R1Every = 16;
    private const double R1Weight = 2;

    public static void Run(int rounds)
    {
        using var folder = new TemporaryFolder();
        using var ours = new BenchmarkGan(BenchmarkGan.Embedded, BatchSize);
        using var theirs = new BenchmarkGan(BenchmarkGan.Embedded, BatchSize);
        using var adapted = ours.Networks.Copy();
        Shift(adapted.Generator);
        var checkpoint = Path.Combine(folder.Path, "adapted.safetensors");
        GeneratorCheckpoint.Save(checkpoint, adapted, new Dictionary<string, string>());
        using var adaptedVector = new ParameterVector(adapted.Generator);
        using var original = ours.Trainer.Generator.Values.clone();
        var repulsion = new RepulsionTerm(
            new ExponentialL2Repulsion(),
            [adaptedVector.Values],
            original,
            new RepulsionOptions("el2", Weight: 10, Alpha: 0.5, "relative", Limit: 4));

        // Networks whose parameters are not views of one vector, as in the published code.
        using var grouped = new ReferenceStep(theirs.Networks.Copy(), theirs.Images, checkpoint, plainBlur: false);
        using var published = new ReferenceStep(theirs.Networks.Copy(), theirs.Images, checkpoint, plainBlur: true);
        Terminal.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"largest difference to this project's images: {grouped.Difference(ours.Networks.Generator):G2} and "
                + $"{published.Difference(ours.Networks.Generator):G2}"));

        (string Name, Action<int> Step, List<double> Times)[] formulations =
        [
            ("this project", step => ours.Trainer.Step(step, ours.Images, weightTerms: [repulsion]), []),
            ("grouped, reloading, tensor by tensor, this project's low-pass filters", grouped.Step, []),
            ("the same with the reference's low-pass filters in the generator", published.Step, []),
        ];
        for (var round = 0; round <= rounds; round++)
        {
            foreach (var (_, step, times) in formulations)
            {
                var clock = Stopwatch.StartNew();
                for (var number = 1; number <= R1Every; number++)
                    step(round * R1Every + number);
                if (round > 0)   // the first round is a warm-up
                    times.Add(clock.Elapsed.TotalMilliseconds / R1Every);
            }
        }

        var own = Median(formulations[0].Times);
        foreach (var (name, _, times) in formulations)
            Terminal.WriteLine(
                string.Create(
                        CultureInfo.InvariantCulture,
                        $"{Median(times):F1} ms a step ({times.Min():F1} to {times.Max():F1}), this project takes "
                            + $"{own / Median(times):F2} of it: {name}"));
        Terminal.WriteLine(FormattableString.Invariant(
            $"{get_num_threads()} threads, batch {BatchSize}, medians of {rounds} alternating rounds of {R1Every} steps"));
    }

    /// <summary>The middle one of the values, or the upper one of two.</summary>
    public static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    private static void Shift(ImageGenerator generator)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        foreach (var parameter in generator.parameters())
            parameter.add_(randn_like(parameter) * 0.01);
    }

    /// <summary>The step as in the published code.</summary>
    private sealed class ReferenceStep(GanPair networks, InMemoryImages images, string checkpoint, bool plainBlur) : IDisposable
    {
        private readonly GroupedSynthesis _synthesis = new((StyleGan2Generator)networks.Generator, plainBlur);
        private readonly TorchSharp.Modules.Adam _generatorAdam =
            optim.Adam(networks.Generator.parameters(), 0.002, beta1: 0, beta2: 0.99);
        private readonly TorchSharp.Modules.Adam _discriminatorAdam =
            optim.Adam(networks.Discriminator.parameters(), 0.002, beta1: 0, beta2: 0.99);
        private readonly ImageGenerator _average = networks.Generator.Copy();

        public double Difference(ImageGenerator same)
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            var draw = Draw("check", 0);
            return (_synthesis.Images(draw) - draw.Images(same)).abs().max().item<float>();
        }

        public void Step(int step)
        {
            using var scope = NewDisposeScope();
            Require(networks.Generator, false);
            Require(networks.Discriminator, true);
            _discriminatorAdam.zero_grad();
            Tensor fakes;
            using (no_grad())
                fakes = _synthesis.Images(Draw("discriminator", step));
            using var order = new RandomStreams(1, "reference").At("reals", step);
            var reals = images.Draw(BatchSize, order);
            Losses.Discriminator(networks.Discriminator.Score(reals), networks.Discriminator.Score(fakes)).backward();
            _discriminatorAdam.step();
            if (step % R1Every == 0)
            {
                _discriminatorAdam.zero_grad();
                (Losses.R1(networks.Discriminator, reals) * (R1Weight / 2 * R1Every)).backward();
                _discriminatorAdam.step();
            }

            Require(networks.Generator, true);
            Require(networks.Discriminator, false);
            _generatorAdam.zero_grad();
            var adversarial = Losses.Generator(networks.Discriminator.Score(_synthesis.Images(Draw("generator", step))));
            using var adapted = GeneratorCheckpoint.Load(checkpoint, "auto", sha256: null, discriminatorPath: null, CPU);
            var differences = networks.Generator.parameters()
                .Zip(adapted.Generator.parameters(), (own, other) => (own - other.detach()).square().mean());
            var distance = differences.Aggregate((sum, one) => sum + one) / networks.Generator.parameters().Count();
            (adversarial + 100 * (-distance).exp()).backward();
            _generatorAdam.step();
            using (no_grad())
            {
                foreach (var (average, current) in _average.parameters().Zip(networks.Generator.parameters()))
                    average.mul_(0.999).add_(current, alpha: 0.001);
            }
        }

        private LatentDraw Draw(string purpose, int step)
        {
            using var random = new RandomStreams(1, "reference").At(purpose, step);
            return LatentDraw.Sample(networks.Generator, BatchSize, random, CPU);
        }

        private static void Require(TorchSharp.torch.nn.Module network, bool gradient)
        {
            foreach (var parameter in network.parameters())
                parameter.requires_grad = gradient;
        }

        public void Dispose()
        {
            networks.Dispose();
            _average.Dispose();
            _generatorAdam.Dispose();
            _discriminatorAdam.Dispose();
        }
    }

    private sealed class TemporaryFolder : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("atu-benchmark-").FullName;

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
