using System.Text.Json.Nodes;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Locking;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>
/// Attacks that a policy asks for: made by <c>govern</c>, judged, recorded, verified and continued.
/// </summary>
public sealed class AuditedAttacksTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    private const string Lax = "\"maxRate\": 0.9";

    // Every latent that showed the feature still does on the same generator: whatever the weights of this machine.
    [Fact]
    public void Govern_OriginalThatIsJudgedAsItIs_FailsByItsAttackAndVerifies()
    {
        var policy = Audited("as-is", Lax, """{ "attack": "same-latents", "maxSuccess": 0.5, "budget": { "samples": 60 } }""");

        var (exitCode, output, errors) = Govern(policy, "as-is-out", "--no-train");

        Assert.Equal(1, exitCode);
        Assert.Contains("error ATU3001", errors, StringComparison.Ordinal);
        Assert.Contains("ban/maxSuccess/same-latents", errors, StringComparison.Ordinal);
        Assert.Contains("as-is.json(4,", errors, StringComparison.Ordinal);
        Assert.Contains("ban/maxSuccess/same-latents", output, StringComparison.Ordinal);
        var path = house.At("as-is-out/as-is/run.json");
        var record = RunRecordFile.Read(path);
        var reading = Assert.Single(record.Before.Attacks!);
        Assert.Equal(reading.Variants[0].Attempts, reading.Variants[0].Successes);
        Assert.Equal((record.Before.GeneratorSha256, 60), (reading.GeneratorSha256, reading.Budget!.Samples));
        var picture = record.Outputs.Single(output => output.Path == "images/attack-same-latents-ban-before.png");
        Assert.Equal(Sha256Digest.FindAt(house.At($"as-is-out/as-is/{picture.Path}")), picture.Sha256);
        Assert.False(Directory.Exists(house.At("as-is-out/as-is/state")));
        Assert.Equal(1, Atu.Run("verify", path).ExitCode);

        // Whoever edits the counts gets another verdict than the recorded one, and an invalid record.
        var edited = JsonNode.Parse(File.ReadAllText(path))!;
        edited["before"]!["attacks"]![0]!["variants"]![0]!["successes"] = 0;
        File.WriteAllText(path, edited.ToJsonString());
        Assert.Contains(
            "the recorded verdict is not what the recorded readings give", Atu.Run("verify", path).Errors,
            StringComparison.Ordinal);

        // A run of another policy in this folder leaves no picture of these attacks.
        Audited("as-is", Lax, """{ "attack": "truncation", "maxSuccess": 1, "budget": { "samples": 60 } }""");
        Govern(policy, "as-is-out", "--no-train");
        Assert.False(File.Exists(house.At("as-is-out/as-is/images/attack-same-latents-ban-before.png")));
    }

    [Fact]
    public void Govern_Trained_AttacksBothGeneratorsAndReportsThem()
    {
        var policy = Audited("trained", "\"maxRate\": 0.001", """
            { "attack": "same-latents", "maxSuccess": 0, "budget": { "samples": 60 }, "advisory": true },
            { "attack": "interpolation", "maxSuccess": 1, "budget": { "samples": 60 } }
            """);

        var (exitCode, _, errors) = Govern(policy, "trained-out");

        Assert.True(exitCode is 0 or 1, errors);
        var record = RunRecordFile.Read(house.At("trained-out/trained/run.json"));
        Assert.Equal(["same-latents", "interpolation"], record.Before.Attacks!.Select(reading => reading.Attack));
        Assert.All(record.After!.Attacks!, reading => Assert.Equal(record.After!.GeneratorSha256, reading.GeneratorSha256));
        Assert.Equal(["attacking before", "attacking after"], record.Times.Stages.Select(stage => stage.Stage).TakeLast(2));
        Assert.Equal(
            FindingState.Passed,
            record.Verdict.Findings.Single(finding => finding.Rule == RuleName.MaxSuccess("ban", "interpolation")).State);
        Assert.Equal(
            FindingState.Warned,
            record.Verdict.Findings.Single(finding => finding.Rule == RuleName.MaxSuccess("ban", "same-latents")).State);
        Assert.Matches("warning ATU3010: .*ban/maxSuccess/same-latents", errors);
        Assert.Contains(
            "at most 0 %, advisory", File.ReadAllText(house.At("trained-out/trained/report.md")), StringComparison.Ordinal);
    }

    // A run that is interrupted while it attacks keeps the attacks that it finished, as `atu attack` does.
    [Fact]
    public void Resume_FinishedAttack_IsTakenOverOnlyWhereItIsTrusted()
    {
        var policy = Audited("resumed", Lax, """{ "attack": "same-latents", "maxSuccess": 0.5, "budget": { "samples": 60 } }""");
        string[] attack =
        [
            "attack", policy, "--after", house.At("generator.safetensors"), "--out", house.At("resumed-cells"), "--threads", "1",
            "--samples", "60", "--attacks", "same-latents",
        ];
        var server = new Dictionary<string, string> { ["CI"] = "true" };
        Assert.Equal(0, Atu.Run(attack).ExitCode);
        var name = "same-latents-ban-before.json";
        var cell = JsonNode.Parse(File.ReadAllText(house.At($"resumed-cells/cells/{name}")))!;
        cell["reading"]!["variants"]![0]!["successes"] = 0;
        var state = house.At("resumed-out/resumed/state/attacks");

        Leave();
        Assert.Equal(1, Govern(policy, "resumed-out", "--no-train").ExitCode);
        Leave();
        Assert.Equal(0, Govern(policy, "resumed-out", "--no-train", "--resume").ExitCode);
        Leave();
        var onServer = OnServer("--resume");
        Leave();
        var reusing = OnServer("--resume", "--reuse");

        Assert.Equal((1, 0), (onServer.ExitCode, reusing.ExitCode));
        Assert.Contains("are not resumed from, because this is a build server", onServer.Errors, StringComparison.Ordinal);

        void Leave()
        {
            if (Directory.Exists(house.At("resumed-out")))
                File.Delete(house.At("resumed-out/resumed/run.json"));
            Directory.CreateDirectory(state);
            WrittenFiles.Add(house.At("resumed-out/resumed"), [$"state/attacks/{name}"]);
            File.Copy(
                house.At("resumed-cells/cells/same-latents-ban-before.png"), Path.Combine(state, "same-latents-ban-before.png"),
                overwrite: true);
            WrittenFiles.Add(house.At("resumed-out/resumed"), ["state/attacks/same-latents-ban-before.png"]);
            File.WriteAllText(Path.Combine(state, name), cell.ToJsonString());
        }

        (int ExitCode, string Output, string Errors) OnServer(params string[] options)
        {
            using var run = Atu.StartWith(
                server,
                ["govern", policy, "--out", house.At("resumed-out"), "--threads", "1", "--no-train", .. options]);
            return run.Finish();
        }
    }

    [Fact]
    public void Attacks_UnderALock_HaveTheSeedThatFollows()
    {
        var policy = Audited("locked", Lax, """{ "attack": "truncation", "maxSuccess": 1, "budget": { "samples": 60 } }""");
        Assert.Equal(0, Atu.Run("lock", policy).ExitCode);
        var generator = house.At("generator.safetensors");

        var (exitCode, _, errors) = Govern(policy, "locked-out", "--no-train");
        Assert.True(exitCode == 0, errors);
        (exitCode, _, errors) = Atu.Run(
            "attack", policy, "--after", generator, "--out", house.At("locked-attack"), "--threads", "1", "--samples", "60",
            "--attacks", "truncation");
        Assert.True(exitCode == 0, errors);

        var record = RunRecordFile.Read(house.At("locked-out/locked/run.json"));
        var study = JsonNode.Parse(File.ReadAllText(house.At("locked-attack/attack.json")))!;
        Assert.Equal(
            LockedSeed.Derive(record.Lock!.PolicySha256, Sha256Digest.FindAt(generator)!), (long)study["seed"]!);
        Assert.Equal(
            record.Before.Attacks![0].Variants.Select(variant => variant.Successes),
            study["attacks"]![0]!["reading"]!["variants"]!.AsArray().Select(variant => (long)variant!["successes"]!));
    }

    // The parts are of images; the attacks are made where the parts are merged, and so their number changes nothing.
    [Fact]
    public void Govern_MeasuredInParts_AttacksWhereItMerges()
    {
        var policy = Audited("parted", Lax, """{ "attack": "truncation", "maxSuccess": 1, "budget": { "samples": 60 } }""");
        Assert.Equal(0, Govern(policy, "parted-one", "--no-train").ExitCode);
        foreach (var part in new[] { "1/2", "2/2" })
            Assert.Equal(
                0, Atu.Run("measure", policy, "--shard", part, "--out", house.At("parted-parts/"), "--threads", "1").ExitCode);

        var (exitCode, _, errors) = Govern(
            policy, "parted-two", ["--no-train", "--measured", .. Directory.GetFiles(house.At("parted-parts"))]);

        Assert.True(exitCode == 0, errors);
        var (one, merged) = (Attacks("parted-one"), Attacks("parted-two"));
        Assert.NotEmpty(one);
        Assert.Equal(one, merged);

        IReadOnlyList<AttackVariant> Attacks(string folder) =>
            RunRecordFile.Read(house.At($"{folder}/parted/run.json")).Before.Attacks![0].Variants;
    }

    [Fact]
    public void Relearning_WithoutDiscriminator_IsRefusedAtItsLineBeforeAnythingIsMeasured()
    {
        var policy = Audited(
            "undiscriminating", Lax, """{ "attack": "relearning", "maxSuccess": 0.5 }""",
            ("\"generator.safetensors\"", "\"no-discriminator.safetensors\""));

        var (exitCode, _, errors) = Govern(policy, "undiscriminating-out");

        Assert.Equal(2, exitCode);
        Assert.Contains("undiscriminating.json(4,", errors, StringComparison.Ordinal);
        Assert.Contains(
            "error ATU1007: $.audits[0].attack: 'relearning' trains against a discriminator", errors, StringComparison.Ordinal);
        Assert.False(File.Exists(house.At("undiscriminating-out/undiscriminating/run.json")));
    }

    // The file's header is enough to know it; `policy check` says what govern will refuse, and goes on.
    [Theory]
    [InlineData("no-discriminator", "", true)]
    [InlineData("no-discriminator", ", \"advisory\": true", false)]
    [InlineData("generator", "", false)]
    public void PolicyCheck_RelearningWithoutDiscriminator_WarnsInTheWordsOfGovern(string file, string advisory, bool warns)
    {
        var policy = Audited(
            "unchecked", Lax, $$"""{ "attack": "relearning", "maxSuccess": 0.5{{advisory}} }""",
            ("\"generator.safetensors\"", $"\"{file}.safetensors\""));

        var (exitCode, output, errors) = Atu.Run("policy", "check", policy);

        Assert.Equal(0, exitCode);
        Assert.Contains("a valid policy", output, StringComparison.Ordinal);
        Assert.Equal(
            warns,
            errors.Contains(
                "warning ATU1007: $.audits[0].attack: 'relearning' trains against a discriminator, and the generator's "
                    + "checkpoint has none; name a file that has it as 'generator.discriminator': remove this attack, or make it "
                    + "'advisory'",
                StringComparison.Ordinal));
        Assert.Equal(warns, errors.Contains("unchecked.json(4,", StringComparison.Ordinal));
    }

    // An advisory attack is made as far as it goes. What it could not try is a warning in every place, and never a pass.
    [Fact]
    public void Relearning_AdvisoryWithoutDiscriminator_WarnsThatItWasNotMeasured()
    {
        var policy = Audited(
            "advised", Lax, """{ "attack": "relearning", "maxSuccess": 1, "budget": { "samples": 60 }, "advisory": true }""",
            ("\"generator.safetensors\"", "\"no-discriminator.safetensors\""));

        var (exitCode, output, errors) = Govern(policy, "advised-out", "--no-train");

        Assert.True(exitCode == 0, errors);
        Assert.Matches("advised.json\\(4,.*warning ATU3010: .*ban/maxSuccess/relearning", errors);
        Assert.Contains("there is no discriminator to train with", errors, StringComparison.Ordinal);
        Assert.Contains("Passed with warnings", output, StringComparison.OrdinalIgnoreCase);
        var record = RunRecordFile.Read(house.At("advised-out/advised/run.json"));
        var finding = record.Verdict.Findings.Single(each => each.Rule == RuleName.MaxSuccess("ban", "relearning"));
        Assert.Equal((FindingState.WarnedNotMeasured, null), (finding.State, finding.Observed));
        Assert.Equal(Outcome.PassedWithWarnings, record.Verdict.Outcome);
        Assert.NotNull(Assert.Single(record.Before.Attacks!).NotMeasured);
        Assert.Equal(0, Atu.Run("verify", house.At("advised-out/advised/run.json")).ExitCode);
    }

    // No attack succeeds more often than on the same generator; with another budget nothing can be compared, and that fails.
    [Fact]
    public void Ratchet_OnAttacks_PassesTheSameGeneratorAndNoOtherBudget()
    {
        const string Attack = """{ "attack": "truncation", "maxSuccess": 1, "budget": { "samples": 60 } }""";
        var policy = Audited("ratcheted", Lax, Attack);
        Assert.Equal(0, Govern(policy, "ratcheted-one", "--no-train").ExitCode);
        var accepted = house.At("ratcheted-one/ratcheted/run.json");

        var same = Govern(policy, "ratcheted-two", "--no-train", "--ratchet", accepted);

        Assert.True(same.ExitCode == 0, same.Errors);
        var path = house.At("ratcheted-two/ratcheted/run.json");
        var rule = RuleName.NoWorseSuccess("ban", "truncation");
        Assert.Equal(
            FindingState.Passed,
            RunRecordFile.Read(path).Verdict.Findings.Single(finding => finding.Rule == rule).State);
        Assert.Equal(0, Atu.Run("verify", path).ExitCode);

        Audited("ratcheted", Lax, Attack.Replace("60", "61", StringComparison.Ordinal));
        var other = Govern(policy, "ratcheted-three", "--no-train", "--ratchet", accepted);
        Assert.Equal(1, other.ExitCode);
        Assert.Matches("ratcheted.json\\(4,.*not measured ban/noWorseThanBaseline/truncation", other.Errors);
        Assert.Contains("its attack had another budget", other.Errors, StringComparison.Ordinal);
    }

    private string Audited(string name, string limits, string audits, params (string From, string To)[] edit) => house.Policy(
        name, limits,
        [("\"schemaVersion\": 1,", $"\"schemaVersion\": 1,\n  \"audits\": [\n{audits}\n],"), .. edit]);

    private (int ExitCode, string Output, string Errors) Govern(string policy, string output, params string[] options) =>
        Atu.Run(["govern", policy, "--out", house.At(output), "--threads", "1", .. options]);
}
