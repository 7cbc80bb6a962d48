using AdaptThenUnlearn.Publishing.Http;
using AdaptThenUnlearn.Publishing.Hosts;

namespace AdaptThenUnlearn.Publishing.Tests;

/// <summary>Which variable gives the token, and that nothing shows it.</summary>
public sealed class PublishTokenTests
{
    [Fact]
    public void Token_OurOwnVariable_WinsAndNothingShowsIt()
    {
        var variables = new Dictionary<string, string>
        {
            ["GITHUB_TOKEN"] = "three",
            ["GH_TOKEN"] = "two",
            ["ATU_GITHUB_TOKEN"] = "one-secret\n"
        };
        var environment = new EnvironmentSnapshot(variables);
        var token = PublishToken.Find(environment, CodeHost.GitHub)!;

        Assert.Equal(("one-secret", "ATU_GITHUB_TOKEN"), (token.Reveal(), token.Variable));
        Assert.DoesNotContain("one", $"{token} {environment}", StringComparison.Ordinal);
        Assert.Equal("a *** b", token.Redact("a one-secret b"));
        variables.Remove("ATU_GITHUB_TOKEN");
        Assert.Equal("two", PublishToken.Find(environment, CodeHost.GitHub)!.Reveal());
        variables["GH_TOKEN"] = "";
        Assert.Equal("three", PublishToken.Find(environment, CodeHost.GitHub)!.Reveal());
        variables["GH_TOKEN"] = " \n";
        Assert.Equal("three", PublishToken.Find(environment, CodeHost.GitHub)!.Reveal());
        variables.Remove("GITHUB_TOKEN");
        Assert.Null(PublishToken.Find(environment, CodeHost.GitHub));
    }
}
