using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace AdaptThenUnlearn.Torch.Models.StyleGan3;

/// <summary>The Fourier features that every image starts from, turned and moved by the style, then mixed.</summary>
/// <remarks>
/// Karras et al. 2021 (arXiv:2106.12423), sections 3.1 and 3.2, and appendix F; <c>SynthesisInput</c> of
/// github.com/NVlabs/stylegan3, whose names the tensors keep.
/// </remarks>
internal sealed class FourierFeatures : Module<Tensor, Tensor>
{
    private readonly FourierInput _settings;
    private readonly Parameter weight;
    private readonly EqualizedLinear affine;

    /// <param name="settings">Of the features.</param>
    /// <param name="styleSize">Length of w.</param>
    public FourierFeatures(FourierInput settings, int styleSize) : base(nameof(FourierFeatures))
    {
        _settings = settings;
        weight = Parameter(randn(settings.Channels, settings.Channels));
        affine = new EqualizedLinear(styleSize, 4);
        using (no_grad())
        {
            // No turn and no move at first, whatever the style: (cos, sin, x, y) = (1, 0, 0, 0).
            var fresh = affine.named_parameters().ToDictionary(named => named.name, named => named.parameter);
            fresh["weight"].zero_();
            fresh["bias"].narrow(0, 0, 1).fill_(Scalars.Of(1));
        }

        // Frequencies from a disc, most of them small.
        var directions = randn(settings.Channels, 2);
        var radii = directions.square().sum(1, keepdim: true).sqrt();
        register_buffer("transform", eye(3, 3));
        register_buffer("freqs", directions / (radii * (radii.square() / 4).exp()) * settings.Bandwidth);
        register_buffer("phases", rand(settings.Channels) - 0.5);
        RegisterComponents();
    }

    /// <summary>Styles <c>[N, StyleSize]</c> to features <c>[N, Channels, Size, Size]</c>.</summary>
    public override Tensor forward(Tensor styles)
    {
        // Turn and move: the frequencies by the rotation, the phases by the way along each frequency.
        var transform = Placement(styles).matmul(get_buffer("transform")!);                 // [N, 3, 3]
        var stored = get_buffer("freqs")!.unsqueeze(0);                                     // [1, C, 2]
        var phases = get_buffer("phases")!.unsqueeze(0)
            + stored.matmul(transform.narrow(1, 0, 2).narrow(2, 2, 1)).squeeze(2);          // [N, C]
        var frequencies = stored.matmul(transform.narrow(1, 0, 2).narrow(2, 0, 2));         // [N, C, 2]

        // Fade frequencies out between the bandwidth and what the sampling rate can hold.
        var length = frequencies.square().sum(2).sqrt();
        var amplitudes = (1 - (length - _settings.Bandwidth) / (_settings.SamplingRate / 2 - _settings.Bandwidth))
            .clamp(Scalars.Of(0), Scalars.Of(1));

        // Waves over the pixels' centres, in image widths from the centre.
        var centres = (arange(Scalars.Of(_settings.Size), dtype: weight.dtype, device: weight.device)
                + (0.5 - _settings.Size / 2.0))
            / _settings.SamplingRate;
        var along = frequencies.narrow(2, 0, 1).unsqueeze(3) * centres.view(1, 1, 1, -1);   // [N, C, 1, Size]
        var down = frequencies.narrow(2, 1, 1).unsqueeze(3) * centres.view(1, 1, -1, 1);    // [N, C, Size, 1]
        var waves = ((along + down + phases.unsqueeze(2).unsqueeze(3)) * (2 * Math.PI)).sin()
            * amplitudes.unsqueeze(2).unsqueeze(3);
        return functional.conv2d(waves, (weight / Math.Sqrt(_settings.Channels)).unsqueeze(2).unsqueeze(3));
    }

    // The inverse of turning the image and then moving it, as homogeneous coordinates take it: [N, 3, 3].
    private Tensor Placement(Tensor styles)
    {
        var raw = affine.call(styles);
        var scaled = raw / raw.narrow(1, 0, 2).square().sum(1, keepdim: true).sqrt();
        var (cos, sin) = (scaled.narrow(1, 0, 1), scaled.narrow(1, 1, 1));                  // each [N, 1]
        var (x, y) = (scaled.narrow(1, 2, 1), scaled.narrow(1, 3, 1));
        var (zero, one) = (zeros_like(cos), ones_like(cos));
        return cat(
            [cos, -sin, sin * y - cos * x, sin, cos, -(sin * x + cos * y), zero, zero, one], dim: 1).view(-1, 3, 3);
    }
}
