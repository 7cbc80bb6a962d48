namespace AdaptThenUnlearn.Solution.Tests;

/// <summary>What holds for the whole solution.</summary>
public sealed class SolutionTests
{
    [Fact]
    public void EveryProject_IsInTheSolution()
    {
        var root = AdaptThenUnlearn.Tests.Repository.Root;
        var solution = File.ReadAllText(Path.Combine(root, "AdaptThenUnlearn.sln")).Replace('\\', '/');

        var projects = new[] { "src", "tasks", "build", "tests", "benchmarks" }
            .SelectMany(folder => Directory.EnumerateFiles(Path.Combine(root, folder), "*.csproj", SearchOption.AllDirectories));
        Assert.All(projects, project => Assert.Contains(
            Path.GetRelativePath(root, project).Replace('\\', '/'), solution, StringComparison.Ordinal));
    }

    [Fact]
    public void Sources_Whitespace_IsAsTheFormatterWritesIt()
    {
        var root = AdaptThenUnlearn.Tests.Repository.Root;
        using var format = Command.Start(
            root, new Dictionary<string, string?>(), "dotnet", "format", "whitespace", "AdaptThenUnlearn.sln",
            "--verify-no-changes", "--no-restore");

        var (exitCode, output) = format.Finish();

        Assert.True(exitCode == 0, $"run `dotnet format whitespace`\n{output}");
    }
}
