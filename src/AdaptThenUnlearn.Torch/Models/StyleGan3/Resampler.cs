using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace AdaptThenUnlearn.Torch.Models.StyleGan3;

/// <summary>Enlarges and shrinks maps by whole factors through low-pass filters.</summary>
/// <remarks>
/// Karras et al. 2021 (arXiv:2106.12423), section 3.1; the steps of <c>filtered_lrelu</c> in github.com/NVlabs/stylegan3: put
/// zeros between the pixels, pad, convolve with the filter, and keep every n-th pixel. Inserting zeros and convolving is one
/// transposed convolution; convolving and thinning out is one convolution with a stride.
/// </remarks>
internal static class Resampler
{
    /// <summary>Enlarges maps.</summary>
    /// <param name="maps"><c>[N, C, H, W]</c>.</param>
    /// <param name="filter"><c>[taps]</c>; null where the factor is 1.</param>
    /// <param name="factor">At least 1.</param>
    /// <param name="padding">Zero pixels before and behind the enlarged maps; negative ones are cut off.</param>
    /// <param name="gain">Positive factor on the result.</param>
    /// <returns>
    /// <c>[N, C, H', W']</c>, where W' = W · factor + the padding − (taps − 1).
    /// </returns>
    public static Tensor Enlarged(Tensor maps, Tensor? filter, int factor, (int Before, int Behind) padding, double gain)
    {
        if (filter is null)
        {
            var bordered = Bordered(maps, padding.Before, padding.Behind, padding.Before, padding.Behind);
            return gain == 1 ? bordered : bordered * gain;
        }

        var (channels, taps) = (maps.shape[1], filter.shape[0]);
        // Zeros between the pixels make a map darker by the factor in each dimension.
        var row = (filter * (factor * gain)).view(1, 1, 1, taps).expand(channels, 1, 1, taps);
        var column = (filter * factor).view(1, 1, taps, 1).expand(channels, 1, taps, 1);
        var wide = functional.conv_transpose2d(maps, row, strides: [1, factor], groups: channels);
        var (left, right) = Border(maps.shape[3], wide.shape[3]);
        var high = functional.conv_transpose2d(
            Bordered(wide, left, right, 0, 0), column, strides: [factor, 1], groups: channels);
        var (top, bottom) = Border(maps.shape[2], high.shape[2]);
        return Bordered(high, 0, 0, top, bottom);

        // The transposed convolution starts taps − 1 pixels earlier than the filter's first whole place, and leaves out the last
        // zeros.
        (long Before, long Behind) Border(long pixels, long length)
        {
            var before = padding.Before - (taps - 1);
            var wanted = pixels * factor + padding.Before + padding.Behind - (taps - 1);
            return (before, wanted - before - length);
        }
    }

    /// <summary>Shrinks maps.</summary>
    /// <param name="maps"><c>[N, C, H, W]</c>.</param>
    /// <param name="filter"><c>[taps]</c>, or <c>[taps, taps]</c> for both dimensions; null where the factor is 1.</param>
    /// <param name="factor">At least 1.</param>
    /// <returns><c>[N, C, H', W']</c>, where W' = ⌈(W − (taps − 1)) / factor⌉.</returns>
    public static Tensor Shrunk(Tensor maps, Tensor? filter, int factor)
    {
        if (filter is null)
            return maps;

        // Torch's convolution does not turn the filter round, as a filter's convolution does.
        var (channels, taps) = (maps.shape[1], filter.shape[0]);
        if (filter.dim() == 2)
            return functional.conv2d(
                maps,
                filter.flip(0, 1).view(1, 1, taps, taps).expand(channels, 1, taps, taps),
                strides: [factor, factor],
                groups: channels);

        var turned = filter.flip(0);
        var narrow = functional.conv2d(
            maps, turned.view(1, 1, 1, taps).expand(channels, 1, 1, taps), strides: [1, factor], groups: channels);
        return functional.conv2d(
            narrow, turned.view(1, 1, taps, 1).expand(channels, 1, taps, 1), strides: [factor, 1], groups: channels);
    }

    // Adds zeros, or cuts off.
    private static Tensor Bordered(Tensor maps, long left, long right, long top, long bottom)
    {
        var cut = Cut(Cut(maps, 3, left, right), 2, top, bottom);
        return left > 0 || right > 0 || top > 0 || bottom > 0
            ? functional.pad(cut, [Math.Max(left, 0), Math.Max(right, 0), Math.Max(top, 0), Math.Max(bottom, 0)])
            : cut;
    }

    // A view, without a copy.
    private static Tensor Cut(Tensor maps, int dimension, long before, long behind)
    {
        var (first, last) = (Math.Max(-before, 0), Math.Max(-behind, 0));
        return first == 0 && last == 0 ? maps : maps.narrow(dimension, first, maps.shape[dimension] - first - last);
    }
}
