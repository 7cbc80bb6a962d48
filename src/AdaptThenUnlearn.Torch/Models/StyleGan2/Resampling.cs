using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace AdaptThenUnlearn.Torch.Models.StyleGan2;

/// <summary>
/// The [1, 3, 3, 1] low-pass filter between two resolutions, with its kernel stored under the reference's name.
/// </summary>
/// <remarks>
/// Zhang 2019 (arXiv:1904.11486); as <c>upfirdn2d</c> of the reference code does it, written as depthwise convolutions.
/// The kernel is symmetric, so convolution and correlation agree.
/// </remarks>
internal sealed class LowPassFilter : Module<Tensor, Tensor>
{
    private static readonly float[] _row = [1, 3, 3, 1];

    private readonly Resampling _kind;

    /// <param name="kind">Decides padding, stride and gain.</param>
    public LowPassFilter(Resampling kind) : base(nameof(LowPassFilter))
    {
        _kind = kind;
        var row = tensor(_row);
        var gain = kind is Resampling.AfterTransposedConvolution or Resampling.Up ? 4 : 1;
        register_buffer("kernel", outer(row, row) / 64 * gain);   // [4, 4]
    }

    /// <summary><c>[N, C, H, W]</c> to the resampled maps.</summary>
    public override Tensor forward(Tensor maps)
    {
        var channels = maps.shape[1];
        var each = get_buffer("kernel")!.unsqueeze(0).unsqueeze(0).expand(channels, 1, 4, 4);
        return _kind switch
        {
            // [N, C, 2H, 2W]
            Resampling.Up => functional.conv_transpose2d(maps, each, strides: [2, 2], padding: [1, 1], groups: channels),
            // [N, C, H-1, W-1]
            Resampling.AfterTransposedConvolution => functional.conv2d(maps, each, padding: [1, 1], groups: channels),
            // [N, C, H+1, W+1]
            Resampling.BeforeStridedConvolution => functional.conv2d(maps, each, padding: [2, 2], groups: channels),
            // [N, C, H/2, W/2]
            Resampling.Down => functional.conv2d(maps, each, strides: [2, 2], padding: [1, 1], groups: channels),
            _ => throw new InvalidOperationException($"'{_kind}' is not a kind of resampling"),
        };
    }
}

/// <summary>What a low-pass filter is used for.</summary>
internal enum Resampling
{
    /// <summary>Doubles the resolution.</summary>
    Up,

    /// <summary>Smooths the output of a transposed convolution of stride 2.</summary>
    AfterTransposedConvolution,

    /// <summary>Smooths the input of a 3×3 convolution of stride 2.</summary>
    BeforeStridedConvolution,

    /// <summary>Halves the resolution.</summary>
    Down,
}
