using System.Text.Json.Nodes;
using AdaptThenUnlearn.Attestation;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using Json.Schema;
using EvaluationOptions = Json.Schema.EvaluationOptions;

namespace AdaptThenUnlearn.Tests.Attestation;

/// <summary>The bill of materials, against the published schema and against the record.</summary>
public sealed class CycloneDxTests
{
    private static readonly string _digest = new('1', 64);

    private static readonly Lazy<JsonSchema> _schema = new(() =>
    {
        var folder = Path.Combine(
            NodePackages.Restore("tests/AdaptThenUnlearn.Tests/cyclonedx"), "@cyclonedx", "cyclonedx-library", "res", "schema");
        foreach (var name in new[] { "spdx", "jsf-0.82", "cryptography-defs" })
            SchemaRegistry.Global.Register(
                new Uri($"http://cyclonedx.org/schema/{name}.SNAPSHOT.schema.json"),
                JsonSchema.FromFile(Path.Combine(folder, $"{name}.SNAPSHOT.schema.json")));
        return JsonSchema.FromFile(Path.Combine(folder, "bom-1.7.SNAPSHOT.schema.json"));
    });

    public static TheoryData<string> Runs =>
        ["passed", "failed", "unmeasured", "untrained", "waived", "waived-untrained", "warned", "not-enforced", "many-rules"];

    [Theory]
    [MemberData(nameof(Runs))]
    public void Write_ARun_FollowsThePublishedSchema(string run)
    {
        var evaluation = Schema().Evaluate(
            Write(run), new EvaluationOptions { OutputFormat = OutputFormat.List, RequireFormatValidation = true });

        Assert.True(evaluation.IsValid, string.Join(
            '\n',
            evaluation.Details.Where(detail => detail.HasErrors)
                .SelectMany(detail => detail.Errors!.Select(error => $"{detail.InstanceLocation}: {error.Value}"))));
    }

    // So that the test above can fail.
    [Theory]
    [InlineData("bomFormat")]
    [InlineData("serialNumber")]
    public void Schema_AnotherDocument_IsRefused(string member)
    {
        var bill = Write("passed");
        bill[member] = "other";

        Assert.False(Schema().Evaluate(bill).IsValid);
    }

    [Theory]
    [MemberData(nameof(Runs))]
    public void Write_References_LeadSomewhere(string run)
    {
        var bill = Write(run);
        List<string> named = [], used = [];
        Collect(bill, named, used);

        Assert.Distinct(named);
        Assert.Subset(named.ToHashSet(), used.ToHashSet());
    }

    [Fact]
    public void Write_ATrainedRun_HasItsModelItsAncestorAndItsFigures()
    {
        var run = Records.Named("passed");
        var model = Write("passed")["metadata"]!["component"]!;

        Assert.Equal("machine-learning-model", model["type"]!.GetValue<string>());
        Assert.Equal(run.After!.GeneratorSha256, Hash(model));
        Assert.Equal(run.Before.GeneratorSha256, Hash(model["pedigree"]!["ancestors"]![0]!));
        var metrics = model["modelCard"]!["quantitativeAnalysis"]!["performanceMetrics"]!.AsArray();
        var rate = metrics.Single(metric => metric!["type"]!.GetValue<string>() == "feature-rate")!;
        var finding = run.Verdict.Findings.Single(each => each.Rule == RuleName.MaxRate("digit-8"));
        Assert.Equal("digit-8", rate["slice"]!.GetValue<string>());
        Assert.Equal("0.002", rate["value"]!.GetValue<string>());   // 20 of 10,000
        var interval = rate["confidenceInterval"]!.AsObject();
        Assert.Equal(finding.Judged!.Value, double.Parse(
            interval["upperBound"]!.GetValue<string>(), System.Globalization.CultureInfo.InvariantCulture));
        Assert.False(interval.ContainsKey("lowerBound"));
        var distance = metrics.Single(metric => metric!["type"]!.GetValue<string>() == "kid")!;
        Assert.Equal("0.01", distance["value"]!.GetValue<string>());
        var counts = model["modelCard"]!["properties"]!.AsArray()
            .ToDictionary(each => each!["name"]!.GetValue<string>(), each => each!["value"]!.GetValue<string>());
        Assert.Equal("20", counts["adapt-then-unlearn:feature:digit-8:hits"]);
        Assert.Equal("10000", counts["adapt-then-unlearn:feature:digit-8:images"]);

        static string Hash(JsonNode component) => component["hashes"]![0]!["content"]!.GetValue<string>();
    }

    [Fact]
    public void Write_AnUntrainedRun_HasNoAncestor() =>
        Assert.Null(Write("untrained")["metadata"]!["component"]!["pedigree"]);

    [Theory]
    [InlineData("passed")]
    [InlineData("failed")]
    [InlineData("unmeasured")]
    [InlineData("waived")]
    public void Write_EachRule_IsAClaimOnlyWhereItIsMet(string name)
    {
        var findings = Records.Named(name).Verdict.Findings
            .Where(finding => finding.State is not FindingState.NotApplicable).ToList();
        var map = Write(name)["declarations"]!["attestations"]![0]!["map"]!.AsArray();

        Assert.Equal(findings.Count, map.Count);
        foreach (var (finding, mapped) in findings.Zip(map))
        {
            var isMet = finding.State is FindingState.Passed;
            Assert.Equal(isMet, mapped!["claims"] is not null);
            Assert.Equal(!isMet, mapped["counterClaims"] is not null);
            Assert.Equal(isMet ? 1 : 0, mapped["conformance"]!["score"]!.GetValue<int>());
            Assert.Equal(finding.Waiver is not null, mapped["conformance"]!["mitigationStrategies"] is not null);
        }
    }

    [Fact]
    public void Write_AWaiver_IsEvidenceThatExpires()
    {
        var waiver = Write("waived")["declarations"]!["evidence"]!.AsArray()
            .Single(evidence => evidence!["bom-ref"]!.GetValue<string>() == "waiver/quality/maxFrechetIncrease")!;

        Assert.Equal("until the next release", waiver["description"]!.GetValue<string>());
        Assert.Equal("Ada", waiver["author"]!["name"]!.GetValue<string>());
        Assert.Equal("2026-12-31T23:59:59Z", waiver["expires"]!.GetValue<string>());
    }

    private static JsonNode Write(string name) =>
        Records.Named(name) is var run
            ? JsonNode.Parse(new CycloneDxFormat().Write(new AttestedRun(run, run.Verdict, _digest), key: null))!
            : null!;

    private static JsonSchema Schema()
    {
        try
        {
            return _schema.Value;
        }
        catch (NodeMissingException reason)
        {
            NeededProgram.Require(NeededProgram.Node, $"the schema of CycloneDX is needed: {reason.Message}");
            throw;
        }
    }

    private static void Collect(JsonNode? node, List<string> named, List<string> used)
    {
        string[] references = ["target", "assessor", "requirement"];
        string[] lists = ["claims", "counterClaims", "mitigationStrategies", "evidence"];
        if (node is JsonArray array)
            foreach (var each in array)
                Collect(each, named, used);
        if (node is not JsonObject members)
            return;
        foreach (var (name, value) in members)
        {
            if (name == "bom-ref")
                named.Add(value!.GetValue<string>());
            else if (references.Contains(name))
                used.Add(value!.GetValue<string>());
            else if (lists.Contains(name) && value is JsonArray { Count: > 0 } list && list[0] is JsonValue)
                used.AddRange(list.Select(each => each!.GetValue<string>()));
            Collect(value, named, used);
        }
    }
}
