using System.Globalization;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>
/// Asks the programs of a policy the same thing more than once: one that keeps a state, or looks at how many it is asked for,
/// would be measured otherwise than it is used.
/// </summary>
/// <remarks>
/// Each is asked for a whole batch twice, for a few and for one of it, before anything is measured, and for the whole batch once
/// more after it. In batches of other sizes, a program that draws random numbers may differ by as much as it does from one seed
/// to the next. Eval mode is what is asked: what a program does in training mode is not known.
/// </remarks>
public sealed class ConsistencyCheck : IDisposable
{
    private const int Few = 8;
    // A share of the largest output, or of 1: float32 over another batch size differs by far less.
    private const double Tolerance = 1e-2;
    private const double NoiseFactor = 4;
    private static readonly long[] _seeds = [1, 2];

    private readonly List<ProgramProbe> _probes = [];

    private ConsistencyCheck()
    {
    }

    /// <summary>Asks; nothing to do where no program is run.</summary>
    /// <param name="generator">That is measured.</param>
    /// <param name="policy">Names the programs.</param>
    /// <param name="classifiers">Of the policy.</param>
    /// <param name="images">Draws what is asked.</param>
    /// <param name="property">JSON path of the property that names the generator's file.</param>
    /// <returns>Belongs to the caller.</returns>
    /// <exception cref="PolicyMismatchException">A program answers differently.</exception>
    public static ConsistencyCheck Probe(
        ImageGenerator generator, UnlearningPolicy policy, PolicyClassifiers classifiers, EvaluationImages images,
        string property = "$.generator.checkpoint")
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var check = new ConsistencyCheck();
        try
        {
            if (generator is IProbedProgram program)
            {
                using var source = images.Random.At("asked");
                check.Probe(
                    property,
                    program,
                    randn([EvaluationImages.BatchSize, generator.LatentSize], generator: source).to(images.Device));
            }

            var drawn = images.Draw(generator, new EvaluationBatch(0, 0, EvaluationImages.BatchSize));
            foreach (var name in policy.Classifiers.Keys)
                if (classifiers[name] is IProbedProgram classifier)
                    check.Probe($"$.classifiers.{name}.checkpoint", classifier, drawn);
            if (classifiers.Extractor?.Extractor is IProbedProgram extractor and not Features.FeatureClassifier)
                check.Probe("$.quality.extractorWeights", extractor, drawn);
            return check;
        }
        catch
        {
            check.Dispose();
            throw;
        }
    }

    /// <summary>Asks once more, after the measurement.</summary>
    /// <exception cref="PolicyMismatchException">A program answers differently than before.</exception>
    public void ProbeAgain()
    {
        using var _ = no_grad();
        foreach (var probe in _probes)
        {
            using var scope = NewDisposeScope();
            Require(
                probe with { Noise = 0 },
                probe.Outputs,
                probe.Program.RunWithSeed(probe.Inputs, _seeds[0]),
                "once before and once after the measurement");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var probe in _probes)
        {
            probe.Inputs.Dispose();
            probe.Outputs.Dispose();
        }
    }

    private void Probe(string property, IProbedProgram program, Tensor inputs)
    {
        using var scope = NewDisposeScope();
        var few = inputs.narrow(0, 0, Few);
        var first = program.RunWithSeed(few, _seeds[0]).detach().clone();
        var noise = Difference(first, program.RunWithSeed(few, _seeds[1]));

        // What looks like noise may be a state: with the first seed again, the first answer must come again.
        var again = program.RunWithSeed(few, _seeds[0]);
        var answers = program.RunWithSeed(inputs, _seeds[0]).detach().clone();
        var probe =
            new ProgramProbe(property, program, inputs.clone().DetachFromDisposeScope(), answers.DetachFromDisposeScope(), noise);
        _probes.Add(probe);
        Require(probe with { Noise = 0 }, first, again, "twice");
        Require(probe with { Noise = 0 }, answers, program.RunWithSeed(inputs, _seeds[0]), "twice");
        foreach (var count in new[] { Few, 1 })
            Require(
                probe, answers.narrow(0, 0, count), program.RunWithSeed(inputs.narrow(0, 0, count), _seeds[0]),
                FormattableString.Invariant($"among {inputs.shape[0]} and among {count}"));
    }

    private static void Require(ProgramProbe probe, Tensor one, Tensor other, string how)
    {
        using var scope = NewDisposeScope();
        var scale = Math.Max(1, one.to(float64).abs().max().item<double>());
        var difference = Difference(one, other);
        if (!(difference <= Tolerance * scale + NoiseFactor * probe.Noise))
            throw new PolicyMismatchException(probe.Property, string.Create(
                CultureInfo.InvariantCulture,
                $"the program {probe.Program.ProgramPath} gives different answers to the same question, asked {how} (they "
                    + $"differ by {difference:G3}): what is measured would not be what is used. A program must not keep a "
                    + $"state between calls, nor depend on how many it is asked for"));
    }

    // Root mean square over one answer's numbers, of the two that differ most; NaN where one is not a number and the other is.
    private static double Difference(Tensor one, Tensor other)
    {
        using var scope = NewDisposeScope();
        var (first, second) = (Numbers(one), Numbers(other));
        return where(first.eq(second), zeros_like(first), first - second).square().mean([1]).sqrt().max().item<double>();
    }

    // [N, numbers of one answer], whatever the program's precision; a single number may come without its own dimension.
    private static Tensor Numbers(Tensor answers) => answers.to(float64).reshape(answers.dim() == 0 ? 1 : answers.shape[0], -1);

    // Tensors are owned by the questions.
    private sealed record ProgramProbe(string Property, IProbedProgram Program, Tensor Inputs, Tensor Outputs, double Noise);
}
