using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Attestation;

/// <summary>
/// A bill of materials of the judged generator for tools that manage components: CycloneDX 1.7 with a model card, the files
/// behind it, and each rule as a claim with its evidence.
/// </summary>
/// <remarks>
/// By the <see href="https://cyclonedx.org/docs/1.7/json/">JSON reference</see>. Only what the record says is stated; what it
/// does not say is left out. CycloneDX has no member for a count or for who measured, so these are properties with
/// <see cref="Namespace"/>. Written without CycloneDX's library for .NET: this one room needs a tenth of it, and the core brings
/// no package to whoever verifies a run.
/// </remarks>
public sealed class CycloneDxFormat : IAttestationFormat
{
    /// <summary>What the names of this tool's own properties begin with.</summary>
    public const string Namespace = "adapt-then-unlearn:";

    private const string Mark = "\"bomFormat\": \"CycloneDX\"";
    private const string Model = "model";
    private const string Assessor = "assessor";

    /// <inheritdoc/>
    public string Name => "cyclonedx";

    /// <inheritdoc/>
    public string? SignedFileName => null;

    /// <inheritdoc/>
    public string UnsignedFileName => "run.cdx.json";

    /// <inheritdoc/>
    public bool Recognizes(string text) => text.Contains(Mark, StringComparison.Ordinal);

    /// <inheritdoc/>
    public bool IsSigned(string text) => false;

    /// <inheritdoc/>
    public string? FindObstacle(AttestedRun run) => null;

    /// <inheritdoc/>
    public string? FindProblem(string text, string path, AttestedRun run, SigningKey? key) =>
        text == Write(run, key: null) ? null : "does not say what the record gives today, or was changed after it was written";

    /// <inheritdoc/>
    public string Write(AttestedRun run, SigningKey? key)
    {
        var record = run.Record;
        return TestResultStatement.ToText(new JsonObject
        {
            ["$schema"] = "http://cyclonedx.org/schema/bom-1.7.schema.json",
            ["bomFormat"] = "CycloneDX",
            ["specVersion"] = "1.7",
            ["serialNumber"] = $"urn:uuid:{Uuid(run.RecordSha256)}",
            ["version"] = 1,
            ["metadata"] = new JsonObject
            {
                ["timestamp"] = Time(record.Times.Finished),
                ["tools"] = new JsonObject { ["components"] = new JsonArray(Tool(record.Tool)) },
                ["component"] = ModelComponent(run),
                ["properties"] = Properties(
                [
                    ("outcome", OutcomeText.Name(run.Verdict.Outcome)),
                    ("policy", record.Policy.Name),
                    ("policy-sha256", record.PolicySource.Sha256),
                    ("policy-in-effect-sha256", record.PolicySource.EffectiveSha256),
                    ("record-sha256", run.RecordSha256),
                    ("confidence", Number(record.Policy.Evaluation.Confidence)),
                ]),
            },
            ["components"] = new JsonArray(
            [
                .. record.Inputs.Index().Where(input => input.Item.Role is not (InputRoles.Generator or InputRoles.Policy))
                    .Select(input => File($"input-{input.Index + 1}", input.Item.Role, input.Item.Path, input.Item.Sha256)),
            ]),
            ["declarations"] = Declarations(run),
            ["definitions"] = new JsonObject { ["standards"] = new JsonArray(PolicyAsStandard(record)) },
        });
    }

    private static JsonObject ModelComponent(AttestedRun run)
    {
        var record = run.Record;
        var component = new JsonObject
        {
            ["type"] = "machine-learning-model",
            ["bom-ref"] = Model,
            ["name"] = run.ArtifactName,
        };
        if (record.Policy.Description is { } description)
            component["description"] = description;
        AddHash(component, run.Artifact.Sha256);
        if (record.After is not null)
            component["pedigree"] = new JsonObject
            {
                ["ancestors"] = new JsonArray(
                [
                    .. record.Inputs.Where(input => input.Role == InputRoles.Generator)
                        .Select(input => File("original", input.Role, input.Path, input.Sha256)),
                ]),
                ["notes"] = record.Training is { } training
                    ? string.Create(
                        CultureInfo.InvariantCulture,
                        $"unlearned by {training.Method}, step {training.SelectedStep} of {training.Steps}")
                    : "unlearned",
            };
        component["externalReferences"] = References(run);
        component["modelCard"] = ModelCard(run);
        return component;
    }

    private static JsonArray References(AttestedRun run)
    {
        var evidence = new JsonObject { ["type"] = "evidence", ["url"] = RunRecord.FileName };
        AddHash(evidence, run.RecordSha256);
        return run.Record.Origin?.Clean()?.BuildUrl is { } build
            ? [evidence, new JsonObject { ["type"] = "build-system", ["url"] = build }]
            : [evidence];
    }

