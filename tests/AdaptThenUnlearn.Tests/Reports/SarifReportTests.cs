using System.Text.Json;
using System.Text.Json.Nodes;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;
using Json.Schema;

namespace AdaptThenUnlearn.Tests.Reports;

/// <summary>The analysis results, against the published schema, and what each verdict becomes.</summary>
public sealed class SarifReportTests
{
    private static readonly JsonSchema _schema =
        JsonSchema.FromFile(Path.Combine(AppContext.BaseDirectory, "Reports", "schemas", "sarif-2.1.0.json"));

    public static TheoryData<string> Runs =>
        ["passed", "failed", "unmeasured", "untrained", "waived", "waived-untrained", "warned", "not-enforced"];

    [Theory]
    [MemberData(nameof(Runs))]
    public void Render_ARun_FollowsThePublishedSchema(string run)
    {
        var evaluation = _schema.Evaluate(
            JsonNode.Parse(new SarifReport().Render(Records.Named(run))),
            new Json.Schema.EvaluationOptions { OutputFormat = OutputFormat.List, RequireFormatValidation = true });

        Assert.True(evaluation.IsValid, string.Join(
            '\n',
            evaluation.Details.Where(detail => detail.HasErrors)
                .SelectMany(detail => detail.Errors!.Select(error => $"{detail.InstanceLocation}: {error.Value}"))));
    }

    [Fact]
    public void Schema_AnotherVersion_IsRefused()
    {
        // So that the test above can fail.
        var log = JsonNode.Parse(new SarifReport().Render(Records.Run()))!;
        log["version"] = "3.0";

        Assert.False(_schema.Evaluate(log).IsValid);
    }

    [Theory]
    [InlineData("passed", "digit-8/maxRate", "pass", "none", 0)]
    [InlineData("failed", "digit-8/maxRate", "fail", "error", 0)]
    [InlineData("failed", "quality/maxFrechetDistance", "fail", "error", 1)]
    [InlineData("unmeasured", "quality/maxFrechetDistance", "fail", "error", 0)]
    [InlineData("untrained", "quality/minShareKept/9", "notApplicable", "none", 0)]
    public void Render_EachVerdict_HasItsKindAndLevel(string run, string rule, string kind, string level, int suppressions)
    {
        var result = Result(Records.Named(run), rule);

        Assert.Equal(kind, result.GetProperty("kind").GetString());
        Assert.Equal(level, result.GetProperty("level").GetString());
        Assert.Equal(suppressions, result.GetProperty("suppressions").GetArrayLength());
    }

    // There is nothing to be no worse than, so no number is its limit.
    [Fact]
    public void Render_RatchetWithoutABaseline_HasNoLimit()
    {
        var policy = Records.Policy with { Ratchet = true };
        var run = Records.Run(Gate.Judge(policy, Records.Before, Records.After, Records.Today), policy);

        Assert.Equal(JsonValueKind.Null, Limit("digit-8/noWorseThanBaseline"));
        Assert.Equal(JsonValueKind.Number, Limit("digit-8/maxRate"));

        JsonValueKind Limit(string rule) => Result(run, rule).GetProperty("properties").GetProperty("limit").ValueKind;
    }

    [Fact]
    public void Render_Waiver_IsAnAcceptedSuppressionWithItsJustification()
    {
        var suppression = Result(Records.Named("failed"), "quality/maxFrechetDistance").GetProperty("suppressions")[0];

        Assert.Equal("accepted", suppression.GetProperty("status").GetString());
        Assert.Equal("waived by Ada until 2026-12-31: was bad once", suppression.GetProperty("justification").GetString());
    }

    [Fact]
    public void Render_EveryResult_PointsAtTheLimitInThePolicy()
    {
        var lines = Records.PolicyText.Split('\n');

        Assert.All(Records.Run().Verdict.Findings, finding =>
        {
            var place = Result(Records.Run(), finding.Rule.ToString())
                .GetProperty("locations")[0]
                .GetProperty("physicalLocation");
            var region = place.GetProperty("region");
            var rest =
                lines[region.GetProperty("startLine").GetInt32() - 1][(region.GetProperty("startColumn").GetInt32() - 1)..];
            Assert.StartsWith(
                finding.Limit!.Value.ToString(System.Globalization.CultureInfo.InvariantCulture), rest, StringComparison.Ordinal);
            Assert.Equal("policy.json", place.GetProperty("artifactLocation").GetProperty("uri").GetString());
        });
    }

    [Fact]
    public void Render_FeatureCalledQuality_PointsAtItsOwnLimit()
    {
        var text = Records.PolicyText.Replace("\"digit-8\"", "\"quality\"", StringComparison.Ordinal);
        var lines = text.Split('\n').ToList();
        var policy = PolicyReader.Read(text, "policy.json", Records.Vocabulary, []).Policy!;
        var run = Records.Run(Gate.Judge(policy, Records.Before, Records.After, Records.Today), policy);
        run = run with { PolicySource = run.PolicySource with { Text = text } };

        foreach (var (rule, property) in new[]
        {
            ("quality/maxRate", "\"maxRate\""),
            ("quality/maxFrechetDistance", "\"maxFrechetDistance\"")
        })
            Assert.Equal(
                lines.FindIndex(line => line.Contains(property, StringComparison.Ordinal)) + 1,
                Result(run, rule)
                    .GetProperty("locations")[0]
                    .GetProperty("physicalLocation")
                    .GetProperty("region")
                    .GetProperty("startLine")
                    .GetInt32());
    }

    [Theory]
    [InlineData("../../policies/a b.json", "policies/a%20b.json")]
    [InlineData("/home/ada/policy.json", "file:///home/ada/policy.json")]
    [InlineData("..\\policy.json", "policy.json")]
    public void Render_PolicyElsewhere_IsAUri(string file, string uri)
    {
        var run = Records.Run();
        run = run with { PolicySource = run.PolicySource with { File = file } };

        Assert.Equal(
            uri,
            Result(run, "digit-8/maxRate")
                .GetProperty("locations")[0]
                .GetProperty("physicalLocation")
                .GetProperty("artifactLocation")
                .GetProperty("uri")
                .GetString());
    }

    [Fact]
    public void Render_OtherNumbers_SameFingerprints()
    {
        var fingerprints = new[] { "passed", "failed" }.Select(run => Records.Named(run).Verdict.Findings
            .Select(
                finding => Result(Records.Named(run), finding.Rule.ToString()).GetProperty("partialFingerprints").GetRawText())
            .ToList()).ToList();

        Assert.Equal(fingerprints[0], fingerprints[1]);
        Assert.Distinct(fingerprints[0]);
    }

    private static JsonElement Result(RunRecord run, string rule)
    {
        using var log = JsonDocument.Parse(new SarifReport().Render(run));
        return log.RootElement.GetProperty("runs")[0]
            .GetProperty("results")
            .EnumerateArray()
            .Single(result => result.GetProperty("ruleId").GetString() == rule)
            .Clone();
    }
}
