using System.Globalization;
using System.Runtime.InteropServices;

namespace AdaptThenUnlearn.Torch.Backend;

/// <summary>Makes the threads of OpenMP spin only briefly while they wait for one another, before they sleep.</summary>
/// <remarks>
/// GCC's OpenMP library (libgomp) otherwise spins 300,000 times
/// (https://gcc.gnu.org/onlinedocs/libgomp/GOMP_005fSPINCOUNT.html). On a machine that does other work, threads then spin on a
/// core that another process has taken from the thread that they wait for. The benchmark <c>busy</c> prints what each number
/// costs. Spinning changes no result. Whoever sets one of the two variables has decided otherwise.
/// </remarks>
public static class ShortSpin
{
    /// <summary>The variable that libgomp reads when it is loaded.</summary>
    public const string CountVariable = "GOMP_SPINCOUNT";

    /// <summary>The variable that decides between spinning and sleeping.</summary>
    public const string PolicyVariable = "OMP_WAIT_POLICY";

    /// <summary>Spins before a thread sleeps.</summary>
    public const int Count = 10_000;

    /// <summary>Sets the number of spins for this process; libgomp must not be loaded yet. Only on Linux.</summary>
    internal static void Set()
    {
        if (!OperatingSystem.IsLinux())
            return;

#pragma warning disable RS0030 // this class is the home of these variables
        if (Environment.GetEnvironmentVariable(CountVariable) is not null
            || Environment.GetEnvironmentVariable(PolicyVariable) is not null)
            return;
#pragma warning restore RS0030

        try
        {
            // .NET's own call changes only .NET's copy of the environment, which libgomp does not read.
            _ = setenv(CountVariable, Count.ToString(CultureInfo.InvariantCulture), overwrite: 0);
        }
        catch (Exception absent) when (absent is EntryPointNotFoundException or DllNotFoundException)
        {
            // The C library of this system has another name.
        }
    }

    [DllImport("libc", EntryPoint = "setenv", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    private static extern int setenv(string name, string value, int overwrite);
}
