using AdaptThenUnlearn.Torch.Backend;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Labelling;

/// <summary>Logistic regression with an L2 penalty, fitted by Newton's method.</summary>
/// <remarks>
/// Minimises Σ ln(1 + exp(mᵢ)) − yᵢ mᵢ + penalty/2 ‖w‖², where m = X w + b; b is not penalised. The problem is convex, so the
/// result does not depend on the start. Hastie, Tibshirani and Friedman, "The Elements of Statistical Learning" (2nd ed.),
/// section 4.4.
/// </remarks>
internal static class LogisticRegression
{
    private const int MostSteps = 100;
    private const double Tolerance = 1e-9;
    private const double Ridge = 1e-12;   // keeps the curvature positive where all predictions are certain

    /// <summary>Fits weights and bias.</summary>
    /// <param name="rows"><c>[N, d]</c>, float64.</param>
    /// <param name="shows"><c>[N]</c>, float64: 1 or 0; both must occur.</param>
    /// <param name="penalty">Strength of the L2 penalty; positive.</param>
    /// <returns><c>[d + 1]</c>, float64, with the bias last; belongs to the caller's scope.</returns>
    public static Tensor Fit(Tensor rows, Tensor shows, double penalty)
    {
        // Start from zero weights.
        using var scope = NewDisposeScope();
        var inputs = WithOnes(rows);                                     // [N, d + 1]
        var penalties = full(inputs.shape[1], Scalars.Of(penalty), dtype: float64);
        penalties[^1] = zeros([], dtype: float64);
        var weights = zeros(inputs.shape[1], dtype: float64);
        var (loss, gradient) = (Loss(weights), Gradient(weights));
        for (var number = 0; number < MostSteps && gradient.norm().item<double>() > Tolerance; number++)
        {
            // Compute Newton's direction.
            using var step = NewDisposeScope();
            var likely = inputs.mv(weights).sigmoid();
            var curvature = (inputs * (likely * (1 - likely)).unsqueeze(1)).t().mm(inputs) + diag(penalties + Ridge);
            var direction = linalg.solve(curvature, gradient.unsqueeze(1)).squeeze(1);

            // Halve the step until the loss falls enough (Armijo's condition).
            var slope = gradient.dot(direction).item<double>();
            var length = 1.0;
            while (length > 1e-10 && Loss(weights - length * direction) > loss - 1e-4 * length * slope)
                length /= 2;

            weights = (weights - length * direction).MoveToOuterDisposeScope();
            (loss, gradient) = (Loss(weights), Gradient(weights).MoveToOuterDisposeScope());
        }

        return weights.MoveToOuterDisposeScope();

        double Loss(Tensor at)
        {
            using var inner = NewDisposeScope();
            return (LogLosses(inputs.mv(at), shows).sum() + (penalties * at * at).sum() / 2).item<double>();
        }

        Tensor Gradient(Tensor at) => inputs.t().mv(inputs.mv(at).sigmoid() - shows) + penalties * at;
    }

    /// <summary>
    /// Computes weights times rows, plus the bias. The feature is more likely than not where the result is positive.
    /// </summary>
    /// <param name="rows"><c>[N, d]</c>, float64.</param>
    /// <param name="weights"><c>[d + 1]</c>, as <see cref="Fit"/> returns them.</param>
    /// <returns><c>[N]</c>; belongs to the caller's scope.</returns>
    public static Tensor Margins(Tensor rows, Tensor weights)
    {
        using var scope = NewDisposeScope();
        return WithOnes(rows).mv(weights).MoveToOuterDisposeScope();
    }

    /// <summary>The logistic loss of each row, without the penalty.</summary>
    /// <param name="margins"><c>[N]</c>.</param>
    /// <param name="shows">As for <see cref="Fit"/>.</param>
    /// <returns><c>[N]</c>; belongs to the caller's scope.</returns>
    public static Tensor LogLosses(Tensor margins, Tensor shows)
    {
        using var scope = NewDisposeScope();
        return (nn.functional.softplus(margins) - shows * margins).MoveToOuterDisposeScope();
    }

    private static Tensor WithOnes(Tensor rows) => cat([rows, ones([rows.shape[0], 1], dtype: float64)], dim: 1);
}
