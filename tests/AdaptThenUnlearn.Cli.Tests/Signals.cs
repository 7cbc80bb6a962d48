using System.Globalization;
using System.Runtime.InteropServices;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>Signals that tests send to the programs they start, the Unix way.</summary>
internal static class Signals
{
    /// <summary>What Ctrl-C sends, to one process alone.</summary>
    public static void Interrupt(int process) => Send(process, signal: 2);

    /// <summary>Asks a process to end, as a CI host does.</summary>
    public static void Terminate(int process) => Send(process, signal: 15);

    /// <summary>Skips a test that presses Ctrl-C where that cannot work.</summary>
    public static void SkipWithoutInterrupt()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "signals are sent the Unix way");
        Assert.SkipWhen(
            OperatingSystem.IsLinux() && InterruptIsIgnored,
            "these tests were started so that Ctrl-C is ignored (as a shell does in the background), and so is every program "
                + "they start");
    }

    // Programs inherit it (proc(5): a mask in which bit 1 is signal 2).
    private static bool InterruptIsIgnored =>
        File.ReadLines("/proc/self/status").First(line => line.StartsWith("SigIgn:", StringComparison.Ordinal)) is var line
        && (ulong.Parse(line["SigIgn:".Length..].Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture) & 0b10) != 0;

    private static void Send(int process, int signal) => Assert.Equal(0, Kill(process, signal));

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int process, int signal);
}
