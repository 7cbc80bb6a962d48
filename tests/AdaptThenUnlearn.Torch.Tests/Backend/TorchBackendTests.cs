using AdaptThenUnlearn.Torch.Backend;

namespace AdaptThenUnlearn.Torch.Tests.Backend;

/// <summary>Checks that libtorch loads where the tests run, and that missing devices are named.</summary>
public sealed class TorchBackendTests
{
    // A bare name is looked for in the current folder there, where anyone's checkout may have put such a file.
    [Theory]
    [InlineData("/opt/libtorch/libtorch.so", false, "/opt/libtorch/libtorch.so")]
    [InlineData(null, false, "libtorch.so")]
    [InlineData(null, true, null)]
    public void ResolveLibrary_NotFound_IsLeftToTheSystemButNotOnWindows(string? found, bool onWindows, string? expected) =>
        Assert.Equal(expected, TorchBackend.ResolveLibrary("libtorch.so", found, onWindows));

    [Fact]
    public void Load_HereAndNow_Works()
    {
        TorchBackend.Load();

        Assert.True(TorchBackend.IsAvailable, TorchBackend.Problem);
        using var sum = TorchSharp.torch.ones(2, 2).sum();
        Assert.Equal(4, sum.item<float>());
    }

    [Fact]
    public void Choose_Cpu_IsTheCpu()
    {
        Assert.Equal("cpu", TorchBackend.Choose("cpu").ToString());
        if (!TorchSharp.torch.cuda_is_available())
            Assert.Equal("cpu", TorchBackend.Choose("auto").ToString());
    }

    [Theory]
    [InlineData("cuda", "--device cpu")]
    [InlineData("cuda:3", "--device cpu")]
    [InlineData("cuda:x", "is not a device")]
    [InlineData("gpu", "use auto, cpu, cuda or cuda:n")]
    public void Choose_WhatIsNotThere_SaysWhatToDo(string wanted, string expected)
    {
        Assert.SkipWhen(
            TorchSharp.torch.cuda_is_available() && wanted.StartsWith("cuda", StringComparison.Ordinal) && !wanted.EndsWith('x'),
            "this machine has CUDA");

        Assert.Contains(
            expected, Assert.Throws<TorchBackendException>(() => TorchBackend.Choose(wanted)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void KeepFloat32_WhereTF32WasAllowed_ForbidsIt()
    {
        (TorchSharp.torch.backends.cudnn.allow_tf32, TorchSharp.torch.backends.cuda.matmul.allow_tf32) = (true, true);

        TorchBackend.KeepFloat32();

        Assert.False(TorchSharp.torch.backends.cudnn.allow_tf32);
        Assert.False(TorchSharp.torch.backends.cuda.matmul.allow_tf32);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AllowTf32_UntilDisposed_AllowsItAndThenIsAsBefore(bool before)
    {
        var old = (TorchSharp.torch.backends.cudnn.allow_tf32, TorchSharp.torch.backends.cuda.matmul.allow_tf32);
        try
        {
            (TorchSharp.torch.backends.cudnn.allow_tf32, TorchSharp.torch.backends.cuda.matmul.allow_tf32) = (before, before);

            Assert.Throws<InvalidOperationException>((Action)(() =>
            {
                using var allowed = TorchBackend.AllowTf32();
                Assert.True(TorchSharp.torch.backends.cudnn.allow_tf32);
                Assert.True(TorchSharp.torch.backends.cuda.matmul.allow_tf32);
                throw new InvalidOperationException("a step that fails");
            }));

            Assert.Equal(before, TorchSharp.torch.backends.cudnn.allow_tf32);
            Assert.Equal(before, TorchSharp.torch.backends.cuda.matmul.allow_tf32);
        }
        finally
        {
            (TorchSharp.torch.backends.cudnn.allow_tf32, TorchSharp.torch.backends.cuda.matmul.allow_tf32) = old;
        }
    }

    // The flag is the only thing that changes: VER_FLG_WEAK in the one entry that names the version.
    [Fact]
    public void Relax_TorchSharpsOwnLibrary_ChangesOneFlag()
    {
        var library = Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native", "libLibTorchSharp.so");
        Assert.SkipUnless(File.Exists(library), "the Linux library is not part of this build");
        var original = File.ReadAllBytes(library);
        var relaxed = original.ToArray();

        Assert.True(RelaxedElf.Relax(relaxed));

        var changed = Enumerable.Range(0, original.Length).Where(at => original[at] != relaxed[at]).ToList();
        Assert.Equal(original[Assert.Single(changed)] | 2, relaxed[changed[0]]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(64)]
    [InlineData(4096)]
    public void Relax_NoLibrary_ChangesNothing(int length)
    {
        var bytes = new byte[length];

        Assert.False(RelaxedElf.Relax(bytes));
        Assert.All(bytes, each => Assert.Equal(0, each));
    }
}
