using AdaptThenUnlearn.Policies;
using static AdaptThenUnlearn.Tests.Policies.PolicyTexts;

namespace AdaptThenUnlearn.Tests.Policies;

/// <summary>Rules that only warn, or that take effect on a day, as policies write them: <c>rules</c>.</summary>
public sealed class RuleEnforcementTests
{
    [Theory]
    [InlineData("""{ "rule": "digit-8/maxRate", "severity": "warn" }""")]
    [InlineData("""{ "rule": "digit-8/maxRate", "severity": "error", "effectiveFrom": "2027-01-01" }""")]
    [InlineData("""{ "rule": "quality/minShareKept", "effectiveFrom": "2027-01-01" }""")]
    [InlineData(
        """
        { "rule": "quality/minShareKept/9", "severity": "warn" }, { "rule": "quality/minShareKept", "severity": "error" }
        """)]
    [InlineData(
        """
        { "rule": "digit-8/maxrate", "severity": "warn" }
        """,
        "ATU1007: $.rules[0].rule: 'digit-8/maxrate' is not a rule")]
    [InlineData("""{ "rule": "digit-8/maxRate" }""", "ATU1006: $.rules[0]: needs 'severity' or 'effectiveFrom', or both")]
    [InlineData(
        """
        { "rule": "digit-8/maxRate", "severity": "info" }
        """,
        "ATU1007: $.rules[0].severity: 'info' is not a severity of")]
    [InlineData(
        """
        { "rule": "digit-8/maxRate", "effectiveFrom": "1.1.2027" }
        """,
        "ATU1004: $.rules[0].effectiveFrom: must be a day")]
    [InlineData(
        """{ "rule": "digit-8/maxRate", "severity": "warn", "effectiveFrom": "2027-01-01" }""",
        "ATU1004: $.rules[0].effectiveFrom: has no effect")]
    [InlineData(
        """{ "rule": "digit-8/maxRate", "severity": "warn" }, { "rule": "digit-8/maxRate", "severity": "error" }""",
        "ATU1008: $.rules[1].rule: 'digit-8/maxRate' is already in this list")]
    [InlineData("""{ "rule": "digit-8/maxRate", "severty": "warn" }""", "(did you mean 'severity'?)")]
    public void Read_Rules_AreCheckedAtTheirPlace(string rules, string? error = null)
    {
        const string Name = "\"name\": \"no-eights\",";
        var result = PolicyReader.Read(
            Records.PolicyText.Replace(Name, $"{Name}\n\"rules\": [{rules}],", StringComparison.Ordinal), "p.json",
            Records.Vocabulary, []);

        if (error is null)
        {
            Assert.Empty(result.Errors);
            return;
        }

        Assert.Contains(result.Errors, found => found.ToString().Contains(error, StringComparison.Ordinal));
        Assert.All(result.Errors, found => Assert.Equal(4, found.Line));
    }

    [Fact]
    public void EffectiveJson_WithoutRules_IsTheTextOfBefore()
    {
        Assert.DoesNotContain("\"rules\"", Read(Full).EffectiveJson, StringComparison.Ordinal);
        var with = Read(Full, """rules=[{"rule":"digit-8/maxRate","severity":"warn"}]""");
        Assert.Contains(
            """[{"rule":"digit-8/maxRate","severity":"warn"}]""", with.EffectiveJson, StringComparison.Ordinal);
        Assert.NotEqual(CanonicalJson.Digest(Read(Full).Policy!), CanonicalJson.Digest(with.Policy!));
        Assert.Empty(MeasurementSettings.Differences(Read(Full).Policy!, with.Policy!));
    }

    [Theory]
    [InlineData(null, "2027-01-01", "2026-12-31", true)]
    [InlineData(null, "2027-01-01", "2027-01-01", false)]
    [InlineData("error", "2027-01-01", "2026-12-31", true)]
    [InlineData("error", null, "2026-12-31", false)]
    [InlineData("warn", null, "2099-12-31", true)]
    [InlineData(null, "2027-13-01", "2026-12-31", false)]
    public void OnlyWarns_OnADay_IsSoUntilTheRuleTakesEffect(string? severity, string? from, string today, bool expected) =>
        Assert.Equal(
            expected,
            new RuleEnforcement("digit-8/maxRate", severity, from).OnlyWarns(DateOnly.Parse(today, provider: null)));

    [Fact]
    public void FindLeniency_OfOneClassAndOfAll_TakesThatOfTheClass()
    {
        var policy = Records.Policy with
        {
            Rules =
            [
                new RuleEnforcement("quality/minShareKept", RuleEnforcement.Warn),
                new RuleEnforcement("quality/minShareKept/9", RuleEnforcement.Error),
            ],
        };

        Assert.Null(policy.FindLeniency(RuleName.MinShareKept("9"), Records.Today));
        Assert.NotNull(policy.FindLeniency(RuleName.MinShareKept("7"), Records.Today));
        Assert.Null(policy.FindLeniency(RuleName.MaxFrechetDistance, Records.Today));
    }
}
