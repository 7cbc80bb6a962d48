using System.Text.Json;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Runs;

/// <summary>From a rule to the line of its limit, also in records that nobody should trust.</summary>
public sealed class RuleLocationTests
{
    private const string Text = """
        {
          // limits of two features, one of them called like a section
          "undesiredFeatures": [
            { "name": "other", "maxRate": 0.5 },
            { "name": "quality",
              "maxRate": 0.1, "minUnlearned": 0.9 }
          ],
          "quality": {
            "maxFrechetIncrease": 0.5,
            "minShareKept": 0.25 }
        }
        """;

    [Theory]
    [InlineData("other/maxRate", 4, 35, "$.undesiredFeatures[0].maxRate")]
    [InlineData("quality/maxRate", 6, 18, "$.undesiredFeatures[1].maxRate")]
    [InlineData("quality/minUnlearned", 6, 39, "$.undesiredFeatures[1].minUnlearned")]
    [InlineData("quality/maxFrechetIncrease", 9, 27, "$.quality.maxFrechetIncrease")]
    [InlineData("quality/minShareKept/9", 10, 21, "$.quality.minShareKept")]
    // Where an argument sets it, the place is the object that lacks it.
    [InlineData("quality/maxFrechetDistance", 8, 14, "$.quality.maxFrechetDistance")]
    [InlineData("nothing/of/the/kind", 1, 1, "$")]
    public void Find_Rule_IsThePlaceOfItsLimit(string rule, int line, int column, string path) =>
        Assert.Equal(new RuleLocation("../policy.json", path, line, column), RuleLocation.Find(Run(Text), RuleName.Parse(rule)));

    [Theory]
    [InlineData("quality/maxRate", RuleLimit.MaxRate, "quality")]
    [InlineData("quality/minUnlearned", RuleLimit.MinUnlearned, "quality")]
    [InlineData("quality/maxFrechetDistance", RuleLimit.MaxFrechetDistance, null)]
    [InlineData("quality/maxFrechetIncrease", RuleLimit.MaxFrechetIncrease, null)]
    [InlineData("quality/minShareKept", RuleLimit.MinShareKept, null)]
    [InlineData("quality/minShareKept/maxRate", RuleLimit.MinShareKept, "maxRate")]
    [InlineData("quality/minShareKept/a/minUnlearned", RuleLimit.MinShareKept, "a/minUnlearned")]
    [InlineData("other/maxFrechetDistance", RuleLimit.Unknown, "other/maxFrechetDistance")]
    [InlineData("other/maximum/more", RuleLimit.Unknown, "other/maximum/more")]
    [InlineData("", RuleLimit.Unknown, "")]
    public void RuleName_AnyText_IsTakenApartByItsStructure(string rule, RuleLimit limit, string? subject)
    {
        var name = RuleName.Parse(rule);

        Assert.Equal(new RuleName(limit, subject), name);
        Assert.Equal(rule, name.ToString());
    }

    [Theory]
    [InlineData("quality/maxRate")]
    [InlineData("quality/minShareKept/a/minUnlearned")]
    [InlineData("not a rule \u001b/</script>")]
    [InlineData("")]
    public void RuleName_AsJson_IsItsText(string rule)
    {
        var name = RuleName.Parse(rule);

        Assert.Equal(JsonSerializer.Serialize(rule), JsonSerializer.Serialize(name));
        Assert.Equal(name, JsonSerializer.Deserialize<RuleName>(JsonSerializer.Serialize(name)));
        Assert.Equal("", default(RuleName).ToString());
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<RuleName>("7"));
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<RuleName>("null"));
    }

    [Fact]
    public void FindWaiver_OneOfSeveral_IsItsOwnPlace()
    {
        const string Waivers = """
            { "waivers": [ { "rule": "a/maxRate" },
              { "rule": "b/maxRate" } ] }
            """;
        Waiver first = new("a/maxRate", "r", "a", "2026-12-31"), second = first with { Rule = "b/maxRate" };
        var policy = Records.Policy with { Waivers = [first, second] };

        Assert.Equal(
            new RuleLocation("p.json", "$.waivers[1]", 2, 3), RuleLocation.FindWaiver(policy, "p.json", Waivers, second));
        Assert.Equal(
            new RuleLocation("p.json", "$", 1, 1), RuleLocation.FindWaiver(policy, "p.json", Waivers, first with { Rule = "c" }));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{ \"undesired")]
    public void Find_TextThatIsNoPolicy_IsTheFile(string text) =>
        Assert.Equal(
            new RuleLocation("../policy.json", "$.undesiredFeatures[0].maxRate", 1, 1),
            RuleLocation.Find(Run(text), RuleName.MaxRate("other")));

    private static RunRecord Run(string text)
    {
        UndesiredFeature Named(string name) => Records.Policy.UndesiredFeatures[0] with { Name = name };
        var run = Records.Run(policy: Records.Policy with { UndesiredFeatures = [Named("other"), Named("quality")] });
        return run with { PolicySource = run.PolicySource with { Text = text } };
    }
}
