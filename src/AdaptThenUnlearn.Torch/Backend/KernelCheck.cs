using System.Runtime.CompilerServices;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Backend;

/// <summary>Computes a few small layers, and compares them with their sums: some kernels are wrong on some machines.</summary>
/// <remarks>
/// A classifier whose layers are computed wrongly counts features that are not there, and misses those that are. oneDNN 3.7.1
/// (in libtorch 2.10) was seen to leave out the last input channels of a convolution, those beyond a multiple of 16, on a
/// virtual machine with an AMD EPYC of family 26: an auditor then found the digit 8 in 62 % of images that show it in 11 %.
/// All values are small whole numbers, so that float32 holds every sum exactly.
/// </remarks>
internal static class KernelCheck
{
    private const double Tolerance = 0.01;   // sums are whole numbers, but a kernel may use fractions on the way (Winograd)

    // Numbers of channels that leave a rest by 8 and by 16, and some that leave none; one image, and several.
    private static readonly Layer[] _layers =
    [
        new(Images: 2, Inputs: 17, Outputs: 24, Size: 4, Kernel: 3, Stride: 1, Padding: 1),
        new(Images: 1, Inputs: 40, Outputs: 6, Size: 5, Kernel: 3, Stride: 1, Padding: 0),
        new(Images: 3, Inputs: 65, Outputs: 16, Size: 4, Kernel: 3, Stride: 1, Padding: 1),
        new(Images: 4, Inputs: 24, Outputs: 48, Size: 8, Kernel: 3, Stride: 2, Padding: 1),
        new(Images: 2, Inputs: 1, Outputs: 6, Size: 12, Kernel: 5, Stride: 1, Padding: 0),
        new(Images: 2, Inputs: 64, Outputs: 32, Size: 6, Kernel: 3, Stride: 1, Padding: 1),
        new(Images: 5, Inputs: 33, Outputs: 10, Size: 1, Kernel: 1, Stride: 1, Padding: 0),

        // Each channel by itself, as StyleGAN2's resampling does it.
        new(Images: 2, Inputs: 64, Outputs: 64, Size: 9, Kernel: 4, Stride: 1, Padding: 0, Groups: 64),
        new(Images: 3, Inputs: 24, Outputs: 24, Size: 6, Kernel: 4, Stride: 2, Padding: 1, Groups: 24),
    ];

    /// <summary>Computes every layer and its gradients, and the transposed layers.</summary>
    /// <param name="device">What computes.</param>
    /// <param name="convolve">
    /// Convolves maps with kernels, by a stride and a padding of both sides in pixels, and in groups of channels; torch's own
    /// function when null.
    /// </param>
    /// <returns>The first layer that is wrong, in words; null where all are right.</returns>
    public static string? FindFault(Device device, Func<Tensor, Tensor, long, long, long, Tensor>? convolve = null)
    {
        convolve ??= (maps, kernels, stride, padding, groups) =>
            nn.functional.conv2d(maps, kernels, strides: [stride, stride], padding: [padding, padding], groups: groups);
        return _layers.Select(layer => layer.FindFault(device, convolve)).FirstOrDefault(fault => fault is not null);
    }

