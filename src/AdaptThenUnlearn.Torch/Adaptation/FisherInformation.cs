using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Adaptation;

/// <summary>
/// The diagonal Fisher information of a generator's parameters: how much each parameter matters to the discriminator's logits.
/// </summary>
/// <remarks>
/// Kirkpatrick et al. 2017 (arXiv:1612.00796); for GANs Li et al. 2020 (arXiv:2012.02780). Estimated as in the method's published
/// code: F = mean over samples of (∂ℓ/∂θ)², where ℓ is the raw discriminator logit of one generated image. The discriminator's
/// minibatch statistics span four images, so images are taken in groups of four.
/// </remarks>
public static class FisherInformation
{
    private const int Group = 4;   // images

    /// <summary>Estimates the Fisher information from new samples.</summary>
    /// <param name="generator">Makes the samples.</param>
    /// <param name="discriminator">Scores the samples; its parameters are not changed.</param>
    /// <param name="parameters">θ, the generator's parameters; their gradients are overwritten.</param>
    /// <param name="samples">Number of samples, at least 1; rounded up to whole groups of four.</param>
    /// <param name="random">Random source of latents and noise.</param>
    /// <param name="styleMixing">Probability of a second latent, 0 to 1.</param>
    /// <returns>F, <c>[P]</c>, at least 0; belongs to the caller's scope.</returns>
    public static Tensor Estimate(
        ImageGenerator generator,
        ImageDiscriminator discriminator,
        ParameterVector parameters,
        int samples,
        RandomStreams random,
        double styleMixing) =>
        Estimate(parameters, (samples + Group - 1) / Group, group =>
        {
            using var source = random.At("fisher", group);
            var draw = LatentDraw.Sample(generator, Group, source, parameters.Values.device, styleMixing);
            return discriminator.Score(draw.Images(generator));
        });

    /// <summary>Estimates the Fisher information from given groups of samples.</summary>
    /// <param name="parameters">θ; its gradients are overwritten.</param>
    /// <param name="groups">Number of groups.</param>
    /// <param name="logitsOf">Computes the logits <c>[N, 1]</c> of a group, counted from 0, as part of the graph.</param>
    /// <returns>F, <c>[P]</c>; belongs to the caller's scope.</returns>
    public static Tensor Estimate(ParameterVector parameters, int groups, Func<int, Tensor> logitsOf)
    {
        using var scope = NewDisposeScope();
        parameters.RequiresGradient = true;
        var sum = zeros_like(parameters.Values);
        var samples = 0L;
        for (var group = 0; group < groups; group++)
        {
            using var groupScope = NewDisposeScope();
            var logits = logitsOf(group).flatten();
            for (var sample = 0; sample < logits.shape[0]; sample++)
            {
                parameters.Gradients.zero_();
                logits[sample].backward(retain_graph: true);
                using (no_grad())
                    sum.addcmul_(parameters.Gradients, parameters.Gradients, Scalars.Of(1));
                samples++;
            }
        }

        parameters.Gradients.zero_();
        return (sum / samples).MoveToOuterDisposeScope();
    }
}

/// <summary>Elastic weight consolidation: λ·Σ F·(θ − θ*)².</summary>
/// <remarks>
/// Kirkpatrick et al. 2017 (arXiv:1612.00796), equation 3, in the method's notation; the published code multiplies by λ/2.
/// </remarks>
/// <param name="fisher">F, <c>[P]</c>; stays the caller's.</param>
/// <param name="anchor">θ*, <c>[P]</c>; stays the caller's.</param>
/// <param name="weight">λ, at least 0.</param>
public sealed class ElasticPenalty(Tensor fisher, Tensor anchor, double weight) : IWeightTerm
{
    /// <inheritdoc/>
    public double Accumulate(ParameterVector generator, int step)
    {
        if (weight == 0)
            return 0;

        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var moved = generator.Values - anchor;
        var weightedDifference = fisher * moved;
        generator.Gradients.add_(weightedDifference, Scalars.Of(2 * weight));
        return weight * (weightedDifference * moved).sum(float64).item<double>();
    }
}
