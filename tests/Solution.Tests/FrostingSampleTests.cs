using AdaptThenUnlearn.Cli.Tests;
using AdaptThenUnlearn.Tests;

namespace AdaptThenUnlearn.Solution.Tests;

/// <summary>
/// The Frosting sample, as somebody has it who has copied it: on a stand-in for its host everywhere, and on the real one where
/// that restores.
/// </summary>
public sealed class FrostingSampleTests(LocalFeed feed, SmallHouse house) : IClassFixture<SmallHouse>
{
    [Fact]
    public void FrostingSample_StandInHost_EndsWithTheToolsExitCode()
    {
        var sample = new Consumer(feed, SampleTests.CopyOfSamples(feed).At("samples/frosting"));
        PackStandIn(sample);
        // A real host that a source of this machine may have is not wanted here.
        sample.Write("NuGet.config", File.ReadAllText(sample.At("NuGet.config"))
            .Replace("<packageSources>", "<packageSources><clear />", StringComparison.Ordinal));

        GovernsAndKeepsTheExitCode(sample, sample.At("packages"));
    }

    [Fact]
    public void FrostingSample_RealHost_EndsWithTheToolsExitCode()
    {
        var sample = new Consumer(feed, SampleTests.CopyOfSamples(feed).At("samples/frosting"));
        var packages = sample.At("packages");
        using var restore = sample.Start(new Dictionary<string, string?> { ["NUGET_PACKAGES"] = packages }, "restore");
        var (restored, how) = restore.Finish();
        var missing = Array.Find(
            how.Split('\n'),
            line => line.Contains("error NU1301", StringComparison.Ordinal)
                || (line.Contains("error NU1", StringComparison.Ordinal)
                    && line.Contains("Cake.Frosting", StringComparison.Ordinal)));
        Assert.SkipWhen(missing is not null, $"Cake.Frosting does not restore here: {missing?.Trim()}");
        Assert.True(restored == 0, how);

        GovernsAndKeepsTheExitCode(sample, packages);
    }

    private void GovernsAndKeepsTheExitCode(Consumer sample, string packages)
    {
        var (built, how) = Run("build", "--configuration", "Release");
        Assert.True(built == 0, how);
        var (passed, words) = Govern("\"maxRate\": 0.9");
        var (failed, verdict) = Govern("\"maxRate\": 0.001");
        var (wrong, mistakes) = Govern("\"maxRate\": 7");

        Assert.True(passed == 0, words);
        Assert.Contains("no-digit-8: Passed", words, StringComparison.Ordinal);
        Assert.Equal(1, failed);
        Assert.Contains("atu govern: the gate failed (exit code 1)", verdict, StringComparison.Ordinal);
        Assert.Equal(2, wrong);
        Assert.Contains("error ATU1004", mistakes, StringComparison.Ordinal);

        // The sample's own policy would take longer.
        (int ExitCode, string Output) Govern(string limit)
        {
            house.Policy("no-digit-8", limit);
            sample.CopyPolicies(house.Folder);
            return Run(
                "run", "--no-build", "--configuration", "Release", "--",
                "--target=Govern", $"--atu={CakeHouse.Atu}", "--no-train");
        }

        (int ExitCode, string Output) Run(params string[] arguments)
        {
            using var command = sample.Start(new Dictionary<string, string?> { ["NUGET_PACKAGES"] = packages }, arguments);
            return command.Finish();
        }
    }

    /// <summary>Packs the stand-in and the Cake assemblies under it, as the package that the sample asks for.</summary>
    private static void PackStandIn(Consumer sample)
    {
        var sources = Path.Combine(Repository.Root, "tests", "Solution.Tests", "Frosting");
        sample.Write("../../stand-in/Cake.Frosting.csproj", $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <TargetFramework>net10.0</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings>
                <Nullable>enable</Nullable>
                <Version>{CakeProcess.Version}</Version>
                <Description>A stand-in of the tests of AdaptThenUnlearn.</Description>
                <PackageOutputPath>../artifacts/packages</PackageOutputPath>
              </PropertyGroup>
              <ItemGroup>
                <Compile Include="{sources}/*.cs" />
                <Reference Include="{CakeProcess.Folder}/Cake.Core.dll" Private="false" />
                <None Include="{CakeProcess.Folder}/Cake.Core.dll;{CakeProcess.Folder}/Cake.Common.dll" Pack="true" PackagePath="lib/net10.0" />
              </ItemGroup>
            </Project>
            """);
        var (exitCode, output) = sample.Dotnet("pack", "../../stand-in");
        Assert.True(exitCode == 0, output);
    }
}
