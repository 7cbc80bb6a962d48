using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Training;
using AdaptThenUnlearn.Torch.Unlearning.Repulsion;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Unlearning;

/// <summary>What every repulsion loss must do, as functions over any loss.</summary>
/// <remarks>
/// What is expected is computed from <see cref="IRepulsionLoss.Value"/> alone, by finite differences in double precision: no
/// formula is repeated here, so that a correct new loss passes without a change to this file.
/// </remarks>
internal static class RepulsionLossContract
{
    private const double Alpha = 0.5;

    private static readonly double[] _distances = [0.3, 1, 2.5];

    /// <summary>Every check, by name.</summary>
    public static IReadOnlyDictionary<string, Action<IRepulsionLoss>> Checks { get; } =
        new Dictionary<string, Action<IRepulsionLoss>>
        {
            [nameof(DerivativeIsThatOfTheValue)] = DerivativeIsThatOfTheValue,
            [nameof(ValueFallsWithTheDistance)] = ValueFallsWithTheDistance,
            [nameof(AlphaMattersWhereItIsUsed)] = AlphaMattersWhereItIsUsed,
            [nameof(TermHasTheLossAndItsGradient)] = TermHasTheLossAndItsGradient,
            [nameof(GradientStepMovesAway)] = GradientStepMovesAway,
            [nameof(NoPushBeyondTheLimitOrAfterTheLastStep)] = NoPushBeyondTheLimitOrAfterTheLastStep,
        };

    public static void DerivativeIsThatOfTheValue(IRepulsionLoss loss)
    {
        foreach (var distance in _distances)
            Assert.Equal(Slope(at => loss.Value(at, 0.7), distance), loss.Derivative(distance, 0.7), tolerance: 1e-7);
    }

    public static void ValueFallsWithTheDistance(IRepulsionLoss loss)
    {
        foreach (var distance in _distances)
        {
            Assert.True(double.IsFinite(loss.Value(distance, Alpha)), $"the value at {distance} is not finite");
            Assert.True(
                loss.Value(distance * 1.01, Alpha) < loss.Value(distance, Alpha), $"the loss does not fall at {distance}");
            Assert.True(loss.Derivative(distance, Alpha) < 0, $"the derivative at {distance} is not negative");
        }
    }

    public static void AlphaMattersWhereItIsUsed(IRepulsionLoss loss)
    {
        foreach (var distance in _distances)
            Assert.Equal(
                loss.UsesAlpha,
                loss.Value(distance, 0.25) != loss.Value(distance, 0.75)
                    && loss.Derivative(distance, 0.25) != loss.Derivative(distance, 0.75));
    }

    // γ / K · Σ L(d²), any distance: the value and its gradient, which is taken of the whole sum, one parameter after the other.
    public static void TermHasTheLossAndItsGradient(IRepulsionLoss loss)
    {
        foreach (var distance in (string[])["plain", "relative", "tensor-mean"])
        {
            using var scope = NewDisposeScope();
            using var network = nn.Linear(3, 2);
            using var parameters = new ParameterVector(network);
            var original = parameters.Values.clone();
            Tensor[] adapted = [original + 0.3, original - 0.2];
            using (no_grad())
                parameters.Values.add_(0.1);

            var value =
                new RepulsionTerm(loss, adapted, original, Options(loss, distance, weight: 2), tensors: parameters.Slices)
                    .Accumulate(parameters, step: 1);

            var (theta, from) = (Doubles(parameters.Values), Doubles(original));
            var models = adapted.Select(Doubles).ToList();
            double Total(double[] at) => 2.0 / models.Count * models.Sum(model => loss.Value(Distance(at, model), Alpha));
            double Distance(double[] at, double[] model) => distance switch
            {
                "plain" => SquaredDistance(at, model),
                "relative" => SquaredDistance(at, model) / SquaredDistance(from, model),
                _ => (SquaredDistance(at[..2], model[..2]) / 2 + SquaredDistance(at[2..], model[2..]) / 6) / 2,   // bias, weight
            };
            Assert.Equal(Total(theta), value, tolerance: 1e-4);
            var gradient = Doubles(parameters.Gradients);
            for (var number = 0; number < theta.Length; number++)
            {
                var expected = Slope(moved => Total([.. theta[..number], moved, .. theta[(number + 1)..]]), theta[number]);
                Assert.Equal(expected, gradient[number], tolerance: 1e-5 + 1e-3 * Math.Abs(expected));
            }
        }
    }

    public static void GradientStepMovesAway(IRepulsionLoss loss)
    {
        using var scope = NewDisposeScope();
        using var network = nn.Linear(3, 2);
        using var parameters = new ParameterVector(network);
        var adapted = parameters.Values + 0.5;
        var before = RepulsionTerm.SquaredDistance(parameters.Values, adapted);

        new RepulsionTerm(loss, [adapted], parameters.Values.clone(), Options(loss, "plain")).Accumulate(parameters, step: 1);
        using (no_grad())
            parameters.Values.sub_(0.01 * parameters.Gradients);

        Assert.True(RepulsionTerm.SquaredDistance(parameters.Values, adapted) > before, "a gradient step does not move away");
    }

    public static void NoPushBeyondTheLimitOrAfterTheLastStep(IRepulsionLoss loss)
    {
        using var scope = NewDisposeScope();
        using var network = nn.Linear(3, 2);
        using var parameters = new ParameterVector(network);
        var original = parameters.Values.clone();
        var term =
            new RepulsionTerm(loss, [original + 0.5], original, Options(loss, "relative") with { Limit = 4 }, lastStep: 10);

        term.Accumulate(parameters, step: 11);
        Assert.Equal(0, parameters.Gradients.abs().max().item<float>());
        using (no_grad())
            parameters.Values.sub_(0.6);   // (1.1 / 0.5)² = 4.84 times the original's distance

        Assert.True(double.IsFinite(term.Accumulate(parameters, step: 1)));
        Assert.Equal(0, parameters.Gradients.abs().max().item<float>());
    }

    private static RepulsionOptions Options(IRepulsionLoss loss, string distance, double weight = 1) =>
        new(loss.Name, weight, Alpha, distance, Limit: 100);

    // The five-point stencil: its error is h⁴ / 30 times the fifth derivative, about 1e-11 at these distances.
    private static double Slope(Func<double, double> function, double at)
    {
        const double h = 1e-3;
        return (function(at - 2 * h) - 8 * function(at - h) + 8 * function(at + h) - function(at + 2 * h)) / (12 * h);
    }

    private static double SquaredDistance(double[] one, double[] other) => one.Zip(other, (a, b) => (a - b) * (a - b)).Sum();

    private static double[] Doubles(Tensor vector)
    {
        using var wide = vector.detach().to(float64);
        return [.. wide.data<double>()];
    }
}
