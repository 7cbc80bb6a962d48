using System.Diagnostics;

namespace AdaptThenUnlearn.Benchmarks;

/// <summary>How long the commands take that need no tensor: the whole process, from its start to its end.</summary>
/// <remarks>
/// The best of several is told, and the median: everything else that runs on a machine only makes a start longer.
/// </remarks>
internal static class StartTimes
{
    private const int Rounds = 20;
    private const string Policy = "policies/mnist-no-digit-8.json";

    /// <summary>Prints the table.</summary>
    /// <param name="program">The program <c>atu</c> to start, or null for that of the repository's release build.</param>
    /// <param name="record">A <c>run.json</c> to verify as well; null for none.</param>
    public static void Run(string? program, string? record)
    {
        var root = Root();
        var path = program is null
            ? Path.Combine(root, "src", "AdaptThenUnlearn.Cli", "bin", "Release", "net10.0", "atu")
            : Path.GetFullPath(program);
        List<string[]> commands = [["--help"], ["policy", "check", Policy]];
        if (record is not null)
            commands.Add(["verify", Path.GetFullPath(record)]);
        Terminal.WriteLine($"{path}, best of {Rounds}");
        Terminal.WriteLine("| command | best, seconds | median |");
        Terminal.WriteLine("| --- | --- | --- |");
        foreach (var arguments in commands)
        {
            var times = Enumerable.Range(0, Rounds).Select(_ => Time(path, root, arguments).TotalSeconds).Order().ToList();
            Terminal.WriteLine(FormattableString.Invariant(
                $"| `atu {string.Join(' ', arguments.Take(2))}` | {times[0]:F2} | {times[times.Count / 2]:F2} |"));
        }
    }

    private static TimeSpan Time(string program, string folder, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        var watch = Stopwatch.StartNew();
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start");
        var errors = process.StandardError.ReadToEndAsync();
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        var clock = watch.Elapsed;
        return process.ExitCode is 0 or 1   // 1: a verified record of a verdict that failed
            ? clock
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {errors.Result}");
    }

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, Policy)))
            folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException($"{Policy} is not above {AppContext.BaseDirectory}");
    }
}
