using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary><c>atu sample</c> as the command of a policy: what it makes is measured, judged and verified.</summary>
public sealed class CommandSourceTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    [Fact]
    public void Govern_Command_IsMeasuredJudgedAndVerified()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the command of this test is a shell script");
        var (exitCode, _, errors) = Govern(Policy("command", "\"maxRate\": 0.6"));

        Assert.True(exitCode == 0, errors);
        var record = RunRecordFile.Read(Out("command", "run.json"));
        Assert.Equal(200, record.Before.Features[0].Looks[0].Samples);
        Assert.InRange(record.Before.Features[0].Looks[0].Hits, 20, 80);   // the classifier sees the class in about a quarter
        Assert.Equal(record.Before.GeneratorSha256, Sha256Digest.ComputeFile(Out("command", "command.command.json")));
        Assert.Equal(record.Before.GeneratorSha256, Sha256Digest.ComputeFile(Out("command", "command.json")));
        Assert.Contains(record.Inputs, input => input.Path.EndsWith("generate.sh", StringComparison.Ordinal));
        Assert.Contains("Programs run", File.ReadAllText(Out("command", "report.md")), StringComparison.Ordinal);
        var verified = Atu.Run("verify", Out("command", "run.json"));
        Assert.True(verified.ExitCode == 0, verified.Output + verified.Errors);

        // Nobody is shown what may be other images than those that were judged.
        var audit = Atu.Run("label", "--audit", house.At("out/command"), "--by", "Ada", "--train-only");
        Assert.True(audit.ExitCode != 0, audit.Output);
        Assert.Contains("nothing proves that the command still makes the images", audit.Errors, StringComparison.Ordinal);

        // The record must name each of the command's files, as it was.
        var text = File.ReadAllText(Out("command", "run.json"));
        var script = record.Inputs.Single(input => input.Path.EndsWith("generate.sh", StringComparison.Ordinal)).Sha256;
        File.WriteAllText(house.At("edited.json"), text.Replace(script, new string('a', 64), StringComparison.Ordinal));
        Assert.Contains(
            "is not the policy's command with the recorded files",
            Atu.Run("verify", house.At("edited.json"), "--readings") is var edited ? edited.Output + edited.Errors : "",
            StringComparison.Ordinal);

        // The files that the policy names are part of the generator.
        File.AppendAllText(house.At("generate.sh"), "\n# another\n");
        Assert.Equal(1, Atu.Run("verify", Out("command", "run.json")).ExitCode);
    }

    [Fact]
    public void Govern_CommandOfAGeneratorThatViolates_Fails()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the command of this test is a shell script");
        var (exitCode, _, errors) = Govern(Policy("violates", "\"maxRate\": 0.05"));

        Assert.True(exitCode == 1, errors);
        Assert.Contains("is a command, and has no weights", errors, StringComparison.Ordinal);
        Assert.True(File.Exists(Out("violates", "violates.rejected.command.json")));
    }

    [Fact]
    public void OtherCommands_Policy_NeverRunTheCommand()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the command of this test is a shell script");
        var policy = Policy("quiet", "\"maxRate\": 0.6");
        Assert.Equal(0, Govern(policy).ExitCode);
        var calls = File.ReadAllLines(house.At("calls")).Length;

        Assert.Equal(0, Atu.Run("policy", "check", policy).ExitCode);
        Assert.Equal(0, Atu.Run("verify", Out("quiet", "run.json")).ExitCode);
        Assert.Equal(0, Atu.Run("report", Out("quiet", "run.json"), "--out", house.At("reports")).ExitCode);

        Assert.Equal(calls, File.ReadAllLines(house.At("calls")).Length);
    }

    [Fact]
    public void Measure_Interrupted_EndsTheCommand()
    {
        Signals.SkipWithoutInterrupt();
        var policy = Policy("hangs", "\"maxRate\": 0.6");
        File.WriteAllText(house.At("generate.sh"), "#!/bin/bash\necho $$ > pid\nsleep 300\n");
        using var atu = Atu.Start("measure", policy);
        Assert.True(SpinWait.SpinUntil(
            () => File.Exists(house.At("pid")) && new FileInfo(house.At("pid")).Length > 0, TimeSpan.FromMinutes(5)));

        atu.Interrupt();

        Assert.Equal(130, atu.Finish().ExitCode);
        var pid = File.ReadAllText(house.At("pid")).Trim();
        Assert.True(SpinWait.SpinUntil(() => !Directory.Exists($"/proc/{pid}"), TimeSpan.FromMinutes(2)), "it is still running");
    }

    private (int ExitCode, string Output, string Errors) Govern(string policy) =>
        Atu.Run("govern", policy, "--out", house.At("out"));

    private string Out(string policy, string file) => house.At(Path.Combine("out", policy, file));

    // The images are those of `atu sample`, so the command is as real as a command gets.
    private string Policy(string name, string limits)
    {
        var host = Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet";
        File.WriteAllText(house.At("generate.sh"), $"""
            #!/bin/bash
            echo "$1" >> calls
            export OMP_NUM_THREADS=1 DOTNET_NOLOGO=1
            exec "{host}" "{Path.Combine(AppContext.BaseDirectory, "atu.dll")}" sample generator.safetensors --seed "$1" --count "$2" --images "$3"
            """.ReplaceLineEndings("\n") + "\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(
                house.At("generate.sh"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return house.Policy(
            name, limits,
            ("{ \"checkpoint\": \"generator.safetensors\" }", """
                { "command": ["./generate.sh", "{seed}", "{count}", "{out}"], "files": ["generate.sh", "generator.safetensors"],
                  "imagesPerCall": 200, "channels": "grey", "environment": ["HOME"] }
                """),
            ("\"quality\": { \"extractor\": \"auditor\", \"reference\": \"reference.safetensors\", "
                + "\"maxFrechetIncrease\": 100, \"minShareKept\": 0.1 },", ""),
            ("\"samples\": 400, \"maxSamples\": 400", "\"samples\": 200, \"maxSamples\": 200"));
    }
}
