using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace AdaptThenUnlearn.Cli;

/// <summary><c>--parent-process</c>: a build that is killed cannot stop what it started, so a command can watch it and end with it.</summary>
/// <remarks>An ended parent is a cancellation like Ctrl-C, so what was done so far is kept; who does not heed that in time is cut off.</remarks>
public static class ParentProcess
{
    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(3);

    /// <summary>The option; hidden, because only programs give it.</summary>
    public static Option<int> Option { get; } = new("--parent-process") { Description = "Id of a process with which this one ends", HelpName = "id", Hidden = true, Recursive = true };

    /// <summary>Makes a token that is cancelled with <paramref name="cancel"/>, and when the parent that the arguments name has ended.</summary>
    /// <param name="parsed">With <see cref="Option"/>, or without it: then nothing is watched.</param>
    /// <param name="cancel">The command's own.</param>
    /// <returns>Belongs to the caller.</returns>
    public static CancellationTokenSource Watch(ParseResult parsed, CancellationToken cancel)
    {
        var either = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        if (parsed.GetValue(Option) is > 0 and var id)
            new Thread(() => EndWith(id, either)) { IsBackground = true, Name = "parent process" }.Start();
        return either;
    }

    private static void EndWith(int id, CancellationTokenSource ending)
    {
        for (var started = StartOf(id); started is not null && StartOf(id) == started;)
            Thread.Sleep(_pause);

        try
        {
            ending.Cancel();
        }
        catch (ObjectDisposedException)
        {
            return;   // the command was done first
        }

        Thread.Sleep(_patience);
        ProcessTermination.ExitNow(ExitCodes.Cancelled);
    }

    // Ids are given again: the process is the same only if it started at the same time. A killed one that nobody has waited for is no longer alive.
    private static DateTime? StartOf(int id)
    {
        try
        {
            using var process = Process.GetProcessById(id);
            return process.HasExited || IsZombie(id) ? null : process.StartTime;
        }
        catch (Exception gone) when (gone is ArgumentException or InvalidOperationException or Win32Exception or IOException)
        {
            return null;
        }
    }

    // The state follows the name, which stands in brackets and may hold some itself (proc(5)).
    private static bool IsZombie(int id) =>
        OperatingSystem.IsLinux() && File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{id}/stat")) is var line && line[(line.LastIndexOf(')') + 2)..] is ['Z' or 'X', ..];
}
