using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Torch.Governing;

namespace AdaptThenUnlearn.Torch.Tests.Governing;

/// <summary>
/// Checks that an earlier run's results are deleted before the next run can fail, and that states to resume from stay.
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
    public void DeleteStaleResults_FolderWithReports_LeavesOnlyWhatCanBeResumed()
    {
        RunFolder.DeleteStaleResults(_folder);

        OnlyTheStateIsLeft();
    }

    [Fact]
    public void DeleteStaleResults_FolderOfARunThatIsUnderWay_IsLeftToIt()
    {
        using var run = RunFolder.Open(_folder, checkpointBytes: 0);
        run.Write("record", "run.json", "{}");

        RunFolder.DeleteStaleResults(_folder);

        Assert.True(File.Exists(At("run.json")));
    }

    [Fact]
    public void DeleteStaleResults_NoSuchFolder_MakesNone()
    {
        RunFolder.DeleteStaleResults(At("nowhere"));

        Assert.False(Directory.Exists(At("nowhere")));
    }

    // The folder bears the policy's name. A pass of an earlier policy may have taken hours: it loses its name, not its bytes.
    [Fact]
    public void DeleteStaleResults_FolderWithGenerators_KeepsTheReleasedOneUnderAnotherName()
    {
        WriteGenerators(made: true);

        RunFolder.DeleteStaleResults(_folder);

        Assert.Equal("released", File.ReadAllText(At(Name + ".safetensors.earlier")));
        Assert.Equal([".atu-made", Name + ".safetensors.earlier"], TopFiles());
        RunFolder.DeleteStaleResults(_folder);
        Assert.Equal([".atu-made", Name + ".safetensors.earlier"], TopFiles());
    }

    [Fact]
    public void DeleteStaleResults_FilesThatAtuDidNotMake_AreLeft()
    {
        WriteGenerators(made: false);
        File.WriteAllText(At("report.md"), "my own");

        RunFolder.DeleteStaleResults(_folder);

        Assert.Equal([Name + ".rejected.safetensors", Name + ".safetensors", "report.md"], TopFiles());
    }

    [Fact]
    public void DeleteStaleResults_ForeignFileUnderTheEarlierName_IsRefusedAndLeft()
    {
        WriteGenerators(made: true);
        File.WriteAllText(At(Name + ".safetensors.earlier"), "my own");

        Assert.Contains(
            Name + ".safetensors.earlier",
            Assert.Throws<RunException>(() => RunFolder.DeleteStaleResults(_folder)).Message,
            StringComparison.Ordinal);
        Assert.Equal("my own", File.ReadAllText(At(Name + ".safetensors.earlier")));
    }

    // What the policy names now is a checkpoint in one file. Before, it was a command, then a checkpoint in several files.
    [Fact]
    public void DeleteEarlierResults_GeneratorOfAnotherKind_LeavesNothingOfIt()
    {
        var policy = Measuring.AuditorCheckTests.Policy;
        string[] earlier =
        [
            "command.json", $"{policy.Name}.command.json", $"{policy.Name}.rejected.images.txt",
            "model-00001-of-00002.safetensors", $"{policy.Name}.safetensors.index.json",
        ];
        foreach (var name in earlier.Append("my-own.safetensors"))
            File.WriteAllText(At(name), "earlier");
        WrittenFiles.Add(_folder, earlier);
        var inputs = new InputFiles(policy, Path.Combine(_folder, "..", "policy.json"));

        using var folder = RunFolder.Open(_folder, checkpointBytes: 0);
        folder.DeleteEarlierResults(inputs);

        Assert.Equal([".atu-made", "my-own.safetensors"], TopFiles().Except([FolderLock.FileName]));
    }

    [Theory]
    [InlineData("{ \"policySource\": { \"file\": \"../policies/p.json\" } }", true)]
    [InlineData("{ \"policySource\": { \"file\": \"../policies/q.json\" } }", false)]
    [InlineData("{ \"policySource\": { \"file\": 1 } }", false)]
    [InlineData("{ \"policySource\": \"../policies/p.json\" }", false)]
    [InlineData("[1]", false)]
    [InlineData("null", false)]
    [InlineData("{", false)]
    [InlineData("", false)]
    public void FindByPolicyFile_Record_NamesThePolicyOrNot(string record, bool found)
    {
        File.WriteAllText(At("run.json"), record);
        var output = Path.GetDirectoryName(_folder)!;

        Assert.Equal(found, RunFolder.FindByPolicyFile(output, Path.Combine(output, "policies", "p.json")).Contains(_folder));
    }

    [Fact]
    public void FindByPolicyFile_NoSuchFolder_IsEmpty() => Assert.Empty(RunFolder.FindByPolicyFile(At("nowhere"), "p.json"));

    private string Name => Path.GetFileName(_folder);

    private void WriteGenerators(bool made)
    {
        File.WriteAllText(At(Name + ".safetensors"), "released");
        File.WriteAllText(At(Name + ".rejected.safetensors"), "rejected");
        if (made)
            WrittenFiles.Add(_folder, [Name + ".safetensors", Name + ".rejected.safetensors"]);
    }

    private string[] TopFiles() => [.. Directory.EnumerateFiles(_folder).Select(file => Path.GetFileName(file)).Order()];

    private string At(string name) => Path.Combine(_folder, name);

    private void OnlyTheStateIsLeft() =>
        Assert.Equal([At("state/half.safetensors")], Directory.EnumerateFiles(_folder, "*", SearchOption.AllDirectories));
}
