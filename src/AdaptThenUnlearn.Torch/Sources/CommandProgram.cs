using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Measuring;

namespace AdaptThenUnlearn.Torch.Sources;

/// <summary>Runs the command of a policy: no shell, a clean environment, a time limit, and nothing of it left running.</summary>
/// <remarks>
/// On Linux the command is the leader of a session of its own (<c>setsid</c>), so that every process of the session can be ended,
/// children of ended children too. Elsewhere its descendants are ended.
/// </remarks>
/// <param name="choice">Of the policy.</param>
/// <param name="folder">The policy's folder, in which the command works.</param>
/// <param name="cancel">Ends the command.</param>
internal sealed class CommandProgram(GeneratorChoice choice, string folder, CancellationToken cancel)
{
    private const int Kill = 9;
    private const int MostWords = 2000;      // characters of what a failed command said
    private const int ShortestSecret = 8;   // characters; what is shorter is no secret, and would be found everywhere
    private const int MostRounds = 100;     // of ending what a session still starts
    private static readonly string[] _launchers = ["/usr/bin/setsid", "/bin/setsid"];
    private static readonly TimeSpan _lastWords = TimeSpan.FromSeconds(2);

    private IReadOnlyList<string> _secrets = [];   // values of the variables that the command gets

    private readonly string? _launcher = OperatingSystem.IsLinux() ? Array.Find(_launchers, File.Exists) : null;

    /// <summary>Runs the command once and waits for its end.</summary>
    /// <param name="seed">Stands for <c>{seed}</c>.</param>
    /// <param name="count">Stands for <c>{count}</c>.</param>
    /// <param name="output">An empty folder; stands for <c>{out}</c>.</param>
    /// <exception cref="PolicyMismatchException">The program, or a variable that it is to get, is not there.</exception>
    /// <exception cref="RunException">It cannot be started, fails, or takes too long.</exception>
    /// <exception cref="OperationCanceledException">It was ended.</exception>
    public void Run(long seed, int count, string output)
    {
        cancel.ThrowIfCancellationRequested();
        using var process = Start(seed, count, output);
        var (errors, said) = (new LastWords(process.StandardError), new LastWords(process.StandardOutput));
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(TimeSpan.FromSeconds(choice.Timeout ?? GeneratorChoice.UsualTimeout));
        var isOver = false;
        try
        {
            process.StandardInput.Close();
            process.WaitForExitAsync(limit.Token).GetAwaiter().GetResult();
            isOver = true;
        }
        catch (OperationCanceledException)
        {
            cancel.ThrowIfCancellationRequested();
        }
        catch (IOException)
        {
            process.WaitForExitAsync(limit.Token).GetAwaiter().GetResult();   // it did not wait for its input to be closed
            isOver = true;
        }
        finally
        {
            EndAll(process);
        }

        if (isOver && process.ExitCode == 0)
            return;

        errors.Finish(_lastWords);
        said.Finish(_lastWords);
        var words = _secrets.Aggregate(
            errors.Text.Length > 0 ? errors.Text : said.Text,
            (text, secret) => text.Replace(secret, "***", StringComparison.Ordinal));
        throw Failed(
            (isOver
                ? FormattableString.Invariant($"ended with exit code {process.ExitCode}")
                : string.Create(
                    CultureInfo.InvariantCulture,
                    $"did not end within {choice.Timeout ?? GeneratorChoice.UsualTimeout} s (generator.timeout) and was ended"))
            + (words.Length > 0 ? $". It said: {words}" : ", and said nothing"));
    }

    /// <summary>What went wrong with the command, in words that follow its name.</summary>
    public RunException Failed(string problem, Exception? cause = null) =>
        new(RunCodes.Command, $"the generator's command ({choice.Command![0]}) {problem}", cause);

    private Process Start(long seed, int count, string output)
    {
        var start = new ProcessStartInfo
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };

        // The environment is that of this process until it is cleared.
        var own = start.Environment.ToDictionary(
            OperatingSystem.IsWindows() ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal);
        _secrets = [.. (choice.Environment ?? []).Select(name => own.GetValueOrDefault(name)).OfType<string>()
            .Where(value => value.Length >= ShortestSecret)];
        start.Environment.Clear();
        foreach (var name in (choice.Environment ?? []).Concat(OperatingSystem.IsWindows() ? ["PATH", "SystemRoot"] : ["PATH"]))
            if (own.TryGetValue(name, out var value))
                start.Environment[name] = value;
            else if (choice.Environment?.Contains(name) is true)
                throw new PolicyMismatchException(
                    "$.generator.environment",
                    $"names '{name}', and there is no such environment variable; set it, or remove it from the list");

