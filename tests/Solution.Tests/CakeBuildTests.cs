using System.IO.Compression;
using AdaptThenUnlearn.Cli.Tests;

namespace AdaptThenUnlearn.Solution.Tests;

/// <summary>
/// Real builds: the packed aliases in a Cake script, this repository's own script from both starters, and a Frosting host.
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

        var (exitCode, output, errors) = Sample("own/*.json");

        Assert.True(exitCode == 0, output + errors);
        Assert.Contains("mnist-balanced: Passed", output, StringComparison.Ordinal);
        Assert.True(File.Exists(house.At("samples/cake/out/mnist-balanced/run.json")));
    }

    [Fact]
    public void Script_PolicyNotMet_FailsWithVerdictAndRuleInTheMessage()
    {
        var (exitCode, output, errors) = Sample("policies/mnist-impossible.json");

        Assert.Equal(1, exitCode);
        Assert.Contains("mnist-impossible: Failed", output, StringComparison.Ordinal);
        Assert.Matches(
            "atu govern: the gate failed \\(exit code 1\\): .*mnist-impossible.json\\(\\d+,\\d+\\): error ATU3001: failed "
                + "digit-8/maxRate",
            errors);
    }

    [Fact]
    public void Script_Advisory_WarnsAndSucceeds()
    {
        var (exitCode, output, errors) = Sample("policies/mnist-impossible.json", "--advisory");

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

    [Fact]
    public void Frosting_SampleHost_GovernsAndFailsLikeTheScript()
    {
        var restored = CakeProcess.Run(house.Folder, "dotnet", "restore", "samples/frosting");
        var missing = Array.Find(
            restored.Output.Split('\n'),
            line => line.Contains("error NU1301", StringComparison.Ordinal)
                || (line.Contains("error NU1", StringComparison.Ordinal)
                    && line.Contains("Cake.Frosting", StringComparison.Ordinal)));
        Assert.SkipWhen(missing is not null, $"Cake.Frosting does not restore here: {missing?.Trim()}");
        Assert.True(restored.ExitCode == 0, restored.Output + restored.Errors);

        var passed = Frosting("mnist-balanced");
        var failed = Frosting("mnist-impossible");

        Assert.True(passed.ExitCode == 0, passed.Output + passed.Errors);
        Assert.Contains("mnist-balanced: Passed", passed.Output, StringComparison.Ordinal);
        Assert.NotEqual(0, failed.ExitCode);
        Assert.Contains("atu govern: the gate failed (exit code 1)", failed.Errors, StringComparison.Ordinal);
    }

    private (int ExitCode, string Output, string Errors) Sample(string policies, params string[] more)
    {
        using var cake = CakeProcess.StartScript(house.Folder, [
            "samples/cake/build.cake", $"--policies={house.At(policies)}", "--output=out", $"--atu={CakeHouse.Atu}",
            "--no-train", .. more
        ]);
        return cake.Finish();
    }

    private (int ExitCode, string Output, string Errors) Frosting(string policy) =>
        CakeProcess.Run(
            house.Folder, "dotnet", "run", "--project", "samples/frosting", "--",
            "--target=Govern", $"--policies=policies/{policy}.json", "--output=frosting-out", $"--atu={CakeHouse.Atu}",
            "--no-train");
}
