using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Torch.Governing;

namespace AdaptThenUnlearn.Torch.Tests.Governing;

/// <summary>
/// Checks that an earlier run's reports are deleted before the next run can fail, and that states to resume from stay.
/// </summary>
public sealed class RunFolderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-run-").FullName;

    public RunFolderTests()
    {
        Directory.CreateDirectory(At("state"));
        foreach (var file in new[] { "run.json", "report.md", "state/half.safetensors" })
            File.WriteAllText(At(file), "");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Open_TooLittleDisk_LeavesNoEarlierReport()
    {
        Assert.Equal(
            "ATU2004", Assert.Throws<RunException>(() => RunFolder.Open(_folder, checkpointBytes: long.MaxValue / 16)).Code);

        OnlyTheStateIsLeft();
    }

    [Fact]
    public void DeleteStaleReports_FolderWithReports_LeavesOnlyWhatCanBeResumed()
    {
        RunFolder.DeleteStaleReports(_folder);

        OnlyTheStateIsLeft();
    }

    [Fact]
    public void DeleteStaleReports_FolderOfARunThatIsUnderWay_IsLeftToIt()
    {
        using var run = RunFolder.Open(_folder, checkpointBytes: 0);
        run.Write("record", "run.json", "{}");

        RunFolder.DeleteStaleReports(_folder);

        Assert.True(File.Exists(At("run.json")));
    }

    [Fact]
    public void DeleteStaleReports_NoSuchFolder_MakesNone()
    {
        RunFolder.DeleteStaleReports(At("nowhere"));

        Assert.False(Directory.Exists(At("nowhere")));
    }

    private string At(string name) => Path.Combine(_folder, name);

    private void OnlyTheStateIsLeft() =>
        Assert.Equal([At("state/half.safetensors")], Directory.EnumerateFiles(_folder, "*", SearchOption.AllDirectories));
}
