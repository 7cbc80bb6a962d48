using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Tests.Policies;

/// <summary>The section <c>audits</c> of a policy: what it may say, and what its errors say.</summary>
public sealed class AttackLimitTests
{
    [Fact]
    public void Budget_NameOrNumbers_HasEveryNumberOfItsProfile()
    {
        var audits = Read(
            """
            { "attack": "latent-search", "maxSuccess": 0.05 },
            { "attack": "truncation", "maxSuccess": 0.05, "budget": "full", "advisory": true },
            { "attack": "same-latents", "maxSuccess": 0.05, "budget": { "profile": "full", "starts": 7 } },
            { "attack": "relearning", "maxSuccess": 0.05, "budget": { "samples": 500, "steps": 3 } }
            """).Policy!.Audits!;

        Assert.Equal(
            [
                AttackBudget.Quick, AttackBudget.Full, AttackBudget.Full with { Starts = 7 },
                AttackBudget.Quick with { Samples = 500, Steps = 3 },
            ],
            audits.Select(audit => audit.BudgetInEffect));
        Assert.Equal([false, true, false, false], audits.Select(audit => audit.IsAdvisory));
    }

    [Fact]
    public void Budget_NameAloneOrInAnObject_IsTheSamePolicy() => Assert.Equal(
        Read("""{ "attack": "truncation", "maxSuccess": 0.05, "budget": "full" }""").EffectiveJson,
        Read("""{ "attack": "truncation", "maxSuccess": 0.05, "budget": { "profile": "full" } }""").EffectiveJson);

