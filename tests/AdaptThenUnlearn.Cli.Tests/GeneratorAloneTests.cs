using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Checkpoints;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>A checkpoint that holds a generator and nothing else, from the policy to the artifact.</summary>
public sealed class GeneratorAloneTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    private static readonly (string, string)[] _quick =
    [
        ("\"generator.safetensors\"", "\"no-discriminator.safetensors\""),
        ("\"steps\": 40, \"recoverySteps\": 10", "\"steps\": 8, \"recoverySteps\": 2, \"discriminatorWarmUp\": { \"steps\": 6 }"),
        ("\"candidateEvery\": 10, \"candidateSamples\": 200", "\"candidateEvery\": 4, \"candidateSamples\": 100"),
        ("\"steps\": 20, \"fisherSamples\"", "\"steps\": 3, \"fisherSamples\""),
    ];

    [Theory]
    [InlineData("default")]
    [InlineData("paper")]           // path length and style mixing too
    [InlineData("fine-tune")]
    [InlineData("extrapolation")]
    public void Govern_LimitNotMet_WarmsOneUpSaysSoAndGivesTheGeneratorAloneBack(string kind)
    {
        var choice = kind is "default" or "paper" ? $"\"preset\": \"{kind}\"" : $"\"method\": \"{kind}\"";
        var policy = house.Policy(kind, edit: [.. _quick, (
            "\"unlearning\": {",
            $"\"report\": {{ \"formats\": [\"json\", \"markdown\", \"html\"] }},\n  \"unlearning\": {{ {choice},")]);
        var (exitCode, _, errors) = Govern(policy);

        Assert.True(exitCode == 1, errors);
        Assert.Contains("discriminator-warm-up 6/6", errors, StringComparison.Ordinal);
        var record = RunRecordFile.Read(Out(kind, "run.json"));
        Assert.Equal(new WarmedUpDiscriminator(Steps: 6, Samples: 24), record.Training!.DiscriminatorWarmUp);
        Assert.True(record.Times.Stages.Single(stage => stage.Stage == "discriminator-warm-up").Seconds > 0);
        foreach (var report in (string[])["report.md", "report.html"])
            Assert.Contains(
                "one was warmed up in 6 steps on 24 of the generator",
                File.ReadAllText(Out(kind, report)),
                StringComparison.Ordinal);
        Assert.Equal(Names(house.At("no-discriminator.safetensors")), Names(Out(kind, kind + ".rejected.safetensors")));
        Assert.Equal(1, Atu.Run("verify", Out(kind, "run.json")).ExitCode);
    }

    [Fact]
    public void Govern_AlreadyCompliant_WarmsNothingUp()
    {
        var (exitCode, _, errors) = Govern(house.Policy("lenient", "\"maxRate\": 0.9", _quick));

        Assert.Equal(0, exitCode);
        Assert.DoesNotContain("warm", errors, StringComparison.Ordinal);
        Assert.DoesNotContain("warm", File.ReadAllText(Out("lenient", "report.md")), StringComparison.Ordinal);
        Assert.Equal(
            File.ReadAllBytes(house.At("no-discriminator.safetensors")),
            File.ReadAllBytes(Out("lenient", "lenient.safetensors")));
    }

    [Fact]
    public void Govern_KilledInTheWarmUpAndResumed_GivesTheSameArtifactAndCountsTheTimeOfBoth()
    {
        var policy = house.Policy(
            "killed",
            edit: [.. _quick, ("\"discriminatorWarmUp\": { \"steps\": 6 }", "\"discriminatorWarmUp\": { \"steps\": 200 }")]);
        Govern(policy, "--out", house.At("whole"));
        var folder = house.At("killed-out");
        var state = Path.Combine(folder, "killed", "state", "discriminator-warm-up.safetensors");
        for (var tries = 1; !KilledInTime(); tries++)
        {
            Assert.True(tries < 5, "it ended each time before it could be killed");
            Directory.Delete(folder, recursive: true);
        }

        var (_, _, errors) = Govern(policy, "--resume", "--out", folder);

        Assert.DoesNotContain("discriminator-warm-up 1/200", errors, StringComparison.Ordinal);
        Assert.Equal(
            File.ReadAllBytes(house.At("whole/killed/killed.rejected.safetensors")),
            File.ReadAllBytes(Path.Combine(folder, "killed", "killed.rejected.safetensors")));
        Assert.False(Directory.Exists(Path.GetDirectoryName(state)));

        bool KilledInTime()
        {
            using var atu = Atu.Start("govern", policy, "--out", folder, "--threads", "1");
            while (!atu.HasExited && !File.Exists(state))
                Thread.Sleep(1);
            atu.Kill();
            return atu.Finish().ExitCode != 0
                && File.Exists(state)
                && !File.Exists(Path.Combine(folder, "killed", "state", "adaptation-1.safetensors"));
        }
    }

    [Fact]
    public void PolicyCheck_GeneratorAlone_SaysWhatIsMissingAndWhatWillBeDone()
    {
        var (exitCode, output, errors) = Atu.Run("policy", "check", house.Policy("checked", edit: _quick));

        Assert.Equal(0, exitCode);
        Assert.Contains("a valid policy", output, StringComparison.Ordinal);
        Assert.Contains(
            "has no discriminator. If training is needed, one is first warmed up in 6 steps",
            errors,
            StringComparison.Ordinal);
        Assert.DoesNotContain(
            "discriminator", Atu.Run("policy", "check", house.Policy("whole")).Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("discriminator", Atu.Run("policy", "check", house.Policy("nowhere", edit: (
            "\"generator.safetensors\"", "\"nowhere.safetensors\""))).Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Inspect_GeneratorAlone_SaysThatOneWillBeWarmedUp()
    {
        Assert.Contains(
            "warms up a discriminator",
            Atu.Run("inspect", house.At("no-discriminator.safetensors")).Output,
            StringComparison.Ordinal);
        Assert.DoesNotContain("warms up", Atu.Run("inspect", house.At("generator.safetensors")).Output, StringComparison.Ordinal);
        Assert.DoesNotContain("warms up", Atu.Run("inspect", house.At("auditor.safetensors")).Output, StringComparison.Ordinal);
    }

    private (int ExitCode, string Output, string Errors) Govern(string policy, params string[] more) =>
        Atu.Run(["govern", policy, "--threads", "1", .. more, .. more.Contains("--out")
            ? Array.Empty<string>()
            : ["--out", house.At("out")]]);

    private static string[] Names(string checkpoint) =>
        [.. CheckpointFormats.Read(checkpoint).Tensors.Select(tensor => tensor.Name)];

    private string Out(string policy, string file) => Path.Combine(house.At("out"), policy, file);
}
