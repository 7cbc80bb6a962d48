using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Runs;

/// <summary>A folder of records: those of the policy, in their order; whatever else lies there is passed over.</summary>
public sealed class RunHistoryTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-history-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void ReadFolder_RecordsAtAnyDepth_AreReadAndOrderedByTime()
    {
        Write("b/run.json", Measured(day: 3));
        Write("a/evidence/artifacts/no-eights/run.json", Measured(day: 5));
        Write("main-run.json", Measured(day: 1));
        File.WriteAllText(Path.Combine(_folder, "policy.json"), "{}");

        var history = RunHistory.ReadFolder(_folder);

        Assert.Empty(history.Notes);
        Assert.Equal([1, 3, 5], history.Before(Measured(day: 9)).Select(record => record.Times.Finished.Day));
    }

    [Fact]
    public void ReadFolder_DamagedOrForeignFile_IsPassedOverWithANote()
    {
        Write("good/run.json", Measured(day: 1));
        Directory.CreateDirectory(Path.Combine(_folder, "bad"));
        File.WriteAllText(Path.Combine(_folder, "bad/run.json"), "{ \"schemaVersion\": 99 }");
        File.WriteAllText(Path.Combine(_folder, "bad/other-run.json"), "not JSON");
        File.WriteAllText(Path.Combine(_folder, "bad/large-run.json"), new string(' ', (2 << 20) + 1));

        var history = RunHistory.ReadFolder(_folder);

        Assert.Single(history.Records);
        Assert.Equal(3, history.Notes.Count);
        Assert.All(history.Notes, note => Assert.StartsWith("passed over: ", note, StringComparison.Ordinal));
    }

    [Fact]
    public void ReadFolder_NoFolder_SaysSo() =>
        Assert.Contains(
            "the folder of earlier records cannot be read",
            Assert.Throws<RunRecordException>(() => RunHistory.ReadFolder(Path.Combine(_folder, "none"))).Message,
            StringComparison.Ordinal);

    [Fact]
    public void Before_OtherPolicyOrGeneratorLaterRunAndItself_AreLeftOut()
    {
        var current = Measured(day: 5);
        var other = current with { Policy = current.Policy with { Name = "other" } };
        var network = current with
        {
            Policy = current.Policy with { Generator = current.Policy.Generator with { Checkpoint = "b.safetensors" } }
        };
        var history = new RunHistory([other, network, Measured(day: 6), current, Measured(day: 4), Measured(day: 4)], []);

        Assert.Equal([4], history.Before(current).Select(record => record.Times.Finished.Day));
        Assert.Equal("no-eights: 2 of 6 records are of another policy or generator", history.NoteAbout(current));
        Assert.Null(new RunHistory([current], []).NoteAbout(current));
    }

    [Fact]
    public void Before_ManyRuns_KeepsTheNewest()
    {
        var start = Measured(day: 1).Times.Finished;
        var history = new RunHistory(
            [.. Enumerable.Range(0, RunHistory.MaxRuns + 7).Select(hour => At(start.AddHours(hour)))], []);

        var kept = history.Before(Measured(day: 28));

        Assert.Equal(RunHistory.MaxRuns, kept.Count);
        Assert.Equal(start.AddHours(7), kept[0].Times.Finished);
    }

    private static RunRecord Measured(int day) => At(new DateTimeOffset(2026, 2, day, 12, 0, 0, TimeSpan.Zero));

    private static RunRecord At(DateTimeOffset finished) =>
        Records.Run() with { Times = Records.Run().Times with { Finished = finished } };

    private void Write(string name, RunRecord record)
    {
        var path = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        RunRecordFile.Write(path, record);
    }
}
