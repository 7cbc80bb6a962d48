using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Tests.Runs;

namespace AdaptThenUnlearn.Tests.Reports;

/// <summary>The dated line of a report: who measured what, and when.</summary>
public sealed class RunFactsTests
{
    private static readonly RunRecord _run = Records.Run() with { Origin = BuildOriginTests.Example };

    [Fact]
    public void List_RunOfABuild_SaysWhoWhatAndWhen()
    {
        var policy = _run.Policy with { Owner = "trust-and-safety" };

        Assert.Equal(
            [
                new("Generator", "generator.safetensors") { Digest = _run.Before.GeneratorSha256[..12] },
                new("Released", "no-eights.safetensors") { Digest = _run.After!.GeneratorSha256[..12] },
                new("Policy", "policy.json") { Digest = _run.PolicySource.Sha256[..12] },
                new("Measured", "2026-03-01 10:03 UTC"),
                new("Owner", "trust-and-safety"),
                new("Repository", "octo/digits"),
                new("Branch or tag", "octocat:feature/@types"),
                new("Commit", "") { Digest = "aaaaaaaaaaaa" },
                new("Pull request", "#12"),
                new("Build", "GitHub Actions") { Address = BuildOriginTests.Example.BuildUrl },
                new("Started by", "octocat"),
                new("Tool", "atu 0.1.0"),
            ],
            RunFacts.List(_run with { Policy = policy }));
    }

    [Fact]
    public void List_RunOutsideABuild_LeavesOutWhatIsUnknown() => Assert.Equal(
        ["Generator", "Released", "Policy", "Measured", "Tool"], RunFacts.List(Records.Run()).Select(fact => fact.Name));

    // A record of an earlier version calls a rejected file the artifact.
    [Theory]
    [InlineData("passed", OutputRoles.Artifact, "Released")]
    [InlineData("waived", OutputRoles.Artifact, "Released")]
    [InlineData("failed", OutputRoles.Artifact, "Rejected")]
    [InlineData("failed", OutputRoles.Rejected, "Rejected")]
    [InlineData("unmeasured", OutputRoles.Rejected, "Rejected")]
    public void List_JudgedGenerator_IsNamedByItsVerdict(string run, string role, string expected)
    {
        var record = Records.Named(run);
        record = record with { Outputs = [record.Outputs[0] with { Role = role }] };

        Assert.Equal(expected, RunFacts.List(record)[1].Name);
    }

    [Theory]
    [InlineData("markdown")]
    [InlineData("html")]
    public void Render_RunOfABuild_StatesTheFactsBeforeTheFirstSection(string format)
    {
        var text = ReportFormats.All.Single(each => each.Name == format).Render(_run);
        var head = text[..text.IndexOf(format == "html" ? "<h2>" : "## ", StringComparison.Ordinal)];

        Assert.All(RunFacts.List(_run), fact =>
        {
            Assert.Contains(fact.Name, head, StringComparison.Ordinal);
            Assert.Contains(format == "html" ? fact.Text : MarkdownText.Escape(fact.Text), head, StringComparison.Ordinal);
            Assert.Contains(fact.Digest ?? "", head, StringComparison.Ordinal);
            Assert.Contains(fact.Address ?? "", head, StringComparison.Ordinal);
        });
    }

    // A record that was made in memory has not been checked by a reader.
    [Theory]
    [InlineData("markdown")]
    [InlineData("html")]
    public void Render_HostileOrigin_IsNoLinkAndNoMarkup(string format)
    {
        var hostile = new BuildOrigin
        {
            Host = "](https://evil.example) <img src=x>",
            Actor = "`<script>`",
            BuildUrl = "https://ci.example/1>)<b>",
            Repository = "octo\n# Passed",
        };

        var text = ReportFormats.All.Single(each => each.Name == format).Render(Records.Run() with { Origin = hostile });

        Assert.All(
            ["<script>", "<img src=x>", "<b>", "\n# Passed", format == "html" ? "\"https://evil" : "](https://evil"],
            markup => Assert.DoesNotContain(markup, text, StringComparison.Ordinal));
    }
}
