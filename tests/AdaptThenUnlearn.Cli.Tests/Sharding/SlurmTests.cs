using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Cli.Tests.Sharding;

/// <summary>The plan for Slurm on a real Slurm: an array, tasks that fail or are killed, and the verdict.</summary>
public sealed class SlurmTests(SlurmCluster cluster, SmallHouse house) : IClassFixture<SlurmCluster>, IClassFixture<SmallHouse>
{
    // What the nodes call as atu. Task 1 cannot finish at first; task 2 takes long at first, until someone requeues it.
    private const string Wrapper = """
        #!/bin/sh
        case "$SLURM_ARRAY_TASK_ID:${SLURM_RESTART_COUNT:-0}" in
            1:0) exit 3 ;;
            2:0) touch reached-2; sleep 60; exit 9 ;;
        esac
        exec dotnet "ATU" "$@"
        """;

    [Fact]
    public void Plan_TasksThatFailOrAreRequeued_GivesTheVerdictOfOneProcess()
    {
        Assert.SkipWhen(SlurmCluster.Missing is not null, SlurmCluster.Missing ?? "");
        house.Policy("clustered", "\"maxRate\": 0.3");
        var single = Atu.StartIn(
            house.Folder, "govern", "clustered.json", "--no-train", "--threads", "1", "--out", "single", "--device", "cpu");
        var (measure, judge) = Submit("clustered", Wrapper);

        for (var tries = 0; !File.Exists(house.At("reached-2")); tries++, Thread.Sleep(100))
            Assert.True(tries < 3000, cluster.Run("squeue").Output);
        var (requeued, problem) = cluster.Run("scontrol", "requeue", $"{measure}_2");
        Assert.True(requeued == 0, problem);
        var state = cluster.WaitForEnd(judge);

        var expected = single.Finish();
        var log = string.Concat(Directory.GetFiles(house.At("parts/clustered"), "*.log").Select(File.ReadAllText));
        Assert.True(state == (expected.ExitCode == 0 ? "COMPLETED" : "FAILED"), log);
        Assert.Equal($"{expected.ExitCode}:0", cluster.Show(judge)["ExitCode"]);
        Assert.Equal(["0", "1", "1"], new[] { 3, 2, 1 }.Select(task => cluster.Show($"{measure}_{task}")["Restarts"]));
        var record = RunRecordFile.Read(house.At("artifacts/clustered/run.json"));
        Assert.Equal(3, record.Parts!.Count);
        Assert.Equal(
            MeasuredPartsTests.WithoutCircumstances(RunRecordFile.Read(house.At("single/clustered/run.json"))),
            MeasuredPartsTests.WithoutCircumstances(record));
    }

    [Fact]
    public void Plan_TaskThatIsCancelled_GivesNoVerdict()
    {
        Assert.SkipWhen(SlurmCluster.Missing is not null, SlurmCluster.Missing ?? "");
        house.Policy("cancelled", "\"maxRate\": 0.3");
        Directory.CreateDirectory(house.At("artifacts/cancelled"));
        File.WriteAllText(house.At("artifacts/cancelled/run.json"), "{}");
        var (measure, judge) = Submit("cancelled", Wrapper.Replace("2:0) touch reached-2;", "3:0) touch reached-3;",
            StringComparison.Ordinal));

        for (var tries = 0; !File.Exists(house.At("reached-3")); tries++, Thread.Sleep(100))
            Assert.True(tries < 3000, cluster.Run("squeue").Output);
        cluster.Run("scancel", $"{measure}_3");

        Assert.Equal("CANCELLED", cluster.WaitForEnd(judge));   // and what an earlier run concluded is gone too
        Assert.False(File.Exists(house.At("artifacts/cancelled/run.json")));
        Assert.False(File.Exists(house.At("parts/cancelled/cancelled.3-of-3.safetensors")));
    }

    private (string Measure, string Judge) Submit(string policy, string wrapper)
    {
        var atu = house.At($"{policy}-atu");
        File.WriteAllText(
            atu, wrapper.Replace("ATU", Path.Combine(AppContext.BaseDirectory, "atu.dll"), StringComparison.Ordinal) + "\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(atu, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        using var plan = Atu.StartIn(
            house.Folder, "plan", $"{policy}.json", "--shards", "3", "--for", "slurm", "--memory", "1", "--command", atu,
            "--out", $"{policy}.sh");
        var (planned, _, errors) = plan.Finish();
        Assert.True(planned == 0, errors);

        var (submitted, output) = cluster.RunIn(house.Folder, "bash", $"{policy}.sh");

        Assert.True(submitted == 0, output);
        var words = output.Split([' ', ';', ','], StringSplitOptions.RemoveEmptyEntries);
        var jobs = words.Index().Where(word => word.Item == "job").Select(word => words[word.Index + 1]).ToList();
        return (jobs[0], jobs[1]);
    }
}
