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
/// failed. Rules that do not apply are left out. The configuration is what the run read, and its record.
/// </remarks>
public static class TestResultStatement
{
    /// <summary>The kind of statement.</summary>
    public const string Type = "https://in-toto.io/Statement/v1";

    /// <summary>The kind of predicate.</summary>
    public const string PredicateType = "https://in-toto.io/attestation/test-result/v0.1";

    private static readonly JsonSerializerOptions _json = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = true,
    };

    /// <summary>Writes the statement.</summary>
    /// <param name="record">Of the run, valid, with one artifact.</param>
    /// <param name="verdict">The record's, judged today.</param>
    /// <param name="recordSha256">Digest of the record's file.</param>
    public static JsonObject Create(RunRecord record, Verdict verdict, string recordSha256)
    {
        var artifact = record.Outputs.Single(output => OutputRoles.IsGenerator(output.Role));
        var predicate = new JsonObject
        {
            ["result"] = Result(verdict.Outcome),
            ["configuration"] = new JsonArray(
            [
                Resource($"policy {record.Policy.Name}", record.PolicySource.Sha256),
                Resource($"policy {record.Policy.Name} in effect", record.PolicySource.EffectiveSha256),
                .. record.Inputs.Where(input => input.Role != Policies.InputRoles.Policy)
                    .Select(input => Resource(input.Role, input.Sha256)),
                Resource(RunRecord.FileName, recordSha256),
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
            ["subject"] = new JsonArray(Resource(Path.GetFileName(artifact.Path), artifact.Sha256)),
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

        static JsonNode? Find(JsonNode? node, IEnumerable<string> path) =>
            path.Aggregate(node, (found, name) => (found as JsonObject)?[name]);
    }

    /// <summary>An outcome as this predicate names it.</summary>
    /// <param name="outcome">Of a verdict.</param>
    public static string Result(Outcome outcome) => outcome switch
    {
        Outcome.Passed => "PASSED",
        Outcome.PassedWithWaivers or Outcome.PassedWithWarnings or Outcome.NotEnforced => "WARNED",
        _ => "FAILED",
    };

    private static JsonObject Resource(string name, string sha256) =>
        new() { ["name"] = name, ["digest"] = new JsonObject { ["sha256"] = sha256 } };
}
