using System.Globalization;
using System.Runtime.InteropServices;

namespace AdaptThenUnlearn.Cli;

/// <summary>
/// Cancels the command at Ctrl-C. If it does not end within a grace period, or at a second Ctrl-C, terminates the process.
/// </summary>
/// <remarks>
/// A cancelled command finishes its current step, batch or candidate. One that hangs, such as a program in a checkpoint that
/// never returns,
/// is terminated without the native libraries' exit handlers. Those would free memory that running threads still use, and crash
/// the process.
/// </remarks>
internal sealed class ProcessTermination : IDisposable
{
    private static readonly TimeSpan _gracePeriod = TimeSpan.FromSeconds(10);

    private readonly List<PosixSignalRegistration> _registrations = [];
    private readonly CancellationTokenSource _cancel = new();
    private readonly Terminal _terminal;
    private int _signals;

    /// <summary>Listens for Ctrl-C and termination requests.</summary>
    /// <param name="terminal">Prints a message when the command is terminated.</param>
    public ProcessTermination(Terminal terminal)
    {
        _terminal = terminal;
        foreach (var signal in new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM })
            _registrations.Add(PosixSignalRegistration.Create(signal, OnSignal));
    }

    /// <summary>Cancelled at Ctrl-C or a termination request.</summary>
    public CancellationToken Token => _cancel.Token;

    /// <summary>Ends this process at once; files that are being written keep their old content.</summary>
    /// <param name="exitCode">One of <see cref="ExitCodes"/>.</param>
    public static void ExitNow(int exitCode)
    {
        try
        {
            if (OperatingSystem.IsWindows())
                TerminateProcess(-1, (uint)exitCode);
            else
                ExitAtOnce(exitCode);
        }
        catch (Exception absent) when (absent is EntryPointNotFoundException or DllNotFoundException)
        {
            Environment.Exit(exitCode);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _registrations.ForEach(registration => registration.Dispose());
        _cancel.Dispose();
    }

    private void OnSignal(PosixSignalContext context)
    {
        context.Cancel = true;
        if (Interlocked.Increment(ref _signals) > 1)
            ExitNow(ExitCodes.Cancelled);

        new Thread(() =>
        {
            Thread.Sleep(_gracePeriod);
            _terminal.WriteStatus(string.Create(CultureInfo.InvariantCulture,
                $"cancelled; the command did not end within {_gracePeriod.TotalSeconds} seconds and was terminated. " +
                $"Work that was saved before is kept"));
            ExitNow(ExitCodes.Cancelled);
        })
        { IsBackground = true, Name = "forced end" }.Start();
        _cancel.Cancel();
    }

    [DllImport("libc", EntryPoint = "_exit")]
    private static extern void ExitAtOnce(int exitCode);

    [DllImport("kernel32", EntryPoint = "TerminateProcess")]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static extern bool TerminateProcess(nint process, uint exitCode);
}
