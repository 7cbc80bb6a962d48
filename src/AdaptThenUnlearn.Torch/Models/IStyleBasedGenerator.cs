using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Models;

/// <summary>
/// A generator in two halves: its mapping network makes a style of a latent, its synthesis network makes an image of one style a
/// layer.
/// </summary>
/// <remarks>
/// Karras et al. 2019 (arXiv:1812.04948). Two parts of training need the halves: style mixing gives the layers two styles, and
/// path-length regularisation takes the gradient with respect to the styles. A generator without this interface is trained
/// without either.
/// </remarks>
public interface IStyleBasedGenerator
{
    /// <summary>Layers that take a style; at least 2.</summary>
    int StyledLayers { get; }

    /// <summary>The mapping network: z to w.</summary>
    /// <param name="latents"><c>[N, LatentSize]</c>.</param>
    /// <returns><c>[N, StyleSize]</c>; belongs to the caller's scope.</returns>
    Tensor Map(Tensor latents);

    /// <summary>Gives every layer the same style.</summary>
    /// <param name="styles"><c>[N, StyleSize]</c>.</param>
    /// <returns><c>[N, StyledLayers, StyleSize]</c>; belongs to the caller's scope.</returns>
    Tensor Broadcast(Tensor styles);

    /// <summary>Style mixing: layers before <paramref name="from"/> take the first style, the rest take the second.</summary>
    /// <param name="first"><c>[N, StyleSize]</c>.</param>
    /// <param name="second"><c>[N, StyleSize]</c>.</param>
    /// <param name="from">1 to <see cref="StyledLayers"/> − 1.</param>
    /// <returns><c>[N, StyledLayers, StyleSize]</c>; belongs to the caller's scope.</returns>
    Tensor Mix(Tensor first, Tensor second, long from);

    /// <summary>The synthesis network: styles to images.</summary>
    /// <param name="layerStyles"><c>[N, StyledLayers, StyleSize]</c>.</param>
    /// <param name="noise">One map for each of <see cref="ImageGenerator.NoiseSizes"/>; null leaves noise out.</param>
    /// <returns>
    /// <c>[N, Channels, Resolution, Resolution]</c>, nominally [-1, 1], not clipped; belongs to the caller's scope.
    /// </returns>
    Tensor Synthesize(Tensor layerStyles, IReadOnlyList<Tensor>? noise);
}
