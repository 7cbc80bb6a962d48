using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Reports;

/// <summary>The findings as static analysis results at the policy's lines, for hosts and editors that show SARIF.</summary>
/// <remarks>
/// SARIF 2.1.0 (OASIS, errata 1). One result for each finding: <c>fail</c> with level error when it failed, was not measured or
/// is waived (then with an accepted suppression), <c>notApplicable</c> when it does not apply, <c>pass</c> when it is met. A host
/// that shows every result as a problem must be given the failed ones alone; <c>docs/github-actions.md</c> says how.
/// </remarks>
public sealed class SarifReport : IReportFormat
{
    private const string Root = "%SRCROOT%";

    private static readonly JsonSerializerOptions _indented =
        new() { WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <inheritdoc/>
    public string Name => "sarif";

    /// <inheritdoc/>
    public string FileName => "report.sarif";

    /// <inheritdoc/>
    public string Render(RunRecord record, RecordedPictures? pictures = null, Trend? trend = null) => new JsonObject
    {
        ["$schema"] = "https://json.schemastore.org/sarif-2.1.0.json",
        ["version"] = "2.1.0",
        ["runs"] = new JsonArray(Run(record)),
    }.ToJsonString(_indented) + "\n";

    private static JsonObject Run(RunRecord record) => new()
    {
        ["tool"] = new JsonObject
        {
            ["driver"] = new JsonObject
            {
                ["name"] = "AdaptThenUnlearn",
                ["fullName"] = $"AdaptThenUnlearn, {record.Tool}",
                ["version"] = record.Tool[(record.Tool.IndexOf(' ', StringComparison.Ordinal) + 1)..],
                ["rules"] = Array(record.Verdict.Findings.Select(finding => Rule(record, finding))),
            },
        },
        ["automationDetails"] = new JsonObject { ["id"] = $"atu/{record.Policy.Name}/" },
        ["invocations"] = new JsonArray(Invocation(record)),
        ["originalUriBaseIds"] =
            new JsonObject { [Root] = new JsonObject { ["description"] = Text("The root of the checkout.") } },
        ["artifacts"] = new JsonArray(new JsonObject
        {
            ["location"] = PolicyFile(record),
            ["sourceLanguage"] = "json",
            ["hashes"] = new JsonObject { ["sha-256"] = record.PolicySource.Sha256 },
        }),
        ["columnKind"] = "utf16CodeUnits",
        ["results"] = Array(record.Verdict.Findings.Select((finding, index) => Result(record, finding, index))),
        ["properties"] = new JsonObject
        {
            ["verdict"] = OutcomeText.Name(record.Verdict.Outcome),
            ["generatorBeforeSha256"] = record.Before.GeneratorSha256,
            [record.Verdict.Outcome.IsPass() ? "generatorReleasedSha256" : "generatorRejectedSha256"] =
                (record.After ?? record.Before).GeneratorSha256,
            ["policyEffectiveSha256"] = record.PolicySource.EffectiveSha256,
        },
    };

    private static JsonObject Rule(RunRecord record, Finding finding)
    {
        var demand = RuleDemand.Describe(finding.Rule);
        var advice = Advice.For(record.JudgedPolicy(), record.Before, record.After, finding);
        return new JsonObject
        {
            ["id"] = finding.Rule.ToString(),
            ["shortDescription"] = Text(demand),
            ["fullDescription"] = Text(demand),
            ["help"] = advice is null ? Text(demand) : new JsonObject
            {
                ["text"] = $"{demand} {advice.Text}",
                ["markdown"] = $"{MarkdownText.Escape(demand)} {advice.Markdown}"
            },
            ["defaultConfiguration"] = new JsonObject { ["level"] = finding.OnlyWarns is null ? "error" : "warning" },
        };
    }

    // The run itself succeeded, whatever the verdict: otherwise there would be no record.
    private static JsonObject Invocation(RunRecord record) => new()
    {
        ["executionSuccessful"] = true,
        ["startTimeUtc"] = Moment(record.Times.Started),
        ["endTimeUtc"] = Moment(record.Times.Finished),
        ["toolExecutionNotifications"] =
            Array(record.Warnings().Select(warning => new JsonObject { ["level"] = "warning", ["message"] = Text(warning) })),
    };

    private static JsonObject Result(RunRecord record, Finding finding, int index)
    {
        var kind = finding.State switch
        {
            FindingState.Passed => "pass",
            FindingState.NotApplicable => "notApplicable",
            _ => "fail",
        };
        var place = RuleLocation.Find(record, finding.Rule);
        return new JsonObject
        {
            ["ruleId"] = finding.Rule.ToString(),
            ["ruleIndex"] = index,
            ["kind"] = kind,
            ["level"] = kind != "fail" ? "none" : finding.IsWarning ? "warning" : "error",
            ["message"] = Text(VerdictText.Describe(finding)),
            ["locations"] = new JsonArray(new JsonObject
            {
                ["physicalLocation"] = new JsonObject
                {
                    ["artifactLocation"] = PolicyFile(record),
                    ["region"] = new JsonObject { ["startLine"] = place.Line, ["startColumn"] = place.Column },
                },
                ["logicalLocations"] =
                    new JsonArray(new JsonObject { ["fullyQualifiedName"] = place.JsonPath, ["kind"] = "property" }),
            }),
            ["partialFingerprints"] = new JsonObject { ["policyAndRule/v1"] = Digest($"{record.Policy.Name}\0{finding.Rule}") },
            ["suppressions"] = VerdictText.DescribeWaiver(finding) is { } waived
                ? new JsonArray(new JsonObject { ["kind"] = "external", ["status"] = "accepted", ["justification"] = waived })
                : [],
            ["properties"] = new JsonObject
            {
                ["state"] = ReportText.Describe(finding.State),
                ["observed"] = finding.Observed,
                ["judged"] = finding.Judged,
                ["comparator"] = finding.Comparator,
                ["limit"] = finding.Limit,
            },
        };
    }

    private static JsonObject PolicyFile(RunRecord record)
    {
        var file = record.PolicySource.File.Replace('\\', '/');
        if (Path.IsPathRooted(file) || file.Contains(':', StringComparison.Ordinal))
            return new JsonObject { ["uri"] = "file:///" + Encoded(file.TrimStart('/')) };

        // Recorded from the run's folder; hosts resolve it from the checkout's root, which is what both lie in.
        while (file.StartsWith("../", StringComparison.Ordinal))
            file = file["../".Length..];
        return new JsonObject { ["uri"] = Encoded(file), ["uriBaseId"] = Root };
    }

    private static string Encoded(string path) => string.Join('/', path.Split('/').Select(Uri.EscapeDataString));

    private static JsonObject Text(string text) => new() { ["text"] = text };

    private static JsonArray Array(IEnumerable<JsonNode> items) => [.. items];

    private static string Moment(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);

    private static string Digest(string text) => Sha256Digest.Compute(text);
}
