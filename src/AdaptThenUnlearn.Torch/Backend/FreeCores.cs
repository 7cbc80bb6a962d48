using System.Diagnostics;
using System.Globalization;

namespace AdaptThenUnlearn.Torch.Backend;

/// <summary>
/// How many cores this process can have: those that its affinity and its control group allow, less what other processes take.
/// </summary>
/// <remarks>
/// Two threads on one free core are slower than one thread. What others take is measured between <see cref="Start"/> and the
/// question, at least a quarter of a second, on Linux only (proc(5): /proc/stat; the kernel's cgroup-v2: cpu.max and cpu.stat).
/// Elsewhere, and where a file is missing or unknown, nothing is subtracted.
/// </remarks>
public sealed class FreeCores
{
    private const double TicksPerSecond = 100;   // USER_HZ, which is 100 on every system that .NET runs on
    private const int MoreLooks = 5;
    private const string GroupFolder = "/sys/fs/cgroup";
    private static readonly TimeSpan _shortest = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan _anotherLook = TimeSpan.FromSeconds(1);

    private readonly Usage _first;

    private FreeCores(Usage first) => _first = first;

    /// <summary>Begins to watch the machine.</summary>
    public static FreeCores Start() => new(Capture());

    /// <summary>The number of cores; waits until the machine was watched long enough.</summary>
    /// <remarks>
    /// Where others seem to use a core, the machine is watched for up to five more seconds, and the best second counts: the build
    /// that started this process may only just have ended.
    /// </remarks>
    /// <returns>From 0 to <see cref="Environment.ProcessorCount"/>, with a fraction.</returns>
    public double Measure()
    {
        var free = MeasureOnce(_shortest);
        for (var look = 0; look < MoreLooks && ThreadsFor(free) < Environment.ProcessorCount; look++)
            free = Math.Max(free, Start().MeasureOnce(_anotherLook));
        return free;
    }

    /// <summary>The number of threads that use a number of free cores best: at least one.</summary>
    /// <param name="cores">As <see cref="Measure"/> gives it.</param>
    public static int ThreadsFor(double cores) => Math.Max(1, (int)Math.Floor(cores + 0.5));

    /// <summary>The free cores between two moments.</summary>
    /// <param name="first">The earlier moment.</param>
    /// <param name="second">The later moment.</param>
    /// <param name="allowed">Cores that affinity and quota allow, rounded up.</param>
    internal static double Between(Usage first, Usage second, int allowed)
    {
        var seconds = Stopwatch.GetElapsedTime(first.Time, second.Time).TotalSeconds;
        if (seconds <= 0)
            return allowed;

        // Of the cores of the affinity: what is idle, and what this process itself used.
        var own = (second.OwnSeconds - first.OwnSeconds) / seconds;
        double free = allowed;
        if (first.Idle.Count > 0 && first.Idle.Keys.All(second.Idle.ContainsKey))
            free = Math.Min(free, own + first.Idle.Sum(core => Math.Clamp((second.Idle[core.Key] - core.Value) / seconds, 0, 1)));

        // Of the control group's quota: what is left beside the group's other processes.
        if (first.Group is { } group && second.Group is { } later)
            free = Math.Min(free, later.Quota - Math.Max(0, (later.Seconds - group.Seconds) / seconds - own));
        return Math.Clamp(free, 0, allowed);
    }

    /// <summary>Idle seconds of each core, by its number.</summary>
    /// <param name="stat">The text of /proc/stat.</param>
    /// <param name="cores">The cores that count.</param>
    internal static Dictionary<int, double> ParseIdle(string stat, IReadOnlySet<int> cores)
    {
        var idle = new Dictionary<int, double>();
        foreach (var line in stat.Split('\n'))
        {
            // cpu0 user nice system idle iowait …
            var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length > 5
                && fields[0].StartsWith("cpu", StringComparison.Ordinal)
                && int.TryParse(fields[0].AsSpan(3), NumberStyles.None, CultureInfo.InvariantCulture, out var core)
                && cores.Contains(core)
                && long.TryParse(fields[4], NumberStyles.None, CultureInfo.InvariantCulture, out var unused)
                && long.TryParse(fields[5], NumberStyles.None, CultureInfo.InvariantCulture, out var waiting))
                idle[core] = (unused + waiting) / TicksPerSecond;
        }

        return idle;
    }

    /// <summary>The cores of a process's affinity.</summary>
    /// <param name="status">The text of /proc/self/status, with a line such as <c>Cpus_allowed_list: 0-3,8</c>.</param>
    internal static HashSet<int> ParseAffinity(string status)
    {
        var list = FindLine(status, "Cpus_allowed_list:") ?? "";
        var cores = new HashSet<int>();
        foreach (var range in list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var ends = range.Split('-');
            if (int.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out var from)
                && int.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out var to)
                && to - from < 1 << 16)
                cores.UnionWith(Enumerable.Range(from, Math.Max(0, to - from + 1)));
        }

        return cores;
    }

    /// <summary>Cores that a control group's quota allows; null where there is no quota.</summary>
    /// <param name="max">The text of cpu.max: microseconds or <c>max</c>, and the period in microseconds.</param>
    internal static double? ParseQuota(string max)
    {
        var fields = max.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
        return fields.Length == 2
            && long.TryParse(fields[0], NumberStyles.None, CultureInfo.InvariantCulture, out var quota)
            && long.TryParse(fields[1], NumberStyles.None, CultureInfo.InvariantCulture, out var period)
            && period > 0
                ? (double)quota / period
                : null;
    }

    private double MeasureOnce(TimeSpan atLeast)
    {
        var watched = Stopwatch.GetElapsedTime(_first.Time);
        if (watched < atLeast)
            Thread.Sleep(atLeast - watched);
        return Between(_first, Capture(), Environment.ProcessorCount);
    }

    private static Usage Capture()
    {
        using var process = Process.GetCurrentProcess();
        var own = process.TotalProcessorTime.TotalSeconds;
        var cores = ParseAffinity(Text("/proc/self/status"));
        return new Usage(Stopwatch.GetTimestamp(), own, ParseIdle(Text("/proc/stat"), cores), Group());
    }

    // The group of the container, or of the machine where there is none; version 2 only.
    private static (double Quota, double Seconds)? Group()
    {
        var used = FindLine(Text($"{GroupFolder}/cpu.stat"), "usage_usec ");
        return ParseQuota(Text($"{GroupFolder}/cpu.max")) is { } quota
            && long.TryParse(used, NumberStyles.None, CultureInfo.InvariantCulture, out var microseconds)
                ? (quota, microseconds / 1e6)
                : null;
    }

    // What follows a line's name; null where no line has it.
    private static string? FindLine(string text, string name) =>
        text.Split('\n').FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))?[name.Length..];

    private static string Text(string path)
    {
        try
        {
            return OperatingSystem.IsLinux() && File.Exists(path) ? File.ReadAllText(path) : "";
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    /// <summary>What was used until a moment.</summary>
    /// <param name="Time">A timestamp of <see cref="Stopwatch"/>.</param>
    /// <param name="OwnSeconds">Processor time of this process.</param>
    /// <param name="Idle">Idle seconds of each core of the affinity; empty where they are unknown.</param>
    /// <param name="Group">Quota in cores and processor seconds of the control group; null without a quota.</param>
    internal sealed record Usage(
        long Time, double OwnSeconds, IReadOnlyDictionary<int, double> Idle, (double Quota, double Seconds)? Group);
}
