using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace AdaptThenUnlearn.Cli;

/// <summary>
/// <c>--parent-process</c>: a command watches the process that started it and ends with it. A killed build cannot stop its
/// children.
/// </summary>
/// <remarks>The end of the parent cancels the command like Ctrl-C, so finished work is kept. A command that does not end in time
/// is terminated.</remarks>
public static class ParentProcess
{
    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(3);

    /// <summary>The option; hidden, because only programs give it.</summary>
    public static Option<int> Option { get; } = new("--parent-process")
    {
        Description = "Id of a process; when it ends, this command is cancelled",
        HelpName = "id",
        Hidden = true,
        Recursive = true,
    };

    /// <summary>Creates a token that is cancelled with <paramref name="cancel"/>, and when the named parent has ended.</summary>
    /// <param name="parsed">The arguments; without <see cref="Option"/> no process is watched.</param>
    /// <param name="cancel">The command's token.</param>
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
            return;   // the command ended first
        }

        Thread.Sleep(_patience);
        ProcessTermination.ExitNow(ExitCodes.Cancelled);
    }

    // Ids are reused, so the start time identifies the process. A zombie counts as ended.
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

    // The state follows the name, which is in brackets and may contain brackets (proc(5)).
    private static bool IsZombie(int id) =>
        OperatingSystem.IsLinux()
        && File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{id}/stat")) is var line
        && line[(line.LastIndexOf(')') + 2)..] is ['Z' or 'X', ..];
}