        var program = FindProgram(own.GetValueOrDefault("PATH") ?? "");
        start.FileName = _launcher ?? program;
        if (_launcher is not null)
            start.ArgumentList.Add(program);
        foreach (var argument in choice.Command!.Skip(1))
            start.ArgumentList.Add(argument
                .Replace(GeneratorChoice.SeedPlace, seed.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
                .Replace(GeneratorChoice.CountPlace, count.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
                .Replace(GeneratorChoice.OutPlace, output, StringComparison.Ordinal));
        try
        {
            return Process.Start(start)!;
        }
        catch (Exception refused) when (refused is Win32Exception or IOException)
        {
            throw Failed($"cannot be started: {refused.Message}", refused);
        }
    }

    // As a shell finds it: a name with a separator in the policy's folder, any other in the folders of PATH.
    private string FindProgram(string path)
    {
        var name = choice.Command![0];
        var isPath = name.AsSpan().IndexOfAny('/', Path.DirectorySeparatorChar) >= 0;
        var folders = isPath
            ? [folder]
            : path.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries).Where(Path.IsPathFullyQualified);
        var endings = OperatingSystem.IsWindows() && !Path.HasExtension(name) ? new[] { ".exe", ".cmd", ".bat", "" } : [""];
        return folders
            .SelectMany(place => endings.Select(ending => Path.Combine(place, name + ending)))
            .FirstOrDefault(File.Exists)
            ?? throw new PolicyMismatchException(
                "$.generator.command[0]",
                $"the program '{name}' is not {(isPath ? "in the policy's folder" : "in any folder of PATH")}");
    }

    private void EndAll(Process process)
    {
        try
        {
            if (_launcher is not null)
                EndSession(process.Id);
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
        catch (Exception ended) when (ended is InvalidOperationException or Win32Exception or AggregateException)
        {
            // It has ended by itself meanwhile.
        }
    }

    // A process may start another while its session is ended, so this goes on until there is none.
    private static void EndSession(int session)
    {
        for (var round = 0; round < MostRounds; round++)
        {
            var left = Directory.EnumerateDirectories("/proc").Select(Path.GetFileName)
                .Where(name => int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out _))
                .Select(name => int.Parse(name!, CultureInfo.InvariantCulture))
                .Where(process => IsOfSession(process, session)).ToList();
            if (left.Count == 0)
                return;

            foreach (var process in left)
                _ = Signal(process, Kill);
            Thread.Sleep(millisecondsTimeout: 5);
        }
    }

    // "pid (name) state parent group session …", proc(5). One that has ended, and waits for its parent to notice, does not count.
    private static bool IsOfSession(int process, int session)
    {
        try
        {
            var stat = File.ReadAllText(FormattableString.Invariant($"/proc/{process}/stat"));
            var fields = stat[(stat.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            return fields is [var state, _, _, var its, ..]
                && state is not ("Z" or "X") && its == session.ToString(CultureInfo.InvariantCulture);
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static extern int Signal(int process, int signal);

    /// <summary>The end of what a program says, without characters that a terminal would obey.</summary>
    private sealed class LastWords
    {
        private readonly StringBuilder _text = new();
        private readonly Task _reading;

        public LastWords(StreamReader reader) => _reading = Task.Run(() =>
        {
            var some = new char[1024];
            for (int count; (count = reader.Read(some)) > 0;)
                lock (_text)
                {
                    _text.Append(some, 0, count);
                    if (_text.Length > 2 * MostWords)
                        _text.Remove(0, _text.Length - MostWords);
                }
        });

        public string Text
        {
            get
            {
                lock (_text)
                {
                    var all = _text.ToString();
                    var end = all.Length > MostWords ? "…" + all[^MostWords..] : all;
                    return string.Join(' ', string.Concat(end.Select(Harmless)).Split(
                        ' ', StringSplitOptions.RemoveEmptyEntries));
                }
            }
        }

        // A grandchild may keep the pipe open: nobody waits for it.
        public void Finish(TimeSpan patience)
        {
            try
            {
                _reading.Wait(patience);
            }
            catch (AggregateException)
            {
                // The pipe was closed.
            }
        }

        private static char Harmless(char character) => char.IsControl(character)
            || CharUnicodeInfo.GetUnicodeCategory(character) is UnicodeCategory.Format or UnicodeCategory.Surrogate
                or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
            ? ' '
            : character;
    }
}
