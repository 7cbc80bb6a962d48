using System.Diagnostics;
using System.Globalization;

namespace AdaptThenUnlearn.Benchmarks;

/// <summary>How long short commands take: the whole process, from its start to its end.</summary>
/// <remarks>
/// Programs take turns, so that other work on the machine meets all of them. It makes a start longer on the clock; processor time
/// changes less.
/// </remarks>
internal static class StartTimes
{
    private const int Rounds = 9;
    private const double TicksPerSecond = 100;   // USER_HZ, which is 100 on every system that .NET runs on
    private const string Policy = "policies/mnist-no-digit-8.json";
    private const string Checkpoint = "models/mnist/stylegan2.safetensors";

    /// <summary>Prints the table.</summary>
    /// <param name="arguments">
    /// The programs <c>atu</c> to start (none: that of the repository's release build), and a <c>run.json</c> to verify as well.
    /// </param>
    public static void Run(IReadOnlyList<string> arguments)
    {
        var root = Root();
        var record = arguments.FirstOrDefault(IsRecord);
        var programs = arguments.Where(argument => !IsRecord(argument)).Select(Path.GetFullPath).ToList();
        if (programs.Count == 0)
            programs.Add(Path.Combine(root, "src", "AdaptThenUnlearn.Cli", "bin", "Release", "net10.0", "atu"));
        List<string[]> commands = [["--help"], ["policy", "check", Policy], ["inspect", Checkpoint]];
        if (record is not null)
            commands.Add(["verify", Path.GetFullPath(record)]);

        Terminal.WriteLine(string.Create(CultureInfo.InvariantCulture, $"medians of {Rounds} starts, seconds"));
        Terminal.WriteLine("| command | program | clock | best | processor |");
        Terminal.WriteLine("| --- | --- | --- | --- | --- |");
        foreach (var command in commands)
        {
            var starts = Enumerable.Range(0, Rounds)
                .SelectMany(_ => programs.Select(program => (Program: program, Start: Measure(program, root, command))))
                .ToLookup(each => each.Program, each => each.Start);
            foreach (var program in programs)
                Terminal.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"| `atu {string.Join(' ', command.Take(command[0] == "policy" ? 2 : 1))}` | {program} "
                        + $"| {Median(starts[program].Select(start => start.Clock)):F2} "
                        + $"| {starts[program].Min(start => start.Clock):F2} "
                        + $"| {Median(starts[program].Select(start => start.Processor)):F2} |"));
        }
    }

    private static bool IsRecord(string argument) => argument.EndsWith(".json", StringComparison.Ordinal);

    private static double Median(IEnumerable<double> values) => values.Order().ElementAt(Rounds / 2);

    private static (double Clock, double Processor) Measure(string program, string folder, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        var before = ChildrensSeconds();
        var watch = Stopwatch.StartNew();
        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start");
        var errors = process.StandardError.ReadToEndAsync();
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        var clock = watch.Elapsed.TotalSeconds;
        return process.ExitCode is 0 or 1   // 1: a verified record of a verdict that failed
            ? (clock, ChildrensSeconds() - before)
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {errors.Result}");
    }

    // Processor time of all processes that this one started and that have ended (proc(5): cutime and cstime); unknown elsewhere.
    private static double ChildrensSeconds()
    {
        if (!OperatingSystem.IsLinux())
            return double.NaN;

        var line = File.ReadAllText("/proc/self/stat");
        var fields = line[(line.LastIndexOf(')') + 2)..].Split(' ');   // from the third field, the state, on
        return fields[13..15].Sum(ticks => double.Parse(ticks, CultureInfo.InvariantCulture)) / TicksPerSecond;
    }

    /// <summary>The repository that this program was built in.</summary>
    public static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, Policy)))
            folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException($"{Policy} is not above {AppContext.BaseDirectory}");
    }
}
