using System.IO.Compression;
using AdaptThenUnlearn.Cli.Tests;

namespace AdaptThenUnlearn.Solution.Tests;

/// <summary>
/// Real builds: the packed aliases in the sample's script, and this repository's own script from both starters.
/// </summary>
public sealed class CakeBuildTests(CakeHouse house) : IClassFixture<CakeHouse>
{
    [Fact]
    public void Package_ForScriptsAndFrosting_HoldsOneAssemblyAndBringsNoCakeOfItsOwn()
    {
        using var package = ZipFile.OpenRead(Assert.Single(Directory.GetFiles(house.At("feed"), "*.nupkg")));
        using var nuspec =
            new StreamReader(package.Entries.Single(entry => entry.Name.EndsWith(".nuspec", StringComparison.Ordinal)).Open());
        var text = nuspec.ReadToEnd();

        Assert.Equal(
            ["lib/net10.0/AdaptThenUnlearn.Cake.dll"],
            package.Entries.Select(entry => entry.FullName).Where(name => name.EndsWith(".dll", StringComparison.Ordinal)));
        Assert.Contains("cake-addin", text, StringComparison.Ordinal);
        Assert.DoesNotContain("<dependency ", text, StringComparison.Ordinal);
    }

    // Beside the schema, as this repository's policies lie too.
    [Fact]
    public void Script_PolicyMet_SucceedsAndShowsTheVerdict()
    {
        Directory.CreateDirectory(house.At("own"));
        foreach (var file in new[] { "mnist-balanced.json", "policy.schema.json" })
            File.Copy(house.At($"policies/{file}"), house.At($"own/{file}"));

        var (exitCode, output, errors) = Sample($"--policies={house.At("own/*.json")}");

        Assert.True(exitCode == 0, output + errors);
        Assert.Contains("mnist-balanced: Passed", output, StringComparison.Ordinal);
        Assert.True(File.Exists(house.At("samples/cake/out/mnist-balanced/run.json")));
    }

    [Fact]
    public void Script_ItsOwnPolicyNotMet_FailsWithVerdictAndRuleInTheMessage()
    {
        var (exitCode, output, errors) = Sample();

        Assert.Equal(1, exitCode);
        Assert.Contains("no-digit-8: Failed", output, StringComparison.Ordinal);
        Assert.Matches(
            "atu govern: the gate failed \\(exit code 1\\): .*no-digit-8.json\\(\\d+,\\d+\\): error ATU3001: failed "
                + "digit-8/maxRate",
            errors);
    }

    [Fact]
    public void Script_Advisory_WarnsAndSucceeds()
    {
        var (exitCode, output, errors) = Sample($"--policies={house.At("policies/mnist-impossible.json")}", "--advisory");

        Assert.True(exitCode == 0, output + errors);
        Assert.Contains("warning ATU3001: failed digit-8/maxRate", output, StringComparison.Ordinal);
        Assert.DoesNotContain("error ATU", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Script_ToldToEnd_TakesTheToolWithIt()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "signals are sent the Unix way, and processes are looked for in /proc");
        var script = house.At("long.cake");
        File.WriteAllText(
            script,
            $"#addin nuget:?package=AdaptThenUnlearn.Cake&version=0.1.0\nGovernModels(\"policies/mnist-no-digit-8.json\", new "
                + $"GovernModelsSettings {{ AtuAssembly = \"{CakeHouse.Atu}\", OutputDirectory = \"artifacts/ended-early\" }});");

        using var cake = CakeProcess.StartScript(house.Folder, script);
        Patience.Until(() => ProcessesOnLinux.ThatGovernInto(house.At("artifacts/ended-early")).Count > 0 || cake.HasExited);
        Assert.NotEmpty(ProcessesOnLinux.ThatGovernInto(house.At("artifacts/ended-early")));

        Signals.Terminate(cake.Id);
        cake.AwaitExit();

        Patience.Until(() => ProcessesOnLinux.ThatGovernInto(house.At("artifacts/ended-early")).Count == 0);
        Assert.Empty(ProcessesOnLinux.ThatGovernInto(house.At("artifacts/ended-early")));
    }

    [Fact]
    public void BuildSh_Smoke_JudgesBothPoliciesAndLeavesTheTreeAsItWas()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "build.ps1 is for Windows");
        var before = house.Files();

        var (exitCode, output, errors) =
            CakeProcess.Run(house.Folder, "bash", "build.sh", "--target=Smoke", "--exclusive", $"--atu={CakeHouse.Atu}");

        Assert.True(exitCode == 0, output + errors);
        Assert.Contains("mnist-balanced: Passed", output, StringComparison.Ordinal);
        Assert.Contains("mnist-impossible: Failed", output, StringComparison.Ordinal);
        Assert.Equal(before, house.Files());
    }

    [Fact]
    public void BuildSh_ToolNotThere_EndsWithTheToolsExitCode()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "build.ps1 is for Windows");

        var (exitCode, _, errors) =
            CakeProcess.Run(house.Folder, "bash", "build.sh", "--target=Smoke", "--exclusive", "--atu=not there.dll");

        Assert.Equal(3, exitCode);
        Assert.Contains("there is no " + house.At("not there.dll"), errors, StringComparison.Ordinal);
    }

    [Fact]
    public void BuildPs1_ToolNotThere_EndsWithTheToolsExitCode()
    {
        var (exitCode, output, errors) =
            CakePowerShell.Run(house, "build.ps1", "--target=Smoke", "--exclusive", "--atu=not there.dll");

        Assert.True(exitCode == 3, output + errors);
        Assert.Contains("there is no " + house.At("not there.dll"), errors, StringComparison.Ordinal);
    }

    private (int ExitCode, string Output, string Errors) Sample(params string[] arguments)
    {
        using var cake = CakeProcess.StartScript(
            house.Folder, ["samples/cake/build.cake", "--output=out", $"--atu={CakeHouse.Atu}", "--no-train", .. arguments]);
        return cake.Finish();
    }
}
