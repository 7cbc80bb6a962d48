using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Unlearning.Repulsion;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Unlearning;

/// <summary>
/// The repulsion losses and their contract, the paper's closed forms, and how the published code's differ from them.
/// </summary>
public sealed class RepulsionTests
{
    public static TheoryData<string, string> ChecksOfEveryLoss =>
        [.. RepulsionLosses.All.SelectMany(loss => RepulsionLossContract.Checks.Keys, (loss, check) => (loss.Name, check))];

    [Theory]
    [InlineData("il2", 4.0, 0.25)]
    [InlineData("nl2", 4.0, -4.0)]
    [InlineData("el2", 4.0, 0.1353352832366127)]   // exp(-0.5 · 4)
    public void Value_SquaredDistance_IsThePapersForm(string name, double squaredDistance, double expected) =>
        Assert.Equal(expected, RepulsionLosses.Named(name).Value(squaredDistance, alpha: 0.5), tolerance: 1e-12);

    [Theory]
    [MemberData(nameof(ChecksOfEveryLoss))]
    public void Contract_EveryLossOfTheCatalogue_Holds(string name, string check) =>
        RepulsionLossContract.Checks[check](RepulsionLosses.Named(name));

    [Fact]
    public void Contract_CorrectNewLoss_Holds() => Assert.All(RepulsionLossContract.Checks.Values, check => check(new Huber()));

    [Theory]
    [InlineData(typeof(HuberWithAnotherDerivative), nameof(
        RepulsionLossContract.DerivativeIsThatOfTheValue), nameof(RepulsionLossContract.TermHasTheLossAndItsGradient))]
    [InlineData(typeof(Pull), nameof(
        RepulsionLossContract.ValueFallsWithTheDistance), nameof(RepulsionLossContract.GradientStepMovesAway))]
    [InlineData(typeof(HuberThatHidesAlpha), nameof(RepulsionLossContract.AlphaMattersWhereItIsUsed))]
    [InlineData(typeof(HuberWithoutEffectOfAlpha), nameof(RepulsionLossContract.AlphaMattersWhereItIsUsed))]
    public void Contract_WrongNewLoss_FailsWhereItIsWrong(Type wrong, params string[] checks)
    {
        var loss = (IRepulsionLoss)Activator.CreateInstance(wrong)!;

        var failed = RepulsionLossContract.Checks
            .Where(check => Record.Exception(() => check.Value(loss)) is Xunit.Sdk.XunitException)
            .Select(check => check.Key);

        Assert.Equal(checks.Order(), failed.Order());
    }

    [Fact]
    public void Names_OfTheCatalogue_AreUnique() => Assert.Distinct(RepulsionLosses.All.Select(loss => loss.Name));

    [Fact]
    public void New_AdaptationThatDidNotMove_IsRefused()
    {
        using var scope = NewDisposeScope();
        var original = ones(4);

        Assert.Throws<InvalidOperationException>(() => new RepulsionTerm(
            new ExponentialL2Repulsion(), [original.clone()], original, new RepulsionOptions("el2", 1, 0.5, "plain", 4)));
    }

    // The published code measures val = (K/2) · Σ over models of the mean over tensors of each tensor's mean squared error,
    // and uses γ/val, 100·exp(−γ·val) and −γ·val: the paper's forms of another distance. The formula is in its case.json.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void PublishedCode_ItsOwnDistance_GivesItsValuesThroughThePapersForms(int models)
    {
        var reference = Interop.Case("authors_repulsion");
        using var scope = NewDisposeScope();
        var theta = reference.Array("theta").to(float64);
        var sizes = reference["shapes"].EnumerateObject()
            .Select(shape => shape.Value.EnumerateArray().Aggregate(1L, (product, size) => product * size.GetInt64()))
            .ToList();
        var value = 0.0;
        for (var model = 0; model < models; model++)
        {
            var squared = (reference.Array($"adapted_{model}").to(float64) - theta).square();
            var offset = 0L;
            foreach (var size in sizes)
            {
                value += squared.narrow(0, offset, size).mean().item<double>() / sizes.Count * models / 2.0;
                offset += size;
            }
        }

        reference.Agrees($"val_K{models}", value);
        var gammas = reference["gammas"].EnumerateArray().Select(gamma => gamma.GetDouble()).ToList();
        for (var number = 0; number < gammas.Count; number++)
        {
            reference.Agrees($"reci_K{models}_gamma{number}", gammas[number] * RepulsionLosses.Named("il2").Value(value, 1));
            reference.Agrees($"l2_K{models}_gamma{number}", gammas[number] * RepulsionLosses.Named("nl2").Value(value, 1));
            reference.Agrees($"exp_K{models}_gamma{number}", 100 * RepulsionLosses.Named("el2").Value(value, gammas[number]));
        }
    }

    /// <summary>A correct loss that is not in the catalogue: exp(−α√(1 + d²)).</summary>
    private class Huber : IRepulsionLoss
    {
        public string Name => "huber";

        public virtual bool UsesAlpha => true;

        public virtual double Value(double squaredDistance, double alpha) => Math.Exp(-alpha * Math.Sqrt(1 + squaredDistance));

        public virtual double Derivative(double squaredDistance, double alpha) =>
            -alpha / (2 * Math.Sqrt(1 + squaredDistance)) * Value(squaredDistance, alpha);
    }

    // The derivative with respect to d, where that with respect to d² is asked for.
    private sealed class HuberWithAnotherDerivative : Huber
    {
        public override double Derivative(double squaredDistance, double alpha) =>
            base.Derivative(squaredDistance, alpha) * 2 * Math.Sqrt(squaredDistance);
    }

    private sealed class HuberThatHidesAlpha : Huber
    {
        public override bool UsesAlpha => false;
    }

    private sealed class HuberWithoutEffectOfAlpha : Huber
    {
        public override double Value(double squaredDistance, double alpha) => base.Value(squaredDistance, 1);

        public override double Derivative(double squaredDistance, double alpha) => base.Derivative(squaredDistance, 1);
    }

    // A consistent function that draws the generator towards the adapted one.
    private sealed class Pull : IRepulsionLoss
    {
        public string Name => "pull";

        public bool UsesAlpha => false;

        public double Value(double squaredDistance, double alpha) => squaredDistance;

        public double Derivative(double squaredDistance, double alpha) => 1;
    }
}
