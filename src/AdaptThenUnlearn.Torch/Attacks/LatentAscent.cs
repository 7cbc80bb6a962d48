using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Attacks;

/// <summary>Moves many points at once down their own losses, and keeps the best place that each of them has seen.</summary>
/// <remarks>Kingma and Ba 2015 (arXiv:1412.6980), with their β₁ and β₂. It works by component, so points do not mix.</remarks>
internal static class LatentAscent
{
    private const double FirstDecay = 0.9;
    private const double SecondDecay = 0.999;
    private const double Epsilon = 1e-8;

    /// <summary>Refuses scores whose gradient does not reach the points: no step would follow them.</summary>
    /// <param name="start"><c>[N, …]</c>; stays the caller's.</param>
    /// <param name="scores">Gives <c>[N]</c> for points of that shape.</param>
    /// <exception cref="AttackNotMeasuredException">There is no gradient, or it is 0, or not a number, everywhere.</exception>
    public static void RequireGradient(Tensor start, Func<Tensor, Tensor> scores)
    {
        if (!Gradients.Reach(start, scores))
            throw NoGradient();
    }

    /// <summary>Runs the steps.</summary>
    /// <param name="start"><c>[N, …]</c>; stays the caller's.</param>
    /// <param name="losses">Gives <c>[N]</c> for points of that shape, as part of the graph; smaller is better.</param>
    /// <param name="steps">At least 1.</param>
    /// <param name="rate">Adam's step size; positive.</param>
    /// <param name="cancel">Ends it between two steps.</param>
    /// <returns>The points with the smallest losses, as <paramref name="start"/>; belongs to the caller's scope.</returns>
    /// <exception cref="AttackNotMeasuredException">The losses cannot be differentiated.</exception>
    public static Tensor Run(Tensor start, Func<Tensor, Tensor> losses, int steps, double rate, CancellationToken cancel)
    {
        using var scope = NewDisposeScope();
        var current = start.detach().clone();
        var best = current.clone();
        var smallest = full([start.shape[0]], Scalars.Of(float.PositiveInfinity), device: start.device);
        var (mean, square) = (zeros_like(current), zeros_like(current));
        for (var step = 1; step <= steps; step++)
        {
            cancel.ThrowIfCancellationRequested();
            using var stepScope = NewDisposeScope();
            var point = current.detach().requires_grad_();
            var loss = losses(point);
            if (!loss.requires_grad)
                throw NoGradient();
            var gradient = autograd.grad([loss.sum()], [point])[0].nan_to_num(0, 0, 0);

            using var _ = no_grad();
            Keep(point, loss);
            mean.mul_(Scalars.Of(FirstDecay)).add_(gradient, Scalars.Of(1 - FirstDecay));
            square.mul_(Scalars.Of(SecondDecay)).addcmul_(gradient, gradient, Scalars.Of(1 - SecondDecay));
            var stepSize = rate / (1 - Math.Pow(FirstDecay, step));
            var root = (square / (1 - Math.Pow(SecondDecay, step))).sqrt_().add_(Scalars.Of(Epsilon));
            current.addcdiv_(mean, root, Scalars.Of(-stepSize));
        }

        using (no_grad())
        using (NewDisposeScope())
            Keep(current, losses(current));
        return best.MoveToOuterDisposeScope();

        void Keep(Tensor point, Tensor loss)
        {
            var value = loss.detach().nan_to_num(double.PositiveInfinity);
            var better = value < smallest;
            long[] shape = [better.shape[0], .. Enumerable.Repeat(1L, (int)point.dim() - 1)];
            best.copy_(where(better.view(shape), point.detach(), best));
            smallest.copy_(where(better, value, smallest));
        }
    }

    // A program may compute in a way that cannot be differentiated, such as by rounding.
    private static AttackNotMeasuredException NoGradient() => new("the generator or the annotator gives no gradient");
}
