using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Tests.Files;

/// <summary>Which files may be replaced: those that this tool made, and never an input.</summary>
public sealed class WriteGuardTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-guard-").FullName;

    public WriteGuardTests() => File.WriteAllText(At("input"), "precious");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("itself")]
    [InlineData("a link to it")]
    [InlineData("a hard link to it")]
    [InlineData("through a linked folder")]
    [InlineData("by another path")]
    public void Obstacle_OutputIsAnInput_IsOneEvenWhereItMayBeOverwritten(string how)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() && how.Contains("link", StringComparison.Ordinal), "links need rights there");
        var output = how switch
        {
            "a link to it" => File.CreateSymbolicLink(At("other"), At("input")).FullName,
            "a hard link to it" => HardLink(At("other")),
            "through a linked folder" => Path.Combine(Directory.CreateSymbolicLink(At("folder"), _folder).FullName, "input"),
            "by another path" => Path.Combine(_folder, "no", "..", "input"),
            _ => At("input"),
        };
        Directory.CreateDirectory(At("no"));

        Assert.Contains(
            "is the generator, which is read and would be lost",
            WriteGuard.FindObstacle(output, [("generator", At("input"))], _ => true, overwrite: true),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Obstacle_FileOfAnInputFolder_IsOneEvenWhereItMayBeOverwritten() =>
        Assert.Contains(
            "belongs to the folder of images",
            WriteGuard.FindObstacle(At("input"), [("folder of images", _folder)], _ => false, overwrite: true),
            StringComparison.Ordinal);

    [Fact]
    public void Obstacle_FileOfSomebodyElse_IsOneUnlessItMayBeOverwritten()
    {
        Assert.Contains(
            "nothing says that atu made it", WriteGuard.FindObstacle(At("input"), [], _ => false), StringComparison.Ordinal);
        Assert.Null(WriteGuard.FindObstacle(At("input"), [], _ => false, overwrite: true));
        Assert.Null(WriteGuard.FindObstacle(At("input"), [], _ => true));
    }

    [Fact]
    public void Obstacle_NothingThereOrNothingInIt_IsNone()
    {
        File.WriteAllText(At("empty"), "");

        Assert.Null(WriteGuard.FindObstacle(At("new"), [("generator", At("input"))], _ => false));
        Assert.Null(WriteGuard.FindObstacle(At("empty"), [("generator", At("input"))], _ => false));
    }

    [Fact]
    public void Obstacle_FolderOrDevice_IsOne()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "devices go by other names there");

        Assert.Contains(
            "is a folder", WriteGuard.FindObstacle(_folder, [], _ => true, overwrite: true), StringComparison.Ordinal);
        Assert.Contains(
            "is a device", WriteGuard.FindObstacle("/dev/null", [], _ => true, overwrite: true), StringComparison.Ordinal);
    }

    [Fact]
    public void Mark_NamesAdded_AreReadAgain()
    {
        Assert.Empty(WrittenFiles.Read(At("run")));
        WrittenFiles.Add(At("run"), ["b", "images/a.png"]);
        WrittenFiles.Add(At("run"), ["c", "b"]);

        Assert.Equal(["b", "c", "images/a.png"], WrittenFiles.Read(At("run")).Order(StringComparer.Ordinal));
    }

    private string HardLink(string path)
    {
        using var made = System.Diagnostics.Process.Start("ln", [At("input"), path]);
        made.WaitForExit();
        return path;
    }

    private string At(string name) => Path.Combine(_folder, name);
}
