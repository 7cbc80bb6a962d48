using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>How many threads a command uses, and what starts without libtorch.</summary>
public sealed class ThreadTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    private static readonly Dictionary<string, string> _undecided = new() { ["OMP_NUM_THREADS"] = "", ["ATU_THREADS"] = "" };

    [Theory]
    [InlineData("auto")]
    [InlineData(null)]
    public void Govern_Auto_UsesAtMostTheMachinesCoresAndRecordsHowMany(string? threads)
    {
        var policy = house.Policy($"auto-{threads}", "\"maxRate\": 0.9");
        string[] more = threads is null ? [] : ["--threads", threads];

        var (exitCode, _, errors) = Run(_undecided, ["govern", policy, "--out", house.At("out"), .. more]);

        Assert.Equal(0, exitCode);
        var used = Record($"auto-{threads}").Environment.Threads;
        Assert.InRange(used, 1, Environment.ProcessorCount);
        Assert.Equal(
            used < Environment.ProcessorCount,
            errors.Contains(
                FormattableString.Invariant($"of {Environment.ProcessorCount} cores; this one uses {used} thread"),
                StringComparison.Ordinal));
    }

    // Who sets libtorch's own variable has decided.
    [Fact]
    public void Govern_OmpNumThreads_IsKept()
    {
        var policy = house.Policy("omp", "\"maxRate\": 0.9");

        Assert.Equal(0, Run(new() { ["OMP_NUM_THREADS"] = "1" }, ["govern", policy, "--out", house.At("out")]).ExitCode);

        Assert.Equal(1, Record("omp").Environment.Threads);
    }

    [Theory]
    [InlineData("many")]
    [InlineData("-1")]
    [InlineData("1.5")]
    [InlineData("")]
    public void Govern_NoNumberOfThreads_IsAnError(string threads)
    {
        var (exitCode, _, errors) = Run([], ["govern", house.Policy("wrong"), "--threads", threads]);

        Assert.Equal(2, exitCode);
        Assert.Contains($"error ATU2000: --threads is '{threads}'; it must be auto", errors, StringComparison.Ordinal);
    }

    // With another number the bytes would differ, and the saved state could not be used.
    [Fact]
    public void Resume_WithoutANumber_GoesOnWithTheRunsOwn()
    {
        var policy = house.Policy(
            "resumed", "\"maxRate\": 0.0001", ("\"steps\": 40, \"recoverySteps\": 10", "\"steps\": 14, \"recoverySteps\": 2"));
        var state = Path.Combine(house.At("out"), "resumed", "state", "unlearning.safetensors");
        using (var atu = Atu.Start("govern", policy, "--out", house.At("out"), "--threads", "2"))
        {
            while (!atu.HasExited && !File.Exists(state))
                Thread.Sleep(1);
            atu.Kill();
            Assert.SkipUnless(atu.Finish().ExitCode is not (0 or 1), "it ended before it could be killed");
        }

        var (exitCode, _, errors) = Run([], ["govern", policy, "--out", house.At("out"), "--resume"]);

        Assert.True(exitCode is 0 or 1, errors);
        Assert.Equal(2, Record("resumed").Environment.Threads);
    }

    // The dynamic linker itself says which libraries it has loaded (ld.so(8): LD_DEBUG).
    [Theory]
    [InlineData(false, "--help")]
    [InlineData(false, "govern", "--help")]
    [InlineData(false, "policy", "schema")]
    [InlineData(false, "verify", "RECORD")]
    [InlineData(false, "policy", "check", "POLICY")]
    [InlineData(false, "report", "RECORD", "--format", "markdown")]
    [InlineData(true, "inspect", "GENERATOR")]
    public void Commands_WithoutTensors_StartWithoutLibtorch(bool loads, params string[] command)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "only Linux's linker tells what it loads");
        var policy = house.Policy("unlinked", "\"maxRate\": 0.9");
        Assert.Equal(0, Run([], ["govern", policy, "--out", house.At("out"), "--reuse"]).ExitCode);
        var log = Directory.CreateDirectory(house.At("links-" + string.Concat(command).GetHashCode(StringComparison.Ordinal)));
        string[] arguments =
        [
            .. command.Select(word => word switch
            {
                "RECORD" => Path.Combine(house.At("out"), "unlinked", "run.json"),
                "POLICY" => policy,
                "GENERATOR" => house.At("generator.safetensors"),
                _ => word,
            }),
        ];

        var (exitCode, _, errors) = Run(
            new() { ["LD_DEBUG"] = "files", ["LD_DEBUG_OUTPUT"] = Path.Combine(log.FullName, "log") }, arguments);

        Assert.True(exitCode == 0, errors);
        var linked = string.Concat(log.EnumerateFiles().Select(file => File.ReadAllText(file.FullName)));
        Assert.Contains("libcoreclr.so", linked, StringComparison.Ordinal);
        Assert.Equal(loads, linked.Contains("libtorch_cpu.so", StringComparison.Ordinal));
    }

    private static (int ExitCode, string Output, string Errors) Run(Dictionary<string, string> variables, string[] arguments)
    {
        using var atu = Atu.StartWith(variables, arguments);
        return atu.Finish();
    }

    private RunRecord Record(string name) => RunRecordFile.Read(Path.Combine(house.At("out"), name, "run.json"));
}
