using System.Reflection;
using AdaptThenUnlearn.Cake;
using AdaptThenUnlearn.Tests;
using Cake.Core;

namespace AdaptThenUnlearn.Solution.Tests;

/// <summary>The Cake page and the build script name what there is.</summary>
public sealed class CakeDocumentationTests
{
    [Theory]
    [InlineData(typeof(GovernModelsSettings))]
    [InlineData(typeof(PublishGovernanceReportSettings))]
    [InlineData(typeof(AtuSettings))]
    public void DocumentationPage_EverySetting_HasItsRow(Type settings)
    {
        var page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "cake.md"));

        var own = settings.GetProperties(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly)
            .Select(property => property.Name);
        Assert.All(own, name => Assert.Contains($"| `{name}` |", page, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("samples/cake/build.cake")]
    [InlineData("samples/frosting/Program.cs")]
    public void DocumentationPage_Samples_AreTheFilesThatTheTestsRun(string sample) =>
        Assert.Contains(
            File.ReadAllText(Path.Combine(Repository.Root, sample)),
            File.ReadAllText(Path.Combine(Repository.Root, "docs", "cake.md")),
            StringComparison.Ordinal);

    [Fact]
    public void PackagePage_ScriptAndHost_AreTheOnesThatTheTestsRun()
    {
        const string Page = "tasks/AdaptThenUnlearn.Cake/PACKAGE.md";

        Assert.Equal(
            PageText.Block("README.md", "In a Cake script, or a Cake.Frosting host", "csharp"),
            PageText.Block(Page, "In a Cake script", "csharp"));
        Assert.Contains(
            PageText.Block(Page, "In a Cake.Frosting host", "csharp"),
            File.ReadAllText(Path.Combine(Repository.Root, "samples", "frosting", "Program.cs")),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("samples/frosting/Frosting.csproj", "Include=\"Cake.Frosting\" Version=\"VERSION\"")]
    [InlineData("samples/cake/dotnet-tools.json", "\"cake.tool\": { \"version\": \"VERSION\"")]
    public void Sample_Cake_IsOfTheVersionThatTheAliasesAreBuiltAgainst(string file, string line) =>
        Assert.Contains(
            line.Replace("VERSION", CakeProcess.Version, StringComparison.Ordinal),
            File.ReadAllText(Path.Combine(Repository.Root, file)),
            StringComparison.Ordinal);

    [Fact]
    public void Script_TestTarget_IsTheReadmesCommand()
    {
        var command = Assert.Single(
            File.ReadAllLines(Path.Combine(Repository.Root, "README.md")),
            line => line.StartsWith("dotnet test", StringComparison.Ordinal));

        Assert.Contains(
            $"RunDotNet(\"{command["dotnet ".Length..]}\")",
            File.ReadAllText(Path.Combine(Repository.Root, "build", "build.cake")),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Cake_ThatTheAliasesAreCompiledAgainst_IsTheOneThatRunsTheScript() =>
        Assert.Equal(CakeProcess.Version, typeof(ICakeContext).Assembly.GetName().Version!.ToString(3));
}
