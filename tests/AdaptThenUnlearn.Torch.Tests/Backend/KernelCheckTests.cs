using System.Runtime.InteropServices;
using AdaptThenUnlearn.Torch.Backend;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Backend;

/// <summary>Checks that wrong kernels are noticed, and that the ones in use here are right.</summary>
public sealed class KernelCheckTests
{
    [Fact]
    public void FindFault_OfTheKernelsInUse_FindsNone()
    {
        TorchBackend.Load();

        Assert.Null(KernelCheck.FindFault(CPU));
    }

    // The fault of oneDNN 3.7.1 that was seen: it skips the channels beyond a multiple of 16, where there are several images.
    [Fact]
    public void FindFault_LastChannelsLeftOut_FindsIt()
    {
        var fault = KernelCheck.FindFault(CPU, (maps, kernels, stride, padding, groups) =>
        {
            var whole = groups == 1 && maps.shape[0] > 1 && maps.shape[1] > 16 ? maps.shape[1] / 16 * 16 : maps.shape[1];
            return Convolve(
                maps.narrow(1, 0, whole), kernels.narrow(1, 0, Math.Min(whole, kernels.shape[1])), stride, padding, groups);
        });

        Assert.Equal("a 3×3 convolution of 17 to 24 channels, 2 images of 4×4 is wrong", fault);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(0.5f)]
    public void FindFault_OneNumberWrong_FindsIt(float wrong)
    {
        var fault = KernelCheck.FindFault(CPU, (maps, kernels, stride, padding, groups) =>
        {
            var output = Convolve(maps, kernels, stride, padding, groups);
            return output + wrong * ones_like(output).flatten().cumsum(0).eq(output.numel()).to(float32).view(output.shape);
        });

        Assert.NotNull(fault);
    }

    [Fact]
    public void FindFault_WrongGradient_FindsIt()
    {
        var fault = KernelCheck.FindFault(CPU, (maps, kernels, stride, padding, groups) =>
        {
            var output = Convolve(maps, kernels, stride, padding, groups);
            return output.detach() + (output - output.detach()) * 1.1;
        });

        Assert.StartsWith("the gradient of", fault, StringComparison.Ordinal);
    }

    // Switching oneDNN off would change the other tests' rounding: only the names are looked up.
    [Fact]
    public void OneDnn_InThisLibtorch_CanBeSwitchedOff()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "on Windows the functions have other names");
        TorchBackend.Load();
        var library = NativeLibrary.Load("libtorch_cpu" + (OperatingSystem.IsMacOS() ? ".dylib" : ".so"));

        Assert.All(OneDnn.Functions, name => Assert.True(NativeLibrary.TryGetExport(library, name, out _), name));
    }

    // StyleGAN2's resampling: a fault in such layers alone.
    [Fact]
    public void FindFault_DepthwiseAlone_FindsIt()
    {
        var fault = KernelCheck.FindFault(
            CPU, (maps, kernels, stride, padding, groups) =>
                Convolve(maps, kernels, stride, padding, groups) * (groups == 1 ? 1 : 1.5));

        Assert.Equal("a 4×4 convolution of 64 to 64 channels, each by itself, 2 images of 9×9 is wrong", fault);
    }

    private static Tensor Convolve(Tensor maps, Tensor kernels, long stride, long padding, long groups) =>
        nn.functional.conv2d(maps, kernels, strides: [stride, stride], padding: [padding, padding], groups: groups);
}
