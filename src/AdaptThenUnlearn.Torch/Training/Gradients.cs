using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Training;

/// <summary>Finds out whether a computation has a gradient that could be followed.</summary>
internal static class Gradients
{
    /// <summary>Whether the gradient of scores reaches what they are computed from.</summary>
    /// <param name="start">Any tensor; stays the caller's.</param>
    /// <param name="scores">Gives scores for a tensor of that shape.</param>
    /// <returns>False where there is no gradient, or it is 0, or not a number, everywhere.</returns>
    public static bool Reach(Tensor start, Func<Tensor, Tensor> scores)
    {
        using var scope = NewDisposeScope();
        var point = start.detach().clone().requires_grad_();
        var score = scores(point);
        return score.requires_grad
            && autograd.grad([score.sum()], [point], allow_unused: true)[0] is { IsInvalid: false } gradient
            && gradient.nan_to_num(0, 0, 0).count_nonzero().item<long>() > 0;
    }
}
