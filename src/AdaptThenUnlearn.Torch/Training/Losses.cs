using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace AdaptThenUnlearn.Torch.Training;

/// <summary>StyleGAN2's loss terms; each returns a scalar that belongs to the caller's scope.</summary>
public static class Losses
{
    /// <summary>E[softplus(−D(real))] + E[softplus(D(fake))].</summary>
    /// <remarks>Goodfellow et al. 2014 (arXiv:1406.2661), logistic form.</remarks>
    public static Tensor Discriminator(Tensor realScores, Tensor fakeScores) =>
        softplus(-realScores).mean() + softplus(fakeScores).mean();

    /// <summary>E[softplus(−D(fake))], the non-saturating form.</summary>
    public static Tensor Generator(Tensor fakeScores) => softplus(-fakeScores).mean();

    /// <summary>R1: E[‖∂D(x)/∂x‖²] over real images, without the factor γ/2.</summary>
    /// <remarks>Mescheder et al. 2018 (arXiv:1801.04406), equation 9.</remarks>
    /// <param name="discriminator">The discriminator whose gradient is penalised.</param>
    /// <param name="reals">Real images, <c>[N, C, H, W]</c>.</param>
    public static Tensor R1(ImageDiscriminator discriminator, Tensor reals)
    {
        var images = reals.detach().requires_grad_();
        var gradient = autograd.grad([discriminator.Score(images).sum()], [images], create_graph: true, retain_graph: true)[0];
        return gradient.square().sum(new long[] { 1, 2, 3 }).mean();
    }

    /// <summary>Path-length regularisation.</summary>
    /// <remarks>
    /// Karras et al. 2020 (arXiv:1912.04958), equation 4, as the reference code computes it: the running mean takes part
    /// in the gradient through the batch's own contribution.
    /// </remarks>
    /// <param name="images"><c>[N, C, H, W]</c>, made from <paramref name="layerStyles"/>.</param>
    /// <param name="layerStyles"><c>[N, layers, latent]</c>, part of the graph.</param>
    /// <param name="imageNoise">Standard normal, in the shape of <paramref name="images"/>.</param>
    /// <param name="meanLength">Running mean of the path length so far.</param>
    /// <param name="decay">Weight of this batch in the running mean; the reference code's 0.01.</param>
    public static PathLength PathLengthPenalty(
        Tensor images, Tensor layerStyles, Tensor imageNoise, double meanLength, double decay = 0.01)
    {
        var noise = imageNoise / Math.Sqrt(images.shape[2] * images.shape[3]);
        var gradient = autograd.grad([(images * noise).sum()], [layerStyles], create_graph: true, retain_graph: true)[0];
        var lengths = gradient.square().sum(2).mean([1]).sqrt();               // [N]
        var mean = meanLength + decay * (lengths.mean() - meanLength);
        return new PathLength((lengths - mean).square().mean(), lengths.detach(), mean.item<float>());
    }
}

/// <summary>The result of path-length regularisation.</summary>
/// <param name="Penalty">Scalar, differentiable.</param>
/// <param name="Lengths">Path length of each image, <c>[N]</c>.</param>
/// <param name="MeanLength">The running mean, this batch included.</param>
public sealed record PathLength(Tensor Penalty, Tensor Lengths, double MeanLength);
