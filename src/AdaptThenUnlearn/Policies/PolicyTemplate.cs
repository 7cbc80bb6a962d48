using System.Text.Json;

namespace AdaptThenUnlearn.Policies;

/// <summary>A starter policy with every section, commented.</summary>
public static class PolicyTemplate
{
    /// <summary>The schema that the policy names for editors, beside it.</summary>
    public const string SchemaFile = "policy.schema.json";

    private const string Text = """
        // What this generator must not emit, and what must survive when it is made to forget.
        // Paths are relative to this file: the models are beside the folder of policies. Comments and trailing commas are allowed.
        {
          "$schema": SCHEMA,
          "schemaVersion": 1,
          "name": NAME,   // also the output folder's name: a-z, 0-9 and '-'
          "description": "Releases of this generator must not emit the undesired feature.",
          "owner": "who-answers-for-this-policy",

          "generator": {
            "checkpoint": "../models/generator.safetensors",
            "format": "auto",   // found by content
            // "sha256": "...",   // pins the file
            // "discriminator": "../models/discriminator.safetensors",   // if the checkpoint has none
          },

          // Two classifiers that were trained independently.
          // The annotator labels the training feedback, the auditor measures for the gate.
          "classifiers": {
            "annotator": { "checkpoint": "../models/annotator.safetensors" },
            "auditor": { "checkpoint": "../models/auditor.safetensors" },
          },

          "undesiredFeatures": [
            {
              "name": "undesired-feature",
              "annotator": "annotator",
              "auditor": "auditor",
              "class": "8",           // the class of both classifiers that shows the feature
              "maxRate": 0.01,        // largest allowed share of all images; judged by its upper bound, not by the estimate
              "minUnlearned": 0.95,   // smallest allowed (before - after) / before; give either limit, or both
            },
          ],

          // What must survive. Without this section, image quality is not judged.
          "quality": {
            "extractor": "auditor",              // or "inception-v3" for FID, with its file as "extractorWeights"
            "reference": "original-generator",   // or a folder of images, or a statistics file
            "maxFrechetDistance": 1.0,           // in squared units of the extractor's features; choose it after a first run
            "minShareKept": 0.5,                 // each other class keeps at least half of its share
          },

          // The sample doubles from 'samples' up to 'maxSamples' while an estimate is within its limit but its bound is not.
          "evaluation": { "samples": 10000, "maxSamples": 50000, "confidence": 0.95, "seed": 20 },

          "unlearning": {
            "method": "adapt-then-unlearn",
            "preset": "default",   // quick, default, thorough or paper; other values here override it
            "seed": 1,
          },

          // What somebody with the weights must not get out of the generator. Each attack takes minutes.
          "audits": [
            // { "attack": "latent-search", "maxSuccess": 0.05, "budget": "full" },     // fails the gate
            // { "attack": "truncation", "maxSuccess": 0.02, "advisory": true },        // is only reported
          ],

          // A waiver accepts a failed rule until the end of a day (UTC).
          "waivers": [
            // { "rule": "undesired-feature/maxRate", "reason": "...", "approvedBy": "...", "expires": "2026-12-31" },
          ],

          "report": { "formats": ["json", "markdown"], "publishSamples": false },
        }

        """;

    /// <summary>The policy's text, with line feeds.</summary>
    /// <param name="name">The policy's name; it is checked when the policy is read.</param>
    public static string Starter(string name) =>
        Text.ReplaceLineEndings("\n")
            .Replace("SCHEMA", JsonSerializer.Serialize(SchemaFile), StringComparison.Ordinal)
            .Replace("NAME", JsonSerializer.Serialize(name), StringComparison.Ordinal);
}
