using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Threading;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Benchmarks;

/// <summary>
/// A training step and the measuring loop at the size of the embedded generator, alone and beside processes that never wait, with
/// several ways in which threads can wait for one another.
/// </summary>
/// <remarks>Each measurement is a process of its own, because libgomp reads its variables when it is loaded.</remarks>
internal static class BusyMachine
{
    private const string Work = "busy-work";
    private const string Spin = "busy-spin";
    private const int BatchSize = 16;
    private static readonly int[] _neighbours = [0, 1, 2];

    // The first row is the yardstick: libgomp's own number of spins, on all cores.
    private static readonly Setting[] _settings =
    [
        new("300,000 spins, as libgomp", "300000", null, "0"),
        new("100,000 spins", "100000", null, "0"),
        new("10,000 spins, as atu", "10000", null, "0"),
        new("1,000 spins", "1000", null, "0"),
        new("no spin", null, "passive", "0"),
        new("one thread", null, null, "1"),
        new("as atu, `--threads auto`", null, null, "auto"),
    ];

    /// <summary>Runs a command of this benchmark.</summary>
    /// <param name="arguments">As given; the first is the command.</param>
    /// <returns>Whether it was one of them.</returns>
    public static bool Run(string[] arguments)
    {
        switch (arguments)
        {
            case ["busy", ..]:
                Compare(seconds: arguments.Length > 1 ? int.Parse(arguments[1], CultureInfo.InvariantCulture) : 8);
                return true;
            case [Work, var threads, var seconds]:
                MeasureHere(threads, int.Parse(seconds, CultureInfo.InvariantCulture));
                return true;
            case [Spin, var parent]:
                SpinFor(int.Parse(parent, CultureInfo.InvariantCulture));
                return true;
            default:
                return false;
        }
    }

    private static void Compare(int seconds)
    {
        Terminal.WriteLine(FormattableString.Invariant(
            $"{Environment.ProcessorCount} cores; images and training steps (batch {BatchSize}) a second, each for {seconds} s"));
        var rows = _settings.Select(setting => (Setting: setting, Measured: new List<Speed>())).ToList();
        foreach (var neighbours in _neighbours)
        {
            using var busy = new Neighbours(neighbours);
            foreach (var (setting, measured) in rows)
                measured.Add(Measure(setting, seconds));
        }

        // Shares are of the first row's speed alone.
        var quiet = rows[0].Measured[0];
        Terminal.WriteLine("| threads wait | " + string.Join(" | ", _neighbours.Select(
            count => count == 0 ? "alone" : FormattableString.Invariant($"beside {count} busy"))) + " |");
        Terminal.WriteLine("| --- | " + string.Join(" | ", _neighbours.Select(_ => "--- ")) + "|");
        foreach (var (setting, measured) in rows)
            Terminal.WriteLine($"| {setting.Name} | " + string.Join(" | ", measured.Select(Cell)) + " |");

        string Cell(Speed speed) => FormattableString.Invariant(
            $"{speed.Images:F0} images ({Share(speed.Images, quiet.Images)}), {speed.Steps:F1} steps ")
            + FormattableString.Invariant($"({Share(speed.Steps, quiet.Steps)}), {speed.Threads} threads");

        static string Share(double part, double whole) => FormattableString.Invariant($"{100 * part / whole:F0} %");
    }

    private static Speed Measure(Setting setting, int seconds)
    {
        var start = Self(Work, setting.Threads, seconds.ToString(CultureInfo.InvariantCulture));
        start.RedirectStandardOutput = true;
        foreach (var (name, value) in new[]
        {
            (ShortSpin.CountVariable, setting.SpinCount), (ShortSpin.PolicyVariable, setting.Policy), ("OMP_NUM_THREADS", null),
        })
        {
            start.Environment.Remove(name);
            if (value is not null)
                start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return JsonSerializer.Deserialize<Speed>(output) ?? throw new InvalidOperationException($"{Work} printed no result");
    }

    private static void MeasureHere(string threads, int seconds)
    {
        var cores = FreeCores.Start();
        var count = threads == "auto" ? FreeCores.ThreadsFor(cores.Measure()) : int.Parse(threads, CultureInfo.InvariantCulture);
        if (count > 0)
            set_num_threads(count);
        Terminal.WriteLine(JsonSerializer.Serialize(
            new Speed(ImagesASecond(seconds), StepsASecond(seconds), get_num_threads())));
    }

    private static double ImagesASecond(int seconds)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var measured = new BenchmarkMeasuring(CPU);
        using var workers = WorkerThreads.For(CPU, runsProgram: false);
        var batches = EvaluationImages.EnumerateBatches(100_000).ToList();
        return Rate(seconds, warmUp: 2, round => workers.Run(number =>
        {
            using var each = NewDisposeScope();
            using var withoutGradient = no_grad();   // it holds for one thread
            return measured.Classify(batches[(round * workers.Count + number) % batches.Count]).shape[0];
        }).Sum());
    }

    private static double StepsASecond(int seconds)
    {
        using var gan = new BenchmarkGan(BenchmarkGan.Embedded, BatchSize);
        return Rate(seconds, warmUp: 2, step =>
        {
            gan.Trainer.Step(step + 1, gan.Images);
            return 1;
        });
    }

    // Units of work a second; on a machine that is too busy, of a single piece of work.
    private static double Rate(int seconds, int warmUp, Func<int, long> work)
    {
        for (var number = 0; number < warmUp; number++)
            work(number);
        var (clock, done, next) = (Stopwatch.StartNew(), 0L, warmUp);
        do
            done += work(next++);
        while (clock.Elapsed.TotalSeconds < seconds);
        return done / clock.Elapsed.TotalSeconds;
    }

    private static void SpinFor(int parent)
    {
        using var process = Process.GetProcessById(parent);
        while (!process.HasExited)
        {
            for (var clock = Stopwatch.StartNew(); clock.ElapsedMilliseconds < 200;)
                Thread.SpinWait(1000);
        }
    }

    // Environment.ProcessPath is dotnet, or the program's own file, which takes no assembly.
    private static ProcessStartInfo Self(params string[] arguments)
    {
        var isDotnet = Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet";
        return new(
            Environment.ProcessPath!, isDotnet ? [typeof(BusyMachine).Assembly.Location, .. arguments] : arguments);
    }

    /// <summary>A way in which threads wait for one another.</summary>
    private sealed record Setting(string Name, string? SpinCount, string? Policy, string Threads);

    /// <summary>What a process reached.</summary>
    private sealed record Speed(double Images, double Steps, int Threads);

    /// <summary>Processes that never wait, until this is disposed.</summary>
    private sealed class Neighbours : IDisposable
    {
        private readonly List<Process> _processes = [];

        public Neighbours(int count)
        {
            for (var number = 0; number < count; number++)
                _processes.Add(Process.Start(Self(Spin, Environment.ProcessId.ToString(CultureInfo.InvariantCulture)))!);
            if (count > 0)
                Thread.Sleep(TimeSpan.FromSeconds(2));   // until they spin
        }

        public void Dispose()
        {
            foreach (var process in _processes)
            {
                process.Kill();
                process.WaitForExit();
                process.Dispose();
            }
        }
    }
}
