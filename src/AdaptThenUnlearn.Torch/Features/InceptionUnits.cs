using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>A layer of Inception-v3: convolution without bias, batch normalisation by stored statistics, ReLU.</summary>
/// <remarks>Component names are those of the published weights.</remarks>
internal sealed class ConvolutionUnit : Module<Tensor, Tensor>
{
    private readonly Conv2d conv;
    private readonly FrozenBatchNorm bn;

    /// <param name="inputs">Channels that come in.</param>
    /// <param name="outputs">Channels that go out.</param>
    /// <param name="kernel">Height and width.</param>
    /// <param name="stride">In both directions.</param>
    /// <param name="padding">Vertical and horizontal.</param>
    public ConvolutionUnit(long inputs, long outputs, (long, long) kernel, long stride, (long, long) padding)
        : base(nameof(ConvolutionUnit))
    {
        conv = Conv2d(inputs, outputs, kernel, (stride, stride), padding, bias: false);
        bn = new FrozenBatchNorm(outputs);
        RegisterComponents();
    }

    public override Tensor forward(Tensor maps)
    {
        using var scope = NewDisposeScope();
        return bn.call(conv.call(maps)).relu_().MoveToOuterDisposeScope();
    }
}

/// <summary>
/// Batch normalisation that never trains, so that it needs no count of batches, which the published weights lack.
/// </summary>
internal sealed class FrozenBatchNorm : Module<Tensor, Tensor>
{
    private const double Epsilon = 0.001;   // of the TensorFlow original

    private readonly Parameter weight;
    private readonly Parameter bias;

    public FrozenBatchNorm(long channels) : base(nameof(FrozenBatchNorm))
    {
        weight = Parameter(ones(channels), requires_grad: false);
        bias = Parameter(zeros(channels), requires_grad: false);
        register_buffer("running_mean", zeros(channels));
        register_buffer("running_var", ones(channels));
        RegisterComponents();
    }

    public override Tensor forward(Tensor maps) =>
        functional.batch_norm(
            maps, get_buffer("running_mean"), get_buffer("running_var"), weight, bias, training: false, eps: Epsilon);
}