    private static JsonObject ModelCard(AttestedRun run)
    {
        var record = run.Record;
        var measured = record.After ?? record.Before;
        var card = new JsonObject
        {
            ["modelParameters"] = new JsonObject { ["task"] = "image-generation" },
            ["quantitativeAnalysis"] = new JsonObject
            {
                ["performanceMetrics"] = new JsonArray(
                [
                    .. run.Verdict.Findings.Where(finding => finding.Observed is not null).Select(Metric),
                    .. (measured.Quality?.Values ?? []).Where(value => value.Value is { } number && double.IsFinite(number))
                        .Select(value => new JsonObject
                        {
                            ["type"] = value.Metric.Name,
                            ["value"] = Number(value.Value!.Value),
                            ["slice"] = "images without the undesired features",
                        }),
                ]),
            },
        };
        string[] limitations = [.. run.Verdict.Warnings, .. record.WarningRemarks()];
        if (limitations.Length > 0)
            card["considerations"] = new JsonObject
            {
                ["technicalLimitations"] = new JsonArray([.. limitations.Select(text => JsonValue.Create(text))]),
            };
        var counts = Properties(
        [
            .. measured.Features.Where(feature => feature.Looks.Count > 0).SelectMany(feature => new (string, string)[]
            {
                ($"feature:{feature.Feature}:hits", Number(feature.Looks[^1].Hits)),
                ($"feature:{feature.Feature}:images", Number(feature.Looks[^1].Samples)),
                ($"feature:{feature.Feature}:auditor", feature.Classifier),
            }),
            ("evaluation:seed", Number(measured.Seed)),
            ("evaluation:truncation", Number(measured.Truncation)),
            ("evaluation:range", measured.Range),
        ]);
        card["properties"] = counts;
        return card;
    }

    // A bound is one-sided: the side that the limit is on.
    private static JsonObject Metric(Finding finding)
    {
        var metric = new JsonObject
        {
            ["type"] = RuleMetric.Name(finding.Rule),
            ["value"] = Number(finding.Observed!.Value),
            ["slice"] = finding.Rule.Subject ?? "images without the undesired features",
        };
        if (finding.Judged is { } bound && bound != finding.Observed)
            metric["confidenceInterval"] = new JsonObject
            {
                [finding.Comparator == "≤" ? "upperBound" : "lowerBound"] = Number(bound),
            };
        return metric;
    }

    private static JsonObject Declarations(AttestedRun run)
    {
        var record = run.Record;
        var findings = run.Verdict.Findings.Where(finding => finding.State is not FindingState.NotApplicable).ToList();
        var assessor = new JsonObject { ["bom-ref"] = Assessor, ["thirdParty"] = false };
        if (record.Policy.Owner is { } owner)
            assessor["organization"] = new JsonObject { ["name"] = owner };
        return new JsonObject
        {
            ["assessors"] = new JsonArray(assessor),
            ["attestations"] = new JsonArray(new JsonObject
            {
                ["summary"] = OutcomeText.Sentence(run.Verdict.Outcome, [.. run.Verdict.Findings], record.After is not null),
                ["assessor"] = Assessor,
                ["map"] = new JsonArray([.. findings.Select(finding => Requirement(finding, record))]),
            }),
            ["claims"] = new JsonArray([.. findings.Select(Claim)]),
            ["evidence"] = new JsonArray(
            [
                .. findings.Select(finding => Evidence(finding, record)),
                .. findings.Where(finding => finding.Waiver is not null).Select(WaiverEvidence),
            ]),
        };
    }

    private static JsonObject Requirement(Finding finding, RunRecord record)
    {
        var conformance = new JsonObject
        {
            ["score"] = finding.State is FindingState.Passed ? 1 : 0,
            ["rationale"] = VerdictText.Describe(finding),
        };
        if (finding.Waiver is not null)
            conformance["mitigationStrategies"] = new JsonArray(Ref("waiver", finding));
        var mapped = new JsonObject
        {
            ["requirement"] = Ref("requirement", finding),
            [finding.State is FindingState.Passed ? "claims" : "counterClaims"] = new JsonArray(Ref("claim", finding)),
            ["conformance"] = conformance,
        };
        if (finding is { Judged: { } bound, Observed: { } observed } && bound != observed)
            mapped["confidence"] = new JsonObject
            {
                ["score"] = finding.Rule.Limit is RuleLimit.MinShareKept
                    ? record.Policy.Quality?.Confidence ?? record.Policy.Evaluation.Confidence
                    : record.Policy.Evaluation.Confidence,
                ["rationale"] = "confidence of the one-sided bound that was held against the limit",
            };
        return mapped;
    }

