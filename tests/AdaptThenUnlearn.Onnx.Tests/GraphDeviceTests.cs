using AdaptThenUnlearn.Torch.Checkpoints;
using static TorchSharp.torch;
using DeviceType = TorchSharp.DeviceType;

namespace AdaptThenUnlearn.Onnx.Tests;

/// <summary>
/// Where graphs run: where the networks are if the build brought the provider, and never elsewhere than is stated.
/// </summary>
public sealed class GraphDeviceTests : IDisposable
{
    private const string OnCpu = "on the CPU";

    private readonly GraphFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(DeviceType.CPU, -1, true, OnCpu)]
    [InlineData(DeviceType.CPU, -1, false, OnCpu)]
    [InlineData(DeviceType.CUDA, 1, false, OnCpu)]
    [InlineData(DeviceType.CUDA, -1, true, "on CUDA device 0 (operators without a CUDA kernel on the CPU)")]
    [InlineData(DeviceType.CUDA, 3, true, "on CUDA device 3 (operators without a CUDA kernel on the CPU)")]
    public void Device_IsThatOfTheNetworksWhereTheBuildHasTheProvider(
        DeviceType type, int index, bool hasProvider, string expected)
    {
        var runtime = new GraphRunner(
            hasProvider ? [GraphRunner.CudaProvider, "CPUExecutionProvider"] : ["CPUExecutionProvider"]);
        var wanted = new Device(type, index);

        var device = runtime.DeviceFor(wanted);

        Assert.Equal(expected == OnCpu ? DeviceType.CPU : DeviceType.CUDA, device.type);
        Assert.Equal(expected == OnCpu ? -1 : index, device.index);
        Assert.EndsWith(expected, runtime.Describe(wanted), StringComparison.Ordinal);
    }

    // A build with the provider on a machine without a GPU, and a build without it that is told to use it, fail alike.
    [Fact]
    public void Open_CudaThatCannotBeUsed_IsRefusedAndNotRunOnTheCpu()
    {
        Assert.SkipWhen(cuda_is_available(), "CUDA can be used here");
        var graph = File.ReadAllBytes(_folder.WriteGenerator([1, 4, 4]).Path);
        var runtime = new GraphRunner([GraphRunner.CudaProvider]);

        var refused = Assert.Throws<GraphException>(() => runtime.Open(graph, 1, new Device(DeviceType.CUDA, 0)));

        Assert.StartsWith(
            "ONNX Runtime cannot use CUDA here, and nothing is run on the CPU in its place", refused.Message,
            StringComparison.Ordinal);
        Assert.Contains("`--device cpu`", refused.Message, StringComparison.Ordinal);
        runtime.Open(graph, 1, CPU).Dispose();
    }

    [Fact]
    public void Load_OnADeviceThatTheBuildCannotUse_SaysThatItRunsOnTheCpu()
    {
        var elsewhere = new Device(DeviceType.CUDA, 0);
        Assert.SkipWhen(new GraphRunner().DeviceFor(elsewhere).type is DeviceType.CUDA, "this build has the provider");
        var (path, _) = _folder.WriteGenerator([1, 4, 4]);

        using var onCuda = GeneratorCheckpoint.Load(path, "onnx", null, null, elsewhere, graph: new GraphUse());
        using var onCpu = GraphFolder.Generator(path);

        Assert.Contains("it runs on the CPU, although the run's device is another", onCuda.Notes);
        Assert.DoesNotContain("it runs on the CPU, although the run's device is another", onCpu.Notes);
        Assert.EndsWith(OnCpu, GraphRuntimes.Describe(elsewhere), StringComparison.Ordinal);
    }
}
