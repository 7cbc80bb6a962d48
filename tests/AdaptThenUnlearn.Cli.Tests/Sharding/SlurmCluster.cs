using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace AdaptThenUnlearn.Cli.Tests.Sharding;

/// <summary>A real Slurm cluster of one node, in a folder of its own, with ports of its own.</summary>
public sealed class SlurmCluster : IDisposable
{
    private static readonly string[] _programs = ["munged", "slurmctld", "slurmd", "sbatch", "scontrol", "squeue"];
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(5);

    private readonly string _folder = Directory.CreateTempSubdirectory("atu-slurm-").FullName;
    private readonly List<Process> _daemons = [];

    public SlurmCluster()
    {
        if (Missing is not null)
            return;

        // Who may speak to the daemons: those who have the key.
        File.WriteAllBytes(At("munge.key"), System.Security.Cryptography.RandomNumberGenerator.GetBytes(128));
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(At("munge.key"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Start(
            "munged", "--foreground", "--force", $"--key-file={At("munge.key")}", $"--socket={At("munge.socket")}",
            $"--pid-file={At("munged.pid")}", $"--seed-file={At("munge.seed")}", $"--log-file={At("munged.log")}");
        WaitFor("munged", () => File.Exists(At("munge.socket")));

        // The node's cores are counted twice over, so that all tasks run beside each other.
        Directory.CreateDirectory(At("state"));
        var (host, user) = (Dns.GetHostName().Split('.')[0], Environment.UserName);
        File.WriteAllText(At("slurm.conf"), $"""
            ClusterName=atu
            SlurmctldHost={host}(127.0.0.1)
            SlurmctldPort={FreePort()}
            SlurmdPort={FreePort()}
            AuthType=auth/munge
            AuthInfo=socket={At("munge.socket")}
            SlurmUser={user}
            SlurmdUser={user}
            StateSaveLocation={At("state")}
            SlurmdSpoolDir={At("spool")}
            SlurmctldPidFile={At("slurmctld.pid")}
            SlurmdPidFile={At("slurmd.pid")}
            ProctrackType=proctrack/pgid
            TaskPlugin=task/none
            JobAcctGatherType=jobacct_gather/none
            MpiDefault=none
            SelectType=select/cons_tres
            SelectTypeParameters=CR_CPU
            SchedulerParameters=bf_interval=1,sched_interval=1,sched_min_interval=100000
            KillWait=5
            NodeName={host} NodeAddr=127.0.0.1 CPUs={Environment.ProcessorCount} RealMemory=2000
            PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:4

            """);
        Start("slurmctld", "-D", "-f", At("slurm.conf"));
        Start("slurmd", "-D", "-f", At("slurm.conf"));
        WaitFor("slurmd", () => Run("sinfo", "--noheader", "--format=%t").Output.StartsWith("idle", StringComparison.Ordinal));
    }

    /// <summary>Why there is no cluster; null where there is one.</summary>
    public static string? Missing { get; } = FindMissing();

    /// <summary>Runs a program that knows this cluster.</summary>
    /// <param name="program">Such as <c>scontrol</c>.</param>
    /// <param name="arguments">Of the program.</param>
    public (int ExitCode, string Output) Run(string program, params string[] arguments) => RunIn(_folder, program, arguments);

    /// <summary>Runs a program that knows this cluster, in a folder.</summary>
    public (int ExitCode, string Output) RunIn(string folder, string program, params string[] arguments)
    {
        using var process = Process.Start(Describe(folder, program, arguments))!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + errors.GetAwaiter().GetResult());
    }

    /// <summary>What Slurm knows of a job or a task of an array: state, exit code, …</summary>
    public IReadOnlyDictionary<string, string> Show(string job) => Run("scontrol", "show", "job", "--oneliner", job).Output
        .Split('\n')[0].Split(' ', StringSplitOptions.RemoveEmptyEntries)
        .Select(each => each.Split('=', 2)).Where(pair => pair.Length == 2)
        .DistinctBy(pair => pair[0]).ToDictionary(pair => pair[0], pair => pair[1]);

    /// <summary>Waits until a job has ended. Tasks that were requeued start at once, not after Slurm's two minutes.</summary>
    /// <returns>Its state.</returns>
    public string WaitForEnd(string job)
    {
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < TimeSpan.FromMinutes(10); Thread.Sleep(300))
        {
            var state = Show(job).GetValueOrDefault("JobState", "gone");
            if (state is not ("PENDING" or "RUNNING" or "COMPLETING" or "SUSPENDED" or "REQUEUED"))
                return state;
            foreach (var waiting in Run("squeue", "--noheader", "--format=%i %r").Output.Split('\n'))
                if (waiting.EndsWith(" BeginTime", StringComparison.Ordinal))
                    Run("scontrol", "update", $"JobId={waiting.Split(' ')[0]}", "StartTime=now");
        }

        Assert.Fail($"job {job} did not end: {Run("squeue").Output}");
        return "";
    }

    public void Dispose()
    {
        foreach (var daemon in _daemons.AsEnumerable().Reverse())
        {
            daemon.Kill(entireProcessTree: true);
            daemon.WaitForExit();
            daemon.Dispose();
        }

        Directory.Delete(_folder, recursive: true);
    }

    private static string? FindMissing()
    {
        if (!OperatingSystem.IsLinux())
            return "Slurm runs on Linux";
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Append("/usr/sbin").ToList();
        var missing = _programs.FirstOrDefault(
            program => !folders.Exists(folder => File.Exists(Path.Combine(folder, program))));
        return missing is not null
            ? $"{missing} is not installed (Debian: slurmctld, slurmd, slurm-client, munge)"
            : null;
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private string At(string name) => Path.Combine(_folder, name);

    private void Start(string program, params string[] arguments)
    {
        var process = Process.Start(Describe(_folder, program, arguments))!;
        _ = process.StandardOutput.ReadToEndAsync();
        _ = process.StandardError.ReadToEndAsync();
        _daemons.Add(process);
    }

    private ProcessStartInfo Describe(string folder, string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["SLURM_CONF"] = At("slurm.conf"), ["OMP_NUM_THREADS"] = "1" },
        };
        start.Environment["PATH"] += ":/usr/sbin";
        return start;
    }

    private void WaitFor(string program, Func<bool> isReady)
    {
        for (var clock = Stopwatch.StartNew(); !isReady(); Thread.Sleep(100))
            Assert.True(clock.Elapsed < _patience, $"{program} did not start: {string.Join(", ", Directory.GetFiles(_folder))}");
    }
}