    [Theory]
    [InlineData(
        """{ "attack": "latent-serch", "maxSuccess": 0.05 }""", "ATU1007",
        "$.audits[0].attack", "did you mean 'latent-search'?")]
    [InlineData(
        """{ "attack": "truncation" }""", "ATU1006",
        "$.audits[0].maxSuccess", "is missing")]
    [InlineData(
        """{ "attack": "truncation", "maxSuccess": 1.2 }""", "ATU1004",
        "$.audits[0].maxSuccess", "at most 1")]
    [InlineData(
        """{ "attack": "truncation", "maxSuccess": 0.1, "budget": "fast" }""", "ATU1007",
        "$.audits[0].budget.profile", "use quick or full")]
    [InlineData(
        """{ "attack": "truncation", "maxSuccess": 0.1, "budget": 5 }""", "ATU1005",
        "$.audits[0].budget", "an object, or the text of its 'profile'")]
    [InlineData(
        """{ "attack": "truncation", "maxSuccess": 0.1, "budget": { "starts": 0 } }""", "ATU1004",
        "$.audits[0].budget.starts", "at least 1")]
    [InlineData(
        """{ "attack": "truncation", "maxSuccess": 0.1, "budget": { "samples": 0 } }""", "ATU1004",
        "$.audits[0].budget.samples", "at least 1")]
    [InlineData(
        """{ "attack": "same-latents", "maxSuccess": 0.1, "budget": { "samples": -1 } }""", "ATU1004",
        "$.audits[0].budget.samples", "at least 1")]
    [InlineData(
        """{ "attack": "latent-search", "maxSuccess": 0.1, "budget": { "starts": 0 } }""", "ATU1004",
        "$.audits[0].budget.starts", "at least 1")]
    [InlineData(
        """{ "attack": "relearning", "maxSuccess": 0.1, "budget": { "steps": 0 } }""", "ATU1004",
        "$.audits[0].budget.steps", "at least 1")]
    [InlineData(
        """{ "attack": "truncation", "maxSuccess": 0.1, "budget": { "samples": 1.5 } }""", "ATU1005",
        "$.audits[0].budget.samples", "whole number")]
    [InlineData(
        """{ "attack": "truncation", "maxSuccess": 0.1, "budget": { "samples": 99999999999 } }""", "ATU1004",
        "$.audits[0].budget.samples", "to 2147483647")]
    [InlineData(
        """{ "attack": "truncation", "maxSuccess": 0.1, "budget": { "shots": 9 } }""", "ATU1002",
        "$.audits[0].budget.shots", "unknown property")]
    [InlineData(
        """{ "attack": "truncation", "maxSuccess": 0.1 }, { "attack": "truncation", "maxSuccess": 0.2 }""", "ATU1008",
        "$.audits[1].attack", "already in this list")]
    public void Audit_ThatCannotBe_IsAnErrorAtItsPlace(string audits, string code, string path, string words)
    {
        var error = Assert.Single(Read(audits).Errors);

        Assert.Equal((code, path), (error.Code, error.Path));
        Assert.Equal(Line, error.Line);
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Audit_OfAFeatureWithoutItsOwnAuditor_IsAnError()
    {
        var error = Assert.Single(Read(
            """{ "attack": "truncation", "maxSuccess": 0.1 }""", ("\"auditor\": \"auditor\", ", "")).Errors);

        Assert.Equal(("ATU1004", "$.audits[0].attack"), (error.Code, error.Path));
        Assert.Contains("'digit-8' has no auditor of its own", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Relearning_OfAProgramWithoutDiscriminator_IsAnError()
    {
        (string, string) program = ("\"g.safetensors\"", "\"g.pt\", \"format\": \"torchscript\"");
        var formats = PolicyTexts.Vocabulary with { CheckpointFormats = ["safetensors", "torchscript"] };
        const string Audit = """{ "attack": "relearning", "maxSuccess": 0.1 }""";

        var error = Assert.Single(PolicyReader.Read(Text(Audit, program), "policy.json", formats, []).Errors);

        Assert.Equal("$.audits[0].attack", error.Path);
        Assert.Contains("'generator.discriminator'", error.Message, StringComparison.Ordinal);
        program.Item2 += ", \"discriminator\": \"d.pt\"";
        Assert.Empty(PolicyReader.Read(Text(Audit, program), "policy.json", formats, []).Errors);
    }

    [Fact]
    public void Images_OfAnotherAttackOrSeveralFeatures_AreAnError()
    {
        const string Second = """
            { "name": "digit-9", "annotator": "digits", "auditor": "auditor", "class": "9", "maxRate": 0.01 },
            """;
        const string Given = """{ "attack": "truncation", "maxSuccess": 0.1, "images": "real" }""";
        var inverted = Given.Replace("truncation", "inversion", StringComparison.Ordinal);
        var known = PolicyTexts.Vocabulary with { Attacks = ["truncation", "inversion"] };

        Assert.Contains("is only for 'inversion'", Assert.Single(Read(Given).Errors).Message, StringComparison.Ordinal);
        Assert.Empty(PolicyReader.Read(Text(inverted), "policy.json", known, []).Errors);
        var several = Text(inverted, ("\"undesiredFeatures\": [", $"\"undesiredFeatures\": [{Second}"));
        var error = Assert.Single(PolicyReader.Read(several, "policy.json", known, []).Errors);
        Assert.Equal(("ATU1004", "$.audits[0].images"), (error.Code, error.Path));
    }

    // Clopper and Pearson's bound without a success: 1 − 0.05^(1/300) is 0.0099.
    [Theory]
    [InlineData(0.0101, null)]
    [InlineData(0.0098, "ATU1102")]
    [InlineData(1, "ATU1103")]
    public void MaxSuccess_ThatNothingProvesOrMisses_IsAWarning(double limit, string? code)
    {
        var read = Read(FormattableString.Invariant($$"""{ "attack": "truncation", "maxSuccess": {{limit}} }"""));

        Assert.Empty(read.Errors);
        Assert.Equal(
            code is null ? [] : new[] { (code, "$.audits[0].maxSuccess", Severity.Warning) },
            read.Warnings.Select(warning => (warning.Code, warning.Path, warning.Severity)));
    }

    [Fact]
    public void Rules_OfAnAudit_AreOnesThatWaiversMayName()
    {
        const string Audits = """
            { "attack": "truncation", "maxSuccess": 0.1 }, { "attack": "same-latents", "maxSuccess": 0.1, "advisory": true }
            """;
        var policy = Read(Audits).Policy!;

        Assert.Equal(
            ["truncation", "same-latents"],
            policy.RuleNames().Where(rule => rule.Limit is RuleLimit.MaxSuccess).Select(rule => rule.Attack));
        Assert.Null(policy.FindLeniency(RuleName.MaxSuccess("digit-8", "truncation"), new DateOnly(2026, 1, 1)));
        Assert.NotNull(policy.FindLeniency(RuleName.MaxSuccess("digit-8", "same-latents"), new DateOnly(2026, 1, 1)));
        Assert.All(["truncation", "same-latents"], attack => Assert.Empty(Read(Audits, ("\"audits\"", $$"""
            "waivers": [
              { "rule": "digit-8/maxSuccess/{{attack}}", "reason": "r", "approvedBy": "a", "expires": "2026-12-31" }
            ], "audits"
            """)).Errors));
    }

    [Fact]
    public void Rule_OfAnAdvisoryAudit_CannotBeGivenAnotherSeverity()
    {
        const string Audits = """{ "attack": "truncation", "maxSuccess": 0.1, "advisory": true }""";

        var error = Assert.Single(Read(Audits, ("\"audits\"", """
            "rules": [{ "rule": "digit-8/maxSuccess/truncation", "severity": "error" }], "audits"
            """)).Errors);

        Assert.Equal("$.rules[0].rule", error.Path);
        Assert.Contains("has no effect: the attack is 'advisory'", error.Message, StringComparison.Ordinal);
    }

    // Searches have as many attempts as starts: 24 of the profile quick, which prove 11.7 %, and 200 of full, which prove 1.49 %.
    [Theory]
    [InlineData("latent-search", "0.11", "quick", true)]
    [InlineData("latent-search", "0.12", "quick", false)]
    [InlineData("latent-search", "0.015", "full", false)]
    [InlineData("latent-search", "0.014", "full", true)]
    [InlineData("relearning", "0.011", "quick", false)]
    public void Limit_BelowWhatTheAttemptsOfItsAttackProve_IsAWarning(string attack, string limit, string budget, bool warns)
    {
        var read = Read($$"""{ "attack": "{{attack}}", "maxSuccess": {{limit}}, "budget": "{{budget}}" }""");

        Assert.Empty(read.Errors);
        Assert.Equal(warns, read.Warnings.Any(warning => warning.Code == PolicyCodes.UnprovableLimit));
    }

    [Theory]
    [InlineData("digit-8/maxSuccess/truncation")]
    [InlineData("digit-8/maxSuccess/")]
    [InlineData("quality/maxSuccess/a/b")]
    public void RuleName_OfAnAttack_ReadsBack(string text)
    {
        var rule = RuleName.Parse(text);

        Assert.Equal(RuleLimit.MaxSuccess, rule.Limit);
        Assert.Equal(text, rule.ToString());
    }

    // Readings are of other attacks where the attack or its budget differs, and not where the limit does.
    [Fact]
    public void MeasurementSettings_OfAudits_CountAttackAndBudgetAlone()
    {
        var one = Read("""{ "attack": "truncation", "maxSuccess": 0.1 }""").Policy!;

        Assert.Empty(MeasurementSettings.Differences(
            one, Read("""{ "attack": "truncation", "maxSuccess": 0.2, "advisory": true }""").Policy!));
        Assert.NotEmpty(MeasurementSettings.Differences(
            one, Read("""{ "attack": "truncation", "maxSuccess": 0.1, "budget": "full" }""").Policy!));
        Assert.NotEmpty(MeasurementSettings.Differences(
            one, Read("""{ "attack": "same-latents", "maxSuccess": 0.1 }""").Policy!));
        Assert.NotEmpty(MeasurementSettings.Differences(one, one with { Audits = null }));
    }

    [Fact]
    public void Policy_WithoutAudits_HasTheDigestThatItHadBefore() =>
        Assert.DoesNotContain("audits", Read("", ("\"audits\": [\n\n],", "")).EffectiveJson, StringComparison.Ordinal);

    private static int Line =>
        Text("", []).Split('\n').Index().First(line => line.Item.Contains("\"audits\"", StringComparison.Ordinal)).Index + 2;

    private static string Text(string audits, params (string From, string To)[] edit)
    {
        var text = PolicyTexts.Smallest.Replace(
            "\"schemaVersion\": 1,", $"\"schemaVersion\": 1,\n\"audits\": [\n{audits}\n],", StringComparison.Ordinal);
        foreach (var (from, to) in edit)
        {
            Assert.Contains(from, text, StringComparison.Ordinal);
            text = text.Replace(from, to, StringComparison.Ordinal);
        }

        return text;
    }

    private static PolicyResult Read(string audits, params (string From, string To)[] edit) =>
        PolicyReader.Read(Text(audits, edit), "policy.json", PolicyTexts.Vocabulary, []);
}
