using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Training;
using AdaptThenUnlearn.Torch.Unlearning.Repulsion;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Unlearning;

/// <summary>What every repulsion loss must do, the paper's closed forms, and how the published code's differ from them.</summary>
public sealed class RepulsionTests
{
    public static TheoryData<string> Names => [.. RepulsionLosses.All.Select(loss => loss.Name)];

    [Theory]
    [InlineData("il2", 4.0, 0.25)]
    [InlineData("nl2", 4.0, -4.0)]
    [InlineData("el2", 4.0, 0.1353352832366127)]   // exp(-0.5 · 4)
    public void Value_SquaredDistance_IsThePapersForm(string name, double squaredDistance, double expected) =>
        Assert.Equal(expected, RepulsionLosses.Named(name).Value(squaredDistance, alpha: 0.5), tolerance: 1e-12);

    [Theory]
    [MemberData(nameof(Names))]
    public void Slope_IsTheDerivativeOfTheValue(string name)
    {
        const double h = 1e-5;
        var loss = RepulsionLosses.Named(name);

        foreach (var distance in new[] { 0.3, 1.0, 2.5 })
            Assert.Equal((loss.Value(distance + h, 0.7) - loss.Value(distance - h, 0.7)) / (2 * h), loss.Derivative(distance, 0.7), tolerance: 1e-6);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Accumulate_Gradient_IsThatOfTheLossAndPointsAway(string name)
    {
        foreach (var distance in new[] { "plain", "relative" })
        {
            using var scope = NewDisposeScope();
            using var network = nn.Linear(3, 2);
            using var parameters = new ParameterVector(network);
            var original = parameters.Values.clone();
            Tensor[] adapted = [original + 0.3, original - 0.2];
            var options = new RepulsionOptions(name, Weight: 2, Alpha: 0.5, distance, Limit: 100);
            using (no_grad())
                parameters.Values.add_(0.1);

            var value = new RepulsionTerm(adapted, original, options).Accumulate(parameters, step: 1);

            var theta = parameters.Values.clone().requires_grad_();
            var expected = 2 * adapted.Select(model => Form(name, (theta - model).square().sum() / (distance == "plain" ? 1 : (original - model).square().sum()), 0.5)).Aggregate((a, b) => a + b) / adapted.Length;
            expected.backward();
            Assert.Equal(expected.item<float>(), value, tolerance: 1e-4);
            Assert.True(allclose(theta.grad!, parameters.Gradients, rtol: 1e-3, atol: 1e-5));
        }

        static Tensor Form(string name, Tensor squared, double alpha) => name switch { "il2" => 1 / squared, "nl2" => -squared, _ => (-alpha * squared).exp() };
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Accumulate_OneGradientStep_MovesAway(string name)
    {
        using var scope = NewDisposeScope();
        using var network = nn.Linear(3, 2);
        using var parameters = new ParameterVector(network);
        var adapted = parameters.Values + 0.5;
        var before = RepulsionTerm.SquaredDistance(parameters.Values, adapted);

        new RepulsionTerm([adapted], parameters.Values.clone(), new RepulsionOptions(name, 1, 0.5, "plain", 100)).Accumulate(parameters, step: 1);
        using (no_grad())
            parameters.Values.sub_(0.01 * parameters.Gradients);

        Assert.True(RepulsionTerm.SquaredDistance(parameters.Values, adapted) > before);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Accumulate_BeyondTheLimitOrTheLastStep_DoesNotPush(string name)
    {
        using var scope = NewDisposeScope();
        using var network = nn.Linear(3, 2);
        using var parameters = new ParameterVector(network);
        var original = parameters.Values.clone();
        var term = new RepulsionTerm([original + 0.5], original, new RepulsionOptions(name, 1, 0.5, "relative", Limit: 4), lastStep: 10);

        term.Accumulate(parameters, step: 11);
        Assert.Equal(0, parameters.Gradients.abs().max().item<float>());
        using (no_grad())
            parameters.Values.sub_(0.6);   // (1.1 / 0.5)² = 4.84 times the original's distance

        Assert.True(double.IsFinite(term.Accumulate(parameters, step: 1)));
        Assert.Equal(0, parameters.Gradients.abs().max().item<float>());
    }

    [Fact]
    public void New_AdaptationThatDidNotMove_IsRefused()
    {
        using var scope = NewDisposeScope();
        var original = ones(4);

        Assert.Throws<InvalidOperationException>(() => new RepulsionTerm([original.clone()], original, new RepulsionOptions("el2", 1, 0.5, "plain", 4)));
    }

    // The published code measures val = (K/2) · Σ over models of the mean over tensors of each tensor's mean squared error,
    // and uses γ/val, 100·exp(−γ·val) and −γ·val: the paper's forms of another distance. The formula stands in its case.json.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void PublishedCode_ItsOwnDistance_GivesItsValuesThroughThePapersForms(int models)
    {
        var reference = Interop.Case("authors_repulsion");
        using var scope = NewDisposeScope();
        var theta = reference.Array("theta").to(float64);
        var sizes = reference["shapes"].EnumerateObject().Select(shape => shape.Value.EnumerateArray().Aggregate(1L, (product, size) => product * size.GetInt64())).ToList();
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
}
