using System.Diagnostics.CodeAnalysis;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Attestation;

/// <summary>What a run says of its artifact, as an in-toto statement that other tools read: a test result.</summary>
/// <remarks>
/// By <see href="https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md">Statement v1</see> and
/// <see href="https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md">test-result v0.1</see>. The
/// subject is the artifact. Rules are the tests: one that is waived or only warns is a warning, and one that was not measured has
/// failed. Rules that do not apply are left out. The configuration is what the run read, and its record. The reports beside the
/// record are no configuration, and nobody tested them: they stand in an
/// <see href="https://github.com/in-toto/attestation/blob/main/spec/v1/resource_descriptor.md">annotation</see> of the record,
/// which consumers that do not know it ignore.
/// </remarks>
public static class TestResultStatement
{
    /// <summary>The kind of statement.</summary>
    public const string Type = "https://in-toto.io/Statement/v1";

    /// <summary>The kind of predicate.</summary>
    public const string PredicateType = "https://in-toto.io/attestation/test-result/v0.1";

    private const string Annotations = "annotations";
    private const string ReportsField = "atuReports";   // annotations are to have names that no other producer uses

    private static readonly JsonSerializerOptions _json = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = true,
    };

    /// <summary>Writes the statement.</summary>
    /// <param name="run">Valid, with one artifact.</param>
    public static JsonObject Create(AttestedRun run)
    {
        var (record, verdict, artifact) = (run.Record, run.Verdict, run.Artifact);
        var predicate = new JsonObject
        {
            ["result"] = Result(verdict.Outcome),
            ["configuration"] = new JsonArray(
            [
                Resource($"policy {record.Policy.Name}", record.PolicySource.Sha256),
                Resource($"policy {record.Policy.Name} in effect", record.PolicySource.EffectiveSha256),
                .. record.Inputs.Where(input => input.Role != Policies.InputRoles.Policy)
                    .Select(input => Resource(input.Role, input.Sha256)),
                RecordOf(run),
            ]),
        };
        if (record.Origin?.BuildUrl is { } address)
            predicate["url"] = address;
        Tests("passedTests", FindingState.Passed);
        Tests("warnedTests", FindingState.Waived, FindingState.Warned, FindingState.WarnedNotMeasured);
        Tests("failedTests", FindingState.Failed, FindingState.NotMeasured);
        return new JsonObject
        {
            ["_type"] = Type,
            ["subject"] = new JsonArray(Resource(run.ArtifactName, artifact.Sha256)),
            ["predicateType"] = PredicateType,
            ["predicate"] = predicate,
        };

        void Tests(string name, params FindingState[] states) => predicate[name] = new JsonArray(
        [
            .. verdict.Findings.Where(finding => states.Contains(finding.State))
                .Select(finding => JsonValue.Create(finding.Rule.ToString())),
        ]);
    }

    /// <summary>A statement's text, which is what is signed.</summary>
    public static string ToText(JsonObject statement) => statement.ToJsonString(_json) + "\n";

    /// <summary>Reads a statement of any kind.</summary>
    /// <param name="text">JSON.</param>
    /// <param name="statement">Null where it is none.</param>
    public static bool TryParse(string text, [NotNullWhen(true)] out JsonObject? statement)
    {
        try
        {
            statement = JsonNode.Parse(text, documentOptions: new() { AllowDuplicateProperties = false }) as JsonObject;
        }
        catch (JsonException)
        {
            statement = null;
        }

        statement = statement?.ContainsKey("_type") == true ? statement : null;
        return statement is not null;
    }

    /// <summary>The reports that a statement names beside its record, by file name and digest.</summary>
    /// <param name="statement">Of any kind; anybody may have written it.</param>
    /// <returns>Null where there is no list, as in statements of earlier versions, or one that this tool did not write.</returns>
    public static IReadOnlyList<OutputFile>? FindReports(JsonObject statement)
    {
        var record = (Find(statement, "predicate", "configuration") as JsonArray)?
            .LastOrDefault(resource => TextAt(resource, "name") == RunRecord.FileName);
        if (Find(record, Annotations, ReportsField) is not JsonArray listed)
            return null;

        List<OutputFile> reports = [];
        foreach (var each in listed)
        {
            if (TextAt(each, "name") is not { } name || TextAt(each, "digest", "sha256") is not { } sha256 || !IsFileName(name))
                return null;
            reports.Add(new OutputFile(OutputRoles.Report, name, sha256));
        }

        return reports;

        static bool IsFileName(string name) => name == Path.GetFileName(name) && !name.Contains('\\', StringComparison.Ordinal);
    }

    /// <summary>What an attestation says otherwise than its run; null where it says the same.</summary>
    /// <param name="attested">The attestation's statement.</param>
    /// <param name="expected">The statement of the run today.</param>
    /// <returns>In a sentence without a full stop, beginning with a verb.</returns>
    public static string? FindDifference(JsonObject attested, JsonObject expected)
    {
        if (JsonNode.DeepEquals(attested, expected))
            return null;

        foreach (var (what, path) in new (string, string[])[]
        {
            ("is a statement of another kind", ["_type"]),
            ("is a statement of another kind", ["predicateType"]),
            ("is about another artifact", ["subject"]),
            ("states another result than the record gives today", ["predicate", "result"]),
            ("names another record, policy, classifier or other input", ["predicate", "configuration"]),
            ("lists other passed rules", ["predicate", "passedTests"]),
            ("lists other waived rules or warnings", ["predicate", "warnedTests"]),
            ("lists other failed rules", ["predicate", "failedTests"]),
        })
            if (!JsonNode.DeepEquals(Find(attested, path), Find(expected, path)))
                return what;
        return "does not say what the record gives";
    }

    /// <summary>An outcome as this predicate names it.</summary>
    /// <param name="outcome">Of a verdict.</param>
    public static string Result(Outcome outcome) => outcome switch
    {
        Outcome.Passed => "PASSED",
        Outcome.PassedWithWaivers or Outcome.PassedWithWarnings or Outcome.NotEnforced => "WARNED",
        _ => "FAILED",
    };

    private static JsonObject RecordOf(AttestedRun run)
    {
        var record = Resource(RunRecord.FileName, run.RecordSha256);
        if (run.Reports is { } reports)
            record[Annotations] = new JsonObject
            {
                [ReportsField] = new JsonArray([.. reports.Select(report => Resource(report.Path, report.Sha256))]),
            };
        return record;
    }

    private static JsonObject Resource(string name, string sha256) =>
        new() { ["name"] = name, ["digest"] = new JsonObject { ["sha256"] = sha256 } };

    private static JsonNode? Find(JsonNode? node, params IEnumerable<string> path) =>
        path.Aggregate(node, (found, name) => (found as JsonObject)?[name]);

    private static string? TextAt(JsonNode? node, params IEnumerable<string> path) =>
        Find(node, path) is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
}