    private static JsonObject Claim(Finding finding) => new()
    {
        ["bom-ref"] = Ref("claim", finding),
        ["target"] = Model,
        ["predicate"] = $"{finding.Rule} {FindingNumbers.Create(finding).Limit}: {ReportText.Describe(finding.State)}",
        ["reasoning"] = finding.Explanation,
        ["evidence"] = new JsonArray(Ref("evidence", finding)),
    };

    private static JsonObject Evidence(Finding finding, RunRecord record)
    {
        var numbers = new JsonArray();
        foreach (var (name, value) in new[]
        {
            ("observed", finding.Observed), ("judged", finding.Judged),
            ("limit", finding.Limit),
        })
            if (value is { } number)
                numbers.Add(new JsonObject
                {
                    ["name"] = name,
                    ["contents"] = new JsonObject
                    {
                        ["attachment"] = new JsonObject { ["contentType"] = "text/plain", ["content"] = Number(number) },
                    },
                });
        return new JsonObject
        {
            ["bom-ref"] = Ref("evidence", finding),
            ["propertyName"] = $"{Namespace}rule:{finding.Rule}",
            ["description"] = finding.Explanation,
            ["data"] = numbers,
            ["created"] = Time(record.Times.Finished),
        };
    }

    private static JsonObject WaiverEvidence(Finding finding)
    {
        var waiver = finding.Waiver!;
        var evidence = new JsonObject
        {
            ["bom-ref"] = Ref("waiver", finding),
            ["propertyName"] = $"{Namespace}waiver:{finding.Rule}",
            ["description"] = waiver.Reason,
            ["author"] = new JsonObject { ["name"] = waiver.ApprovedBy },
        };
        if (DateOnly.TryParseExact(waiver.Expires, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var last))
            evidence["expires"] = Time(new DateTimeOffset(last.ToDateTime(new TimeOnly(23, 59, 59)), TimeSpan.Zero));
        return evidence;
    }

    // The policy is what the model was held against, so its rules are a standard's requirements.
    private static JsonObject PolicyAsStandard(RunRecord record)
    {
        var standard = new JsonObject
        {
            ["bom-ref"] = "policy",
            ["name"] = record.Policy.Name,
            ["version"] = record.PolicySource.EffectiveSha256,
        };
        if (record.Policy.Description is { } description)
            standard["description"] = description;
        if (record.Policy.Owner is { } owner)
            standard["owner"] = owner;
        standard["requirements"] = new JsonArray(
        [
            .. record.Verdict.Findings.Select(finding => new JsonObject
            {
                ["bom-ref"] = Ref("requirement", finding),
                ["identifier"] = finding.Rule.ToString(),
                ["title"] = $"{finding.Rule} {FindingNumbers.Create(finding).Limit}",
                ["text"] = RuleDemand.Describe(finding.Rule),
            }),
        ]);
        return standard;
    }

    // "atu 1.2.3": name, then version.
    private static JsonObject Tool(string tool)
    {
        var space = tool.LastIndexOf(' ');
        var component = new JsonObject { ["type"] = "application", ["name"] = space < 0 ? tool : tool[..space] };
        if (space >= 0)
            component["version"] = tool[(space + 1)..];
        return component;
    }

    private static JsonObject File(string reference, string role, string path, string sha256)
    {
        var component = new JsonObject
        {
            ["type"] = role is InputRoles.Generator or InputRoles.Discriminator or InputRoles.Extractor
                || InputRoles.IsClassifierNetwork(role)
                    ? "machine-learning-model"
                    : "data",
            ["bom-ref"] = reference,
            ["name"] = path[(path.LastIndexOfAny(['/', '\\']) + 1)..],
            ["description"] = role,
        };
        AddHash(component, sha256);
        return component;
    }

    // A record that was damaged may say another digest, which is no CycloneDX then.
    private static void AddHash(JsonObject owner, string sha256)
    {
        if (sha256.Length == SHA256.HashSizeInBytes * 2 && sha256.All(char.IsAsciiHexDigitLower))
            owner["hashes"] = new JsonArray(new JsonObject { ["alg"] = "SHA-256", ["content"] = sha256 });
    }

    private static JsonArray Properties(IEnumerable<(string Name, string Value)> properties) =>
    [
        .. properties.Select(property => new JsonObject { ["name"] = Namespace + property.Name, ["value"] = property.Value }),
    ];

    private static string Ref(string kind, Finding finding) => $"{kind}/{finding.Rule}";

    private static string Number(double number) => number.ToString("R", CultureInfo.InvariantCulture);

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Time(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    // The same record has the same number. Version 8 of RFC 9562, section 5.8: bits of one's own.
    private static string Uuid(string text)
    {
        var bytes = SHA256.HashData(Encoding.UTF8.GetBytes(text))[..16];
        bytes[6] = (byte)((bytes[6] & 0x0F) | 0x80);
        bytes[8] = (byte)((bytes[8] & 0x3F) | 0x80);
        return new Guid(bytes, bigEndian: true).ToString();
    }
}
