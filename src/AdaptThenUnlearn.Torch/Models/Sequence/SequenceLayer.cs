namespace AdaptThenUnlearn.Torch.Models.Sequence;

/// <summary>One layer of a network that is a plain sequence, as PyTorch's <c>nn.Sequential</c>.</summary>
/// <param name="Number">Its place in the sequence, from 0: the number in the names of its tensors.</param>
public abstract record SequenceLayer(int Number);

/// <summary>A convolution, or a transposed one; square kernels.</summary>
/// <param name="Number">Its place.</param>
/// <param name="Inputs">Feature maps that come in.</param>
/// <param name="Outputs">Feature maps that go out.</param>
/// <param name="Kernel">Pixels a side.</param>
/// <param name="Stride">Pixels between two outputs, or inputs of a transposed one; at least 1.</param>
/// <param name="Padding">Pixels around the input.</param>
/// <param name="OutputPadding">Pixels added on one side of a transposed one's output.</param>
/// <param name="Bias">Whether it has one.</param>
/// <param name="Transposed">Whether it enlarges.</param>
public sealed record ConvolutionLayer(
    int Number, int Inputs, int Outputs, int Kernel, int Stride, int Padding, int OutputPadding, bool Bias, bool Transposed)
        : SequenceLayer(Number)
{
    /// <summary>Pixels a side that go out.</summary>
    /// <param name="size">That come in.</param>
    public int SizeAfter(int size) => Transposed
        ? (size - 1) * Stride - 2 * Padding + Kernel + OutputPadding
        : (int)Math.Floor((size + 2.0 * Padding - Kernel) / Stride) + 1;
}

/// <summary>A fully connected layer.</summary>
/// <param name="Number">Its place.</param>
/// <param name="Inputs">Length of a row that comes in.</param>
/// <param name="Outputs">Length of a row that goes out.</param>
/// <param name="Bias">Whether it has one.</param>
public sealed record LinearLayer(int Number, int Inputs, int Outputs, bool Bias) : SequenceLayer(Number);

/// <summary>Batch normalisation with stored statistics.</summary>
/// <param name="Number">Its place.</param>
/// <param name="Features">Feature maps, or the length of a row.</param>
/// <param name="Epsilon">Added to the variance, above 0.</param>
/// <param name="Rows">Whether it takes rows rather than maps.</param>
/// <param name="Affine">Whether it has weights and biases.</param>
public sealed record BatchNormLayer(int Number, int Features, double Epsilon, bool Rows, bool Affine) : SequenceLayer(Number);

/// <summary>Normalisation of each map of each image by itself.</summary>
/// <param name="Number">Its place.</param>
/// <param name="Features">Feature maps.</param>
/// <param name="Epsilon">Added to the variance, above 0.</param>
/// <param name="Affine">Whether it has weights and biases.</param>
public sealed record InstanceNormLayer(int Number, int Features, double Epsilon, bool Affine) : SequenceLayer(Number);

/// <summary>ReLU, or leaky ReLU.</summary>
/// <param name="Number">Its place.</param>
/// <param name="Slope">Of negative values; 0 for ReLU.</param>
public sealed record ReluLayer(int Number, double Slope) : SequenceLayer(Number);

/// <summary>Leaky ReLU with learned slopes.</summary>
/// <param name="Number">Its place.</param>
/// <param name="Slopes">One, or one a map.</param>
public sealed record PreluLayer(int Number, int Slopes) : SequenceLayer(Number);

/// <summary>Hyperbolic tangent.</summary>
/// <param name="Number">Its place.</param>
public sealed record TanhLayer(int Number) : SequenceLayer(Number);

/// <summary>Logistic function.</summary>
/// <param name="Number">Its place.</param>
public sealed record SigmoidLayer(int Number) : SequenceLayer(Number);

/// <summary>Enlargement that repeats the nearest pixel.</summary>
/// <param name="Number">Its place.</param>
/// <param name="Factor">At least 1.</param>
public sealed record UpsampleLayer(int Number, int Factor) : SequenceLayer(Number);

/// <summary>Rows become maps.</summary>
/// <param name="Number">Its place.</param>
/// <param name="Maps">Feature maps.</param>
/// <param name="Side">Pixels a side.</param>
public sealed record UnflattenLayer(int Number, int Maps, int Side) : SequenceLayer(Number);

/// <summary>Does nothing to what is measured, as dropout.</summary>
/// <param name="Number">Its place.</param>
public sealed record IdentityLayer(int Number) : SequenceLayer(Number);
