using System.Text.Json;
using System.Text.Json.Nodes;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using Json.Schema;

namespace AdaptThenUnlearn.Tests.Policies;

/// <summary>Policies and vocabularies that the tests of this folder share.</summary>
internal static class PolicyTexts
{
    private static readonly Lazy<JsonSchema> _schema = new(() => JsonSchema.FromText(PolicySchema.Export(Vocabulary!)));
    private static readonly JsonDocumentOptions _asPoliciesAre =
        new() { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip };

    public static PolicyVocabulary Vocabulary { get; } = new(
        Methods: ["adapt-then-unlearn", "fine-tune", "extrapolation", "retrain"],
        Repulsions: ["il2", "nl2", "el2"],
        CheckpointFormats: ["safetensors", "rosinality", "pytorch"],
        ReportFormats: [.. ReportFormats.All.Select(format => format.Name)],
        ClassifierArchitectures: ["resnet18", "resnet50"],
        Attacks: ["same-latents", "latent-search", "truncation", "relearning"]);

    /// <summary>The smallest policy without warnings: required values, and an auditor.</summary>
    public const string Smallest = """
        {
          "schemaVersion": 1,
          "name": "no-8",
          "generator": { "checkpoint": "g.safetensors" },
          "classifiers": {
            "digits": { "checkpoint": "a.safetensors", "classes": ["7", "8", "9"] },
            "auditor": { "checkpoint": "b.safetensors", "classes": ["7", "8", "9"] }
          },
          "undesiredFeatures": [
            { "name": "digit-8", "annotator": "digits", "auditor": "auditor", "class": "8", "maxRate": 0.01 }
          ]
        }
        """;

    /// <summary>
    /// Digest of <see cref="Full"/> from before later properties existed. Only the preset that it names may change it.
    /// </summary>
    public const string FullDigest = "1c95c1a06e01221140ac13718617dc36641dcd613df3c9816ef72b85288b6753";

    /// <summary>A policy with every section.</summary>
    public const string Full = """
        {
          "$schema": "policy.schema.json",
          "schemaVersion": 1,
          "name": "no-8",
          "description": "No eights.",
          "owner": "me",
          "generator": { "checkpoint": "g.safetensors", "format": "rosinality", "discriminator": "d.safetensors",
                         "sha256": "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" },
          "classifiers": {
            "digits": { "checkpoint": "a.safetensors", "classes": ["7", "8", "9"] },
            "auditor": { "checkpoint": "b.safetensors", "classes": ["7", "8", "9"] }
          },
          "undesiredFeatures": [
            { "name": "digit-8", "annotator": "digits", "auditor": "auditor", "class": "8", "maxRate": 0.01, "minUnlearned": 0.9 }
          ],
          "quality": { "extractor": "auditor", "reference": "r.safetensors",
                       "maxFrechetDistance": 40, "maxFrechetIncrease": 0.5, "minShareKept": 0.5 },
          "evaluation": { "samples": 1000, "maxSamples": 4000, "confidence": 0.9, "seed": 3, "truncation": 0.7 },
          "unlearning": { "method": "fine-tune", "preset": "paper", "seed": 9, "steps": 50,
                          "repulsion": { "loss": "nl2", "weight": 2.5 }, "adaptation": { "models": 3 } },
          "waivers": [
            { "rule": "quality/minShareKept/7", "reason": "known", "approvedBy": "you", "expires": "2026-12-31" }
          ],
          "report": { "formats": ["json", "sarif"], "publishSamples": true }
        }
        """;

    public static PolicyResult Read(string text, params string[] overrides) =>
        PolicyReader.Read(text, "policy.json", Vocabulary, [.. overrides.Select(PolicyOverride.Parse)]);

    /// <summary>The policy after one replacement in its text.</summary>
    public static PolicyResult ReadChanged(string text, string from, string to)
    {
        Assert.Contains(from, text, StringComparison.Ordinal);
        return Read(text.Replace(from, to, StringComparison.Ordinal));
    }

    /// <summary>The smallest policy after replacements in its text, read with TorchScript among the formats.</summary>
    public static PolicyResult Changed(params (string From, string To)[] changes)
    {
        var text = Smallest;
        foreach (var (from, to) in changes)
        {
            Assert.Contains(from, text, StringComparison.Ordinal);
            text = text.Replace(from, to, StringComparison.Ordinal);
        }

        return PolicyReader.Read(text, "policy.json", Vocabulary with
        {
            CheckpointFormats = ["safetensors", "torchscript",
            "onnx"]
        }, []);
    }

    /// <summary>Whether a validator accepts a policy by the exported schema.</summary>
    public static bool SchemaAccepts(string text) => _schema.Value.Evaluate(ParseLikeTheReader(text)).IsValid;

    /// <summary>JSON with comments and trailing commas.</summary>
    public static JsonNode ParseLikeTheReader(string text) => JsonNode.Parse(text, null, _asPoliciesAre)!;

    /// <summary>The folder <c>policies/</c> of the repository.</summary>
    public static string ExampleFolder()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "AdaptThenUnlearn.sln")))
            folder = folder.Parent;

        return Path.Combine(folder!.FullName, "policies");
    }
}
