using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Governing;

using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Backend;

/// <summary>Checks that every message of libtorch about too little memory becomes one that names the settings to try.</summary>
public sealed class MemoryShortageTests
{
    [Theory]
    [InlineData(16, 1, "--set unlearning.accumulate=2 (parts of a batch, one after another), --set unlearning.batchSize=8, or")]
    [InlineData(16, 8, "--set unlearning.accumulate=16 (parts of a batch, one after another), --set unlearning.batchSize=8, or")]
    [InlineData(15, 1, "--set unlearning.batchSize=7, or")]
    [InlineData(16, 16, "--set unlearning.batchSize=8, or")]
    public void RunOrExplain_MoreThanAnyMachineHas_NamesTheSettingsToTry(int batchSize, int parts, string remedy)
    {
        var failed = Assert.Throws<RunException>(
            () => MemoryShortage.RunOrExplain("training", batchSize, parts, () => empty(1L << 50)));

        Assert.Equal("ATU2006", failed.Code);
        Assert.Equal(
            $"out of memory in training with batches of {batchSize} images; try {remedy} a machine with more memory",
            failed.Message);
    }

    [Fact]
    public void RunOrExplain_WorkWithoutASetting_NamesNone()
    {
        var failed = Assert.Throws<RunException>(() => MemoryShortage.RunOrExplain("the attack", () => empty(1L << 50)));

        Assert.Equal("out of memory in the attack; try a machine with more memory", failed.Message);
    }

    [Theory]
    [InlineData("CUDA out of memory. Tried to allocate 2.00 GiB", true)]
    [InlineData("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", true)]
    [InlineData("The size of tensor a (3) must match the size of tensor b (4)", false)]
    public void IsShortage_LibtorchsMessages_AreToldApart(string message, bool expected) =>
        Assert.Equal(expected, MemoryShortage.IsShortage(new FromLibtorch(message)));

    [Fact]
    public void RequireSpace_TooLittleDisk_SaysHowMuchIsNeeded()
    {
        var failed = Assert.Throws<RunException>(() => RunFolder.RequireSpace("/out", available: 10 << 20, needed: 75 << 20));

        Assert.Equal("ATU2004", failed.Code);
        Assert.Contains("75 MB are needed, 10 MB are free", failed.Message, StringComparison.Ordinal);
        RunFolder.RequireSpace("/out", available: 75 << 20, needed: 75 << 20);
    }

    // What TorchSharp throws for anything that libtorch reports.
    private sealed class FromLibtorch(string message) : System.Runtime.InteropServices.ExternalException(message);
}
