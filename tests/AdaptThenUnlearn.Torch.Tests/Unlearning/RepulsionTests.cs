using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Training;
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

    // With one adapted model val is d²/2, so γ/val = 2γ/d², −γ·val = −(γ/2)·d² and 100·exp(−γ·val) = 100·exp(−(γ/2)·d²).
    // NL2 is linear in d², so that its γ can be converted for any number of models: K²/2 times the published one.
    [Theory]
    [InlineData("il2", "reci", 1)]
    [InlineData("el2", "exp", 1)]
    [InlineData("nl2", "l2", 1)]
    [InlineData("nl2", "l2", 2)]
    [InlineData("nl2", "l2", 5)]
    public void TensorMean_WithThePublishedCodesFactors_HasItsValuesAndGradients(string name, string published, int models)
    {
        var reference = Interop.Case("authors_repulsion");
        using var scope = NewDisposeScope();
        var theta = reference.Array("theta");
        var gammas = reference["gammas"].EnumerateArray().Select(gamma => gamma.GetDouble()).ToList();
        foreach (var number in (int[])[0, 2])
        {
            var gamma = gammas[number];
            var options = name switch
            {
                "il2" => new RepulsionOptions(name, 2 * gamma, 1, "tensor-mean", 1e6),
                "nl2" => new RepulsionOptions(name, gamma * models * models / 2, 1, "tensor-mean", 1e6),
                _ => new RepulsionOptions(name, 100, gamma / 2, "tensor-mean", 1e6),
            };
            using var network = new OfShapes(reference["shapes"].EnumerateObject()
                .Select(shape => shape.Value.EnumerateArray().Select(size => size.GetInt64()).ToArray()));
            using var parameters = new ParameterVector(network);
            parameters.Values.copy_(theta);
            var term = new RepulsionTerm(
                RepulsionLosses.Named(name),
                [.. Enumerable.Range(0, models).Select(model => reference.Array($"adapted_{model}"))],
                theta, options, tensors: parameters.Slices);

            reference.Agrees($"{published}_K{models}_gamma{number}", term.Accumulate(parameters, step: 1));
            reference.Agrees($"grad_{published}_K{models}_gamma{number}", parameters.Gradients);
        }
    }

    [Theory]
    [InlineData("il2")]
    [InlineData("nl2")]
    [InlineData("el2")]
    public void TensorMean_AnyLoss_HasTheGradientOfAutograd(string name)
    {
        using var scope = NewDisposeScope();
        using var network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Linear(5, 1));
        using var parameters = new ParameterVector(network);
        var original = parameters.Values.clone();
        Tensor[] adapted = [original + 0.1 * arange(original.numel()) / original.numel(), original - 0.2];
        using (no_grad())
            parameters.Values.mul_(0.9);
        var options = new RepulsionOptions(name, 3, 0.7, "tensor-mean", 1e6);
        var value = new RepulsionTerm(RepulsionLosses.Named(name), adapted, original, options, tensors: parameters.Slices)
            .Accumulate(parameters, step: 1);

        var leaf = parameters.Values.detach().to(float64).requires_grad_();
        var total = zeros([], float64);
        foreach (var model in adapted)
        {
            var tensors = parameters.Slices
                .Select(slice => nn.functional.mse_loss(slice.ViewOf(leaf), slice.ViewOf(model.to(float64)))).ToArray();
            var distance = stack(tensors).mean();
            total = total + name switch { "il2" => 1 / distance, "nl2" => -distance, _ => exp(-0.7 * distance) } * 1.5;
        }

        total.backward();
        Assert.Equal(4, parameters.Slices.Count);
        Assert.Equal(total.item<double>(), value, tolerance: 1e-4 * Math.Abs(value));
        Assert.True(parameters.Gradients.to(float64).allclose(leaf.grad!, rtol: 1e-4, atol: 1e-7));
    }

    // Two biases and six weights: (0.3² + 0.5²) / 2 = 0.17. The push is γ·2·0.3 / (2·2) on a bias, γ·2·0.5 / (2·6) on a weight.
    [Fact]
    public void TensorMean_TwoTensors_CountTheSameWhateverTheirSizes()
    {
        using var scope = NewDisposeScope();
        using var network = nn.Linear(3, 2);
        using var parameters = new ParameterVector(network);
        parameters.Values.zero_();
        var adapted = cat([full(2, -0.3), full(6, -0.5)]);
        var term = new RepulsionTerm(
            RepulsionLosses.Named("nl2"), [adapted], parameters.Values.clone(),
            new RepulsionOptions("nl2", 2, 1, "tensor-mean", 4), tensors: parameters.Slices);

        Assert.Equal(-2 * 0.17, term.Accumulate(parameters, step: 1), tolerance: 1e-6);
        Assert.True(parameters.Gradients.allclose(cat([full(2, -0.3), full(6, -1.0 / 6)]), rtol: 1e-5));
    }

    // The biases alone move, two of 602 parameters: ‖θ − θN‖² hardly grows.
    [Fact]
    public void TensorMean_Limit_IsOnTheSameDistance()
    {
        using var scope = NewDisposeScope();
        using var network = nn.Linear(300, 2);
        using var parameters = new ParameterVector(network);
        parameters.Values.zero_();
        var term = new RepulsionTerm(
            RepulsionLosses.Named("nl2"), [full(602, -0.1)], parameters.Values.clone(),
            new RepulsionOptions("nl2", 1, 1, "tensor-mean", 4), tensors: parameters.Slices);

        parameters.Values[..2] = 0.15f;   // (0.25² + 0.1²) / 2 = 3.6 times 0.1²
        Assert.Equal(-0.03625, term.Accumulate(parameters, step: 1), tolerance: 1e-6);
        Assert.True(parameters.Gradients.count_nonzero().item<long>() == 602);
        parameters.Gradients.zero_();
        parameters.Values[..2] = 0.2f;    // 5 times
        Assert.Equal(-0.04, term.Accumulate(parameters, step: 1), tolerance: 1e-6);
        Assert.Equal(0, parameters.Gradients.count_nonzero().item<long>());
    }

    [Fact]
    public void New_TensorMeanWithoutTheTensors_IsRefused()
    {
        using var scope = NewDisposeScope();
        var original = ones(4);
        var options = new RepulsionOptions("el2", 1, 0.5, "tensor-mean", 4);

        Assert.Throws<ArgumentException>(() => new RepulsionTerm(new ExponentialL2Repulsion(), [zeros(4)], original, options));
        Assert.Throws<ArgumentException>(() => new RepulsionTerm(
            new ExponentialL2Repulsion(), [zeros(4)], original, options, tensors: [new ParameterSlice("only", 0, 3, [3])]));
    }

    // Parameters of given shapes, in this order.
    private sealed class OfShapes : nn.Module
    {
        public OfShapes(IEnumerable<long[]> shapes) : base("shapes")
        {
            foreach (var (number, shape) in shapes.Index())
                register_parameter($"p{number}", nn.Parameter(zeros(shape)));
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
