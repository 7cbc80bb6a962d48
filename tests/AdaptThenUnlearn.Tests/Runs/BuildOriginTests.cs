using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Runs;

/// <summary>The build in a run's record: what is kept of it, and that nothing else is read.</summary>
public sealed class BuildOriginTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-origin-").FullName;

    public static BuildOrigin Example { get; } = new()
    {
        Host = "GitHub Actions",
        Repository = "octo/digits",
        Commit = new string('a', 40),
        Ref = "octocat:feature/@types",
        PullRequest = 12,
        BuildUrl = "https://github.com/octo/digits/actions/runs/5/attempts/2",
        Actor = "octocat",
    };

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Clean_WhatAHostSays_StaysAsItIs()
    {
        Assert.Equal(Example, Example.Clean());
        Assert.Equal(Example, (Example with { Commit = new string('A', 40) }).Clean());
    }

    [Theory]
    [InlineData("")]
    [InlineData("  ")]
    [InlineData("two\nlines")]
    [InlineData("\u001b[31mred")]
    [InlineData("\u202edesrever")]
    [InlineData("half \ud83d")]
    [InlineData("https://me:secret@ci.example/repository")]
    public void Clean_TextThatIsNotOneVisibleLine_IsLeftOut(string text)
    {
        var origin = new BuildOrigin { Host = text, Repository = text, Commit = text, Ref = text, BuildUrl = text, Actor = text };

        Assert.Null(origin.Clean());
        Assert.Equal("octocat", (origin with { Actor = "octocat" }).Clean()?.Actor);
    }

    [Fact]
    public void Clean_TextBeyondTheLimit_IsLeftOutAndNotShortened()
    {
        var longest = new string('x', BuildOrigin.MaxLength);

        Assert.Equal(longest, new BuildOrigin { Ref = longest }.Clean()?.Ref);
        Assert.Null(new BuildOrigin { Ref = longest + "x" }.Clean());
        Assert.Null(new BuildOrigin { BuildUrl = "https://ci.example/" + new string('x', 2000) }.Clean());
    }

    [Theory]
    [InlineData("me:secret@ci.example/repository", null, null, null)]
    [InlineData(null, "main", null, null)]
    [InlineData(null, "aaaaaaa", null, null)]
    [InlineData(null, null, "javascript:alert(1)", null)]
    [InlineData(null, null, "file:///etc/passwd", null)]
    [InlineData(null, null, "https://me:secret@ci.example/1", null)]
    [InlineData(null, null, "https://me@ci.example/1", null)]
    [InlineData(null, null, "/builds/1", null)]
    [InlineData(null, null, "https://g\u0456thub.com/octo/digits", null)]
    [InlineData(null, null, null, 0)]
    [InlineData(null, null, null, -3)]
    public void Clean_ValueOfAnotherKind_IsLeftOut(string? repository, string? commit, string? address, int? pullRequest) =>
        Assert.Null(new BuildOrigin
        {
            Repository = repository,
            Commit = commit,
            BuildUrl = address,
            PullRequest = pullRequest,
        }.Clean());

    [Fact]
    public void Read_OriginThatWasWritten_IsTheSame()
    {
        RunRecordFile.Write(At("run.json"), Records.Run() with { Origin = Example });

        Assert.Equal(Example, RunRecordFile.Read(At("run.json")).Origin);
    }

    [Fact]
    public void Read_RecordWithoutAnOrigin_IsReadAndWrittenWithoutOne()
    {
        Assert.DoesNotContain("origin\":", RunRecordFile.ToJson(Records.Run()), StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(
            "\"actor\":",
            RunRecordFile.ToJson(Records.Run() with { Origin = Example with { Actor = null } }),
            StringComparison.Ordinal);

        RunRecordFile.Write(At("run.json"), Records.Run());
        Assert.Null(RunRecordFile.Read(At("run.json")).Origin);
    }

    [Theory]
    [InlineData("\"octocat\"", "\"two\\nlines\"")]
    [InlineData("\"https://github.com", "\"javascript://github.com")]
    [InlineData("12", "-12")]
    public void Read_OriginThatNoRunRecords_IsRefused(string from, string to)
    {
        var text = RunRecordFile.ToJson(Records.Run() with { Origin = Example });
        var start = text.IndexOf("\"origin\"", StringComparison.Ordinal);
        File.WriteAllText(At("run.json"), text[..start] + text[start..].Replace(from, to, StringComparison.Ordinal));

        Assert.EndsWith(
            "its origin holds a value that no run records",
            Assert.Throws<RunRecordException>(() => RunRecordFile.Read(At("run.json"))).Message,
            StringComparison.Ordinal);
    }

    private string At(string name) => Path.Combine(_folder, name);
}
