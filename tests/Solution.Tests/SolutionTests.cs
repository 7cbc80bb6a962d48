namespace AdaptThenUnlearn.Solution.Tests;

/// <summary>What holds for the whole solution.</summary>
public sealed class SolutionTests
{
    [Fact]
    public void EveryProject_IsInTheSolution()
    {
        var root = AdaptThenUnlearn.Tests.Repository.Root;
        var solution = File.ReadAllText(Path.Combine(root, "AdaptThenUnlearn.sln")).Replace('\\', '/');

        var projects = new[] { "src", "tasks", "tests", "benchmarks" }.SelectMany(folder => Directory.EnumerateFiles(Path.Combine(root, folder), "*.csproj", SearchOption.AllDirectories));
        Assert.All(projects, project => Assert.Contains(Path.GetRelativePath(root, project).Replace('\\', '/'), solution, StringComparison.Ordinal));
    }
}
