using System.Text.RegularExpressions;
using AdaptThenUnlearn.Cli.Tests;

namespace AdaptThenUnlearn.Solution.Tests;

/// <summary>The gate stays with who governs: a package made behind it does not depend on it.</summary>
public sealed partial class PrivateReferenceTests(LocalFeed feed, SmallHouse house) : IClassFixture<SmallHouse>
{
    private const string Public = """<PackageReference Include="AdaptThenUnlearn.MSBuild" Version="0.1.0" />""";

    private const string Quick = "-p:GovernModelsArguments=--no-train --threads 1";

    [Fact]
    public void Readme_SnippetInAProject_GovernsAndPacksWhatAnybodyCanRestore()
    {
        var consumer = feed.NewConsumer();
        house.Policy("met", "\"maxRate\": 0.9");
        consumer.CopyPolicies(house.Folder);
        WriteProject(consumer, PageText.Block("README.md", "In a build (MSBuild)", "xml"));

        var (exitCode, output) = consumer.Dotnet("pack", Quick);

        Assert.True(exitCode == 0, output);
        Assert.Contains("met: Passed", output, StringComparison.Ordinal);
        Assert.DoesNotContain("ATU5010", output, StringComparison.Ordinal);
        RestoresWithoutOurFeed(feed, consumer);
    }

    [Fact]
    public void Pack_ReferenceThatIsNotPrivate_IsWarnedOfBecauseNobodyCouldRestoreIt()
    {
        var consumer = feed.NewConsumer();
        WriteProject(consumer, Public);

        var (exitCode, output) = consumer.Dotnet("pack", "-p:GovernModelsMode=Off");

        Assert.True(exitCode == 0, output);
        Assert.Contains("warning ATU5010", output, StringComparison.Ordinal);
        var (restored, how) = Restore(feed, consumer);
        Assert.NotEqual(0, restored);
        Assert.Contains("NU1101: Unable to find package AdaptThenUnlearn.MSBuild", how, StringComparison.Ordinal);
    }

    // Such a reference is private by itself.
    [Fact]
    public void Pack_GlobalPackageReference_IsPrivate()
    {
        var consumer = feed.NewConsumer();
        WriteProject(consumer, "");
        consumer.Write("Directory.Packages.props", """
            <Project>
              <PropertyGroup>
                <ManagePackageVersionsCentrally>true</ManagePackageVersionsCentrally>
              </PropertyGroup>
              <ItemGroup>
                <GlobalPackageReference Include="AdaptThenUnlearn.MSBuild" Version="0.1.0" />
              </ItemGroup>
            </Project>
            """);

        var (exitCode, output) = consumer.Dotnet("pack", "-p:GovernModelsMode=Off");

        Assert.True(exitCode == 0, output);
        Assert.Contains("GovernModelsMode is Off", output, StringComparison.Ordinal);
        Assert.DoesNotContain("ATU5010", output, StringComparison.Ordinal);
        RestoresWithoutOurFeed(feed, consumer);
    }

    // One build asks them all, because starting builds is what takes the time.
    [Fact]
    public void Pack_HowTheReferenceIsWritten_DecidesWhetherItIsWarnedOf()
    {
        (string Name, bool Warned, string Properties)[] projects =
        [
            ("default", true, ""),
            ("assets", true, "Private=contentfiles%3Banalyzers%3Bbuild"),
            ("none", true, "Private=none"),
            ("all", false, "Private=all"),
            ("capitals", false, "Private=All"),
            ("listed", false, "Private=compile%3B all"),
            ("central", true, "ManagePackageVersionsCentrally=true;Written="),
            ("central-private", false, "ManagePackageVersionsCentrally=true;Written=;Private=all"),
            ("not-packed", false, "IsPackable=false"),
            ("without-dependencies", false, "SuppressDependenciesWhenPacking=true"),
            ("tool", false, "PackAsTool=true"),
        ];
        var consumer = feed.NewConsumer();
        WriteProject(consumer, """
            <PackageVersion Include="AdaptThenUnlearn.MSBuild" Version="0.1.0" />
            <PackageReference Include="AdaptThenUnlearn.MSBuild" Version="$(Written)" PrivateAssets="$(Private)" />
            """);
        Assert.Equal(0, consumer.Dotnet("build").ExitCode);
        var items = projects.Select(
            project => $"""<Variant Include="{project.Name}" AdditionalProperties="{project.Properties}" />""");
        consumer.Write("variants.proj", $"""
            <Project>
              <ItemGroup>
                {string.Join("\n    ", items)}
              </ItemGroup>
              <Target Name="Build" Outputs="%(Variant.Identity)">
                <Message Importance="high" Text="variant %(Variant.Identity)" />
                <MSBuild Projects="Product.csproj" Targets="GenerateNuspec" ContinueOnError="true"
                         Properties="NoBuild=true;GovernModelsMode=Off;PackageId=%(Variant.Identity);%(Variant.AdditionalProperties)" />
              </Target>
            </Project>
            """);

        var (_, output) = consumer.Dotnet("msbuild", "variants.proj", "-tl:off", "-clp:NoSummary");

        var said = VariantPattern().Split(output)[1..].Chunk(2).ToDictionary(
            variant => variant[0], variant => variant[1].Contains("warning ATU5010", StringComparison.Ordinal));
        Assert.Equal(projects.Select(project => (project.Name, project.Warned)), said.Select(pair => (pair.Key, pair.Value)));
    }

    /// <summary>Restores a package that was made, in a folder whose only source has that package and nothing else.</summary>
    internal static void RestoresWithoutOurFeed(LocalFeed feed, Consumer maker)
    {
        var (exitCode, output) = Restore(feed, maker);
        Assert.True(exitCode == 0, output);
    }

    private static (int ExitCode, string Output) Restore(LocalFeed feed, Consumer maker)
    {
        var package = Assert.Single(Directory.EnumerateFiles(maker.Folder, "*.nupkg", SearchOption.AllDirectories));
        var id = Path.GetFileName(package).Replace(".1.0.0.nupkg", "", StringComparison.Ordinal);
        var user = feed.NewConsumer();
        File.Copy(package, user.Write($"source/{Path.GetFileName(package)}", ""), overwrite: true);
        user.Write("NuGet.config", """
            <configuration>
              <packageSources>
                <clear />
                <add key="empty-but-for-one" value="source" />
              </packageSources>
            </configuration>
            """);
        user.Write("User.csproj", $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <TargetFramework>net10.0</TargetFramework>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="{id}" Version="1.0.0" />
              </ItemGroup>
            </Project>
            """);
        using var restore = user.Start(new Dictionary<string, string?> { ["NUGET_PACKAGES"] = user.At("packages") }, "restore");
        return restore.Finish();
    }

    private static void WriteProject(Consumer consumer, string items) => consumer.Write("Product.csproj", $"""
        <Project Sdk="Microsoft.NET.Sdk">
          <PropertyGroup>
            <TargetFramework>net10.0</TargetFramework>
            <Written>0.1.0</Written>
          </PropertyGroup>
          <ItemGroup>
            {items}
          </ItemGroup>
        </Project>
        """);

    [GeneratedRegex(@"variant (\S+)")]
    private static partial Regex VariantPattern();
}
