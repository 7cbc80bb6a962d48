using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Tests.Policies;

/// <summary>From a rule back to its line in the policy.</summary>
public sealed class RulePlaceTests
{
    [Theory]
    [InlineData("digit-8/maxRate", "$.undesiredFeatures[0].maxRate", 10)]
    [InlineData("digit-8/minUnlearned", "$.undesiredFeatures[0].minUnlearned", 10)]
    [InlineData("quality/maxFrechetDistance", "$.quality.maxFrechetDistance", 12)]
    [InlineData("quality/minShareKept/a/b", "$.quality.minShareKept", 12)]
    [InlineData("gone/maxRate", "$.quality.maxRate", 12)]
    public void Locate_EachRule_IsTheLineOfItsLimit(string rule, string path, int line)
    {
        Assert.Equal(path, RulePlace.PathOf(Records.Policy, rule));
        Assert.Equal(line, RulePlace.Locate(Records.Policy, Records.PolicyText, rule).Line);
    }

    [Fact]
    public void Locate_FeatureCalledQuality_IsNotTheQualitySection()
    {
        var policy = Records.Policy with { UndesiredFeatures = [Records.Policy.UndesiredFeatures[0] with { Name = "quality" }] };

        Assert.Equal("$.undesiredFeatures[0].maxRate", RulePlace.PathOf(policy, "quality/maxRate"));
        Assert.Equal("$.quality.maxFrechetDistance", RulePlace.PathOf(policy, "quality/maxFrechetDistance"));
    }

    [Fact]
    public void Locate_TextThatIsNoPolicy_IsNowhere() => Assert.Equal((0, 0), RulePlace.Locate(Records.Policy, "[", "digit-8/maxRate"));
}
