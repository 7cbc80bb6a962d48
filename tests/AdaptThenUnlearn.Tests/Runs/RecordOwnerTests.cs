using System.Diagnostics;
using System.Runtime.Versioning;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Runs;

/// <summary>Who could have written a record: its owner, its folder's, and anyone else whom the modes let write.</summary>
public sealed class RecordOwnerTests : IDisposable
{
    private readonly string _top = Directory.CreateTempSubdirectory("atu-owner-").FullName;
    private readonly string _folder;
    private readonly string _record;

    public RecordOwnerTests()
    {
        _folder = Path.Combine(_top, "artifacts", "no-eights");
        Directory.CreateDirectory(_folder);
        _record = Path.Combine(_folder, RunRecord.FileName);
        File.WriteAllText(_record, "{}");
    }

    public void Dispose() => Directory.Delete(_top, recursive: true);

    [Fact]
    public void Doubt_OwnRecordOrNone_IsNone()
    {
        Assert.Null(RecordOwner.FindProblem(_folder));

        File.Delete(_record);
        Assert.Null(RecordOwner.FindProblem(_folder));
        Assert.Null(RecordOwner.FindProblem(Path.Combine(_top, "nowhere", "at", "all")));
    }

    [Theory]
    [UnsupportedOSPlatform("windows")]
    [InlineData("artifacts/no-eights/run.json")]
    [InlineData("artifacts/no-eights")]
    [InlineData("artifacts")]
    public void Doubt_AnybodyMayWrite_SaysWhere(string name)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "modes are the Unix way");
        var path = Path.Combine(_top, name);
        File.SetUnixFileMode(path, File.GetUnixFileMode(path) | UnixFileMode.OtherWrite);

        Assert.Equal($"anybody may write {path}", RecordOwner.FindProblem(_folder));

        if (Directory.Exists(path))   // as /tmp: nobody can replace what belongs to another there
            File.SetUnixFileMode(path, File.GetUnixFileMode(path) | UnixFileMode.StickyBit);
        Assert.Equal(!Directory.Exists(path), RecordOwner.FindProblem(_folder) is not null);
    }

    [Theory]
    [InlineData("artifacts/no-eights/run.json")]
    [InlineData("artifacts/no-eights")]
    [InlineData("artifacts")]
    public void Doubt_OfAnotherUser_SaysSo(string name)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.UserName == "root", "only the superuser can give a file away");
        var path = Path.Combine(_top, name);
        using (var chown = Process.Start("chown", ["12345", path]))
            chown.WaitForExit();

        Assert.Equal($"{path} belongs to another user", RecordOwner.FindProblem(_folder));
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public void Doubt_FileOfAnotherName_IsOfThatFile()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "modes are the Unix way");
        var path = Path.Combine(_folder, "cell.json");
        File.WriteAllText(path, "{}");
        File.SetUnixFileMode(path, File.GetUnixFileMode(path) | UnixFileMode.OtherWrite);

        Assert.Equal($"anybody may write {path}", RecordOwner.FindProblem(_folder, "cell.json"));
        Assert.Null(RecordOwner.FindProblem(_folder));
    }

    [Fact]
    public void Doubt_Link_SaysSo()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need rights there");
        File.Move(_record, Path.Combine(_top, "elsewhere.json"));
        File.CreateSymbolicLink(_record, Path.Combine(_top, "elsewhere.json"));

        Assert.Equal($"{_record} is a link", RecordOwner.FindProblem(_folder));
    }

    // The output folder may well lie elsewhere.
    [Fact]
    public void Doubt_FolderThroughALink_IsAskedOfItsTarget()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need rights there");
        Directory.CreateSymbolicLink(Path.Combine(_top, "out"), Path.Combine(_top, "artifacts"));

        Assert.Null(RecordOwner.FindProblem(Path.Combine(_top, "out", "no-eights")));
    }
}
