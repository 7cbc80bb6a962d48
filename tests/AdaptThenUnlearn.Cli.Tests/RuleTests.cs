using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>Rules that only warn and rules that compare with the last accepted run.</summary>
public sealed class RuleTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    [Fact]
    public void Govern_BrokenRuleThatTakesEffectLater_WarnsAtItsLimitTrainsNothingAndPasses()
    {
        var policy = house.Policy(
            "later", edit: [(
                "\"evaluation\"",
                "\"rules\": [{ \"rule\": \"ban/maxRate\", \"effectiveFrom\": \"2999-01-01\" }], \"evaluation\"")]);
        // Only the shares can fail, and without training they do not apply.
        File.WriteAllText(
            policy, File.ReadAllText(policy).Replace(
                "\"maxFrechetIncrease\": 100", "\"maxFrechetDistance\": 1000000", StringComparison.Ordinal));

        var (exitCode, output, errors) = Govern(policy);

        Assert.True(exitCode == 0, $"{exitCode}: {output}{errors}");
        var column = File.ReadAllLines(policy)[9].IndexOf("0.001", StringComparison.Ordinal) + 1;
        Assert.Contains($"{policy}(10,{column}): warning ATU3010: warned ban/maxRate: ", errors, StringComparison.Ordinal);
        Assert.Contains("; it only warns until it takes effect on 2999-01-01", errors, StringComparison.Ordinal);
        Assert.Contains("later: Passed with warnings; evidence in", output, StringComparison.Ordinal);
        var record = RunRecordFile.Read(Out("later", "run.json"));
        Assert.Null(record.Training);
        Assert.Equal(OutputRoles.Artifact, record.Outputs[0].Role);
        var (verified, again, repeated) = Atu.Run("verify", Out("later", "run.json"));
        Assert.Equal(0, verified);
        Assert.Contains("the record is valid: Passed with warnings", again, StringComparison.Ordinal);
        Assert.Contains("warning ATU3010: warned ban/maxRate: ", repeated, StringComparison.Ordinal);
    }

    [Fact]
    public void Govern_EveryRuleOnlyWarns_SaysThatNothingWasEnforced()
    {
        const string Rules = """
            "rules": [
              { "rule": "ban/maxRate", "severity": "warn" }, { "rule": "quality/maxFrechetIncrease", "severity": "warn" },
              { "rule": "quality/minShareKept", "severity": "warn" }
            ],
            """;
        var policy = house.Policy("soft", edit: [("\"evaluation\"", Rules + "\"evaluation\"")]);

        var (exitCode, output, errors) = Govern(policy);

        Assert.True(exitCode == 0, errors);
        Assert.Contains("soft: Not enforced; evidence in", output, StringComparison.Ordinal);
        Assert.Contains("warning ATU3002: Nothing was enforced: ", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Govern_Ratchet_PassesTheSameAndFailsTheWorse()
    {
        var policy = house.Policy("ratchet", "\"maxRate\": 0.9");
        Assert.Equal(0, Govern(policy).ExitCode);
        File.Copy(Out("ratchet", "run.json"), house.At("accepted.json"), overwrite: true);

        var (exitCode, _, errors) = Govern(policy, "--ratchet", house.At("accepted.json"));
        Assert.True(exitCode == 0, errors);
        var record = RunRecordFile.Read(Out("ratchet", "run.json"));
        Assert.Equal(Files.Sha256Digest.FindAt(house.At("accepted.json")), record.Baseline!.Sha256);
        Assert.Equal(
            FindingState.Passed,
            record.Verdict.Findings.Single(finding => finding.Rule.ToString() == "ban/noWorseThanBaseline").State);
        Assert.Equal(0, Atu.Run("verify", Out("ratchet", "run.json")).ExitCode);
        Assert.Contains("`ban/noWorseThanBaseline`", File.ReadAllText(Out("ratchet", "report.md")), StringComparison.Ordinal);
        Assert.Contains(
            "nothing has changed", Govern(policy, "--ratchet", house.At("accepted.json")).Errors, StringComparison.Ordinal);

        // The file belongs to the evidence.
        File.AppendAllText(house.At("accepted.json"), " ");
        Assert.Contains(
            "baseline ../../accepted.json has changed", Atu.Run("verify", Out("ratchet", "run.json")).Errors,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Govern_RatchetThatThePolicyAsksFor_FailsWithoutABaseline()
    {
        var policy = house.Policy("asked", "\"maxRate\": 0.9", ("\"evaluation\"", "\"ratchet\": true, \"evaluation\""));

        var (exitCode, output, errors) = Govern(policy);

        Assert.Equal(1, exitCode);
        Assert.Contains("asked: Failed (not measured)", output, StringComparison.Ordinal);
        Assert.Contains(
            "error ATU3001: not measured ban/noWorseThanBaseline: must be no worse (no accepted run was given", errors,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Govern_RecordThatCannotBeTheBaseline_IsRefusedBeforeAnythingIsMeasured()
    {
        var (strict, lenient) = (house.Policy("strict-one"), house.Policy("lenient-one", "\"maxRate\": 0.9"));
        Assert.Equal(1, Govern(strict, "--no-train").ExitCode);
        Assert.Equal(0, Govern(lenient).ExitCode);
        File.Copy(Out("strict-one", "run.json"), house.At("failed.json"), overwrite: true);
        File.Copy(Out("lenient-one", "run.json"), house.At("other.json"), overwrite: true);

        var failed = Govern(strict, "--ratchet", house.At("failed.json"));
        Assert.Equal(2, failed.ExitCode);
        Assert.Contains("its generator may not be released", failed.Errors, StringComparison.Ordinal);
        var other = Govern(strict, "--ratchet", house.At("other.json"));
        Assert.Equal(2, other.ExitCode);
        Assert.Contains(
            "--ratchet has no record of the policy 'strict-one', only of 'lenient-one'", other.Errors, StringComparison.Ordinal);
        Assert.Equal(2, Govern(strict, "--audit", "a.json", "--ratchet", house.At("other.json")).ExitCode);
    }

    [Fact]
    public void Govern_PolicyThatBuildsOnAnother_IsHeldToItAndVerified()
    {
        house.Policy("base", "\"maxRate\": 0.9");
        var policy = house.At("child.json");
        void Write(string maxRate) => File.WriteAllText(policy, $$"""
            {
              "name": "child",
              "extends": { "policy": "base.json", "sha256": "{{Files.Sha256Digest.FindAt(house.At("base.json"))}}" },
              "undesiredFeatures": [
                { "name": "ban", "maxRate": {{maxRate}} }
              ]
            }
            """);

        Write("0.95");
        var loosened = Govern(policy);
        Assert.Equal(2, loosened.ExitCode);
        Assert.Contains(
            $"{policy}(5,33): error ATU1150: $.undesiredFeatures[0].maxRate: must be at most 0.9, as in the base "
                + "policy, but is 0.95",
            loosened.Errors, StringComparison.Ordinal);

        Write("0.85");
        Assert.Equal(2, Govern(policy, "--set", "evaluation.samples=200").ExitCode);
        var (exitCode, _, errors) = Govern(policy);
        Assert.True(exitCode == 0, errors);
        var record = RunRecordFile.Read(Out("child", "run.json"));
        Assert.Equal((0.85, 400), (record.Policy.UndesiredFeatures[0].MaxRate, record.Policy.Evaluation.Samples));
        Assert.Equal(File.ReadAllText(house.At("base.json")), Assert.Single(record.PolicySource.Bases!).Text);
        Assert.Equal(0, Atu.Run("verify", Out("child", "run.json")).ExitCode);
        Assert.Contains(
            "\"maxFrechetIncrease\":100", Atu.Run("policy", "check", policy, "--effective").Output, StringComparison.Ordinal);
        Assert.Contains("nothing has changed", Govern(policy).Errors, StringComparison.Ordinal);

        // The pin holds: another base is another policy, which somebody must look at.
        File.AppendAllText(house.At("base.json"), "\n");
        var changed = Govern(policy);
        Assert.Equal(2, changed.ExitCode);
        Assert.Contains(
            $"error ATU1151: $.extends.sha256: is not the digest of {house.At("base.json")}, which is "
                + Files.Sha256Digest.FindAt(house.At("base.json")),
            changed.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Govern_PolicyOfAPackage_IsReadFromWhereNuGetRestoresIt()
    {
        var packages = new Dictionary<string, string> { [Files.PackagePath.FolderVariable] = house.At("packages") };
        var folder = Directory.CreateDirectory(house.At("packages/contoso.policies/1.2.0")).FullName;
        house.Policy("packaged", "\"maxRate\": 0.9");
        var text = File.ReadAllText(house.At("packaged.json"))
            .Replace("\"auditor.safetensors\"", "\"models/auditor.safetensors\"", StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(folder, "base.json"), text);
        var policy = house.At("of-package.json");
        File.WriteAllText(policy, $$"""
            {
              "name": "of-package",
              "extends": {
                "policy": "nuget:Contoso.Policies/1.2.0/base.json", "sha256": "{{Files.Sha256Digest.Compute(text)}}"
              },
              "generator": { "checkpoint": "generator.safetensors" }
            }
            """);

        // The package has the base, and not yet the auditor that it names.
        foreach (var file in new[] { "annotator.safetensors", "reference.safetensors" })
            File.Copy(house.At(file), Path.Combine(folder, file));
        Assert.Equal(3, GovernWith(packages).ExitCode);
        Directory.CreateDirectory(Path.Combine(folder, "models"));
        File.Copy(house.At("auditor.safetensors"), Path.Combine(folder, "models", "auditor.safetensors"));
        var (exitCode, _, errors) = GovernWith(packages);
        Assert.True(exitCode == 0, errors);
        var record = RunRecordFile.Read(Out("of-package", "run.json"));
        Assert.Contains(
            "nuget:Contoso.Policies/1.2.0/models/auditor.safetensors",
            record.Policy.Classifiers.Values.Select(classifier => classifier.Checkpoint));
        Assert.Equal(0, Atu.Run("verify", Out("of-package", "run.json")).ExitCode);

        var missing = GovernWith(new Dictionary<string, string> { [Files.PackagePath.FolderVariable] = house.At("none") });
        Assert.Equal(2, missing.ExitCode);
        Assert.Contains(
            $"$.extends.policy: cannot be read: the package Contoso.Policies 1.2.0 is not in {house.At("none")}",
            missing.Errors, StringComparison.Ordinal);

        (int ExitCode, string Output, string Errors) GovernWith(IReadOnlyDictionary<string, string> variables)
        {
            using var atu = Atu.StartWith(
                variables, "govern", policy, "--threads", "1", "--no-train", "--out", house.At("out"));
            return atu.Finish();
        }
    }

    private (int ExitCode, string Output, string Errors) Govern(string policy, params string[] more) =>
        Atu.Run(["govern", policy, "--threads", "1", "--out", house.At("out"), .. more]);

    private string Out(string policy, string file) => Path.Combine(house.At("out"), policy, file);
}