    /// <summary>A convolution without bias; with 1×1 pixels, a linear layer too.</summary>
    private sealed record Layer(
        int Images, int Inputs, int Outputs, int Size, int Kernel, int Stride, int Padding, int Groups = 1)
    {
        private int GroupInputs => Inputs / Groups;

        private int OutputSize => (Size + 2 * Padding - Kernel) / Stride + 1;

        public string? FindFault(Device device, Func<Tensor, Tensor, long, long, long, Tensor> convolve)
        {
            // Compute the layer and both gradients by torch.
            using var scope = NewDisposeScope();
            using var _ = enable_grad();
            var (inputs, weights, slopes) = (
                Numbers(Images * Inputs * Size * Size, factor: 7, range: 5),
                Numbers(Outputs * GroupInputs * Kernel * Kernel, factor: 11, range: 7),
                Numbers(Images * Outputs * OutputSize * OutputSize, factor: 13, range: 5));
            var maps = tensor(inputs).view(Images, Inputs, Size, Size).to(device).requires_grad_();
            var kernels = tensor(weights).view(Outputs, GroupInputs, Kernel, Kernel).to(device).requires_grad_();
            var slope = tensor(slopes).view(Images, Outputs, OutputSize, OutputSize).to(device);
            var output = convolve(maps, kernels, Stride, Padding, Groups);
            (output * slope).sum().backward();

            // Compute the same by definition, and compare.
            var (sums, onInputs, onWeights) = Define(inputs, weights, slopes);
            var beyond = Size - ((OutputSize - 1) * Stride + Kernel - 2 * Padding);   // pixels that a stride leaves out
            var transposed = nn.functional.conv_transpose2d(
                slope,
                kernels.detach(),
                strides: [Stride, Stride],
                padding: [Padding, Padding],
                output_padding: [beyond, beyond],
                groups: Groups);
            return Differs(output, sums) ? $"{this} is wrong"
                : Differs(maps.grad!, onInputs) ? $"the gradient of {this} on its input is wrong"
                : Differs(kernels.grad!, onWeights) ? $"the gradient of {this} on its weights is wrong"
                : Differs(transposed, onInputs) ? $"the transpose of {this} is wrong"
                : Size == 1 && Differs(nn.functional.linear(maps.flatten(1), kernels.flatten(1)), sums)
                    ? $"a linear layer of {Inputs} to {Outputs} is wrong"
                : null;
        }

        public override string ToString() =>
            $"a {Kernel}×{Kernel} convolution of {Inputs} to {Outputs} channels{(Groups == 1 ? "" : ", each by itself")}, "
                + $"{Images} images of {Size}×{Size}";

        // The sums of the definition: Goodfellow, Bengio and Courville, Deep Learning, equation 9.7, and their derivatives.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]   // runs once: it would stay unoptimised
        private (double[] Output, double[] OnInputs, double[] OnWeights) Define(float[] inputs, float[] weights, float[] slopes)
        {
            var output = new double[slopes.Length];
            var (onInputs, onWeights) = (new double[inputs.Length], new double[weights.Length]);
            for (var at = 0; at < output.Length; at++)
            {
                var (image, to, row, column) = (
                    at / (Outputs * OutputSize * OutputSize),
                    at / (OutputSize * OutputSize) % Outputs,
                    at / OutputSize % OutputSize,
                    at % OutputSize);
                for (var from = 0; from < GroupInputs; from++)
                    for (var y = 0; y < Kernel; y++)
                        for (var x = 0; x < Kernel; x++)
                        {
                            var (sourceRow, sourceColumn) = (row * Stride + y - Padding, column * Stride + x - Padding);
                            if (sourceRow < 0 || sourceRow >= Size || sourceColumn < 0 || sourceColumn >= Size)
                                continue;

                            var channel = to / (Outputs / Groups) * GroupInputs + from;
                            var source = ((image * Inputs + channel) * Size + sourceRow) * Size + sourceColumn;
                            var weight = ((to * GroupInputs + from) * Kernel + y) * Kernel + x;
                            output[at] += inputs[source] * weights[weight];
                            onInputs[source] += slopes[at] * weights[weight];
                            onWeights[weight] += slopes[at] * inputs[source];
                        }
            }

            return (output, onInputs, onWeights);
        }

        // Whole numbers around zero that repeat only after factor · range.
        private static float[] Numbers(int count, int factor, int range) =>
            [.. Enumerable.Range(0, count).Select(index => (float)((index * factor + index / range) % range - range / 2))];

        private static bool Differs(Tensor computed, double[] defined)
        {
            var values = computed.detach().cpu().contiguous().data<float>();
            return values.Count != defined.Length
                || !values.Zip(defined).All(pair => Math.Abs(pair.First - pair.Second) <= Tolerance);   // NaN differs
        }
    }
}
