using System.Globalization;
using System.Runtime.InteropServices;
using AdaptThenUnlearn.Torch.Backend;

namespace AdaptThenUnlearn.Torch.Tests.Backend;

/// <summary>Checks that a process that uses libtorch has told OpenMP to spin briefly, unless its user has decided.</summary>
public sealed class ShortSpinTests
{
    [Fact]
    public void Load_HereAndNow_LeavesTheCountInTheEnvironmentThatLibgompReads()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "libgomp waits like this on Linux only");
        TorchBackend.Load();

        var count = Environment.GetEnvironmentVariable(ShortSpin.CountVariable);
        var policy = Environment.GetEnvironmentVariable(ShortSpin.PolicyVariable);
        var expected = count ?? (policy is null ? ShortSpin.Count.ToString(CultureInfo.InvariantCulture) : null);
        Assert.Equal(expected, Marshal.PtrToStringUTF8(getenv(ShortSpin.CountVariable)));
    }

    [DllImport("libc", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    private static extern nint getenv(string name);
}
