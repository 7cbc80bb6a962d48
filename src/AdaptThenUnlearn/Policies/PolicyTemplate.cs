using System.Text.Json;

namespace AdaptThenUnlearn.Policies;

/// <summary>A policy to begin with, and to read: every section, commented.</summary>
public static class PolicyTemplate
{
    private const string Text = """
        // What this generator must not emit, and what must survive when it is made to forget.
        // Paths are relative to this file. Comments and trailing commas are allowed.
        {
          "$schema": "policy.schema.json",
          "schemaVersion": 1,
          "name": NAME,   // also the output folder's name: a-z, 0-9 and '-'
          "description": "Releases of this generator must not emit the undesired feature.",
          "owner": "who-answers-for-this-policy",

          "generator": {
            "checkpoint": "models/generator.safetensors",
            "format": "auto",   // found by content
            // "sha256": "...",   // pins the file
            // "discriminator": "models/discriminator.safetensors",   // where the checkpoint has none
          },

          // Two of them, trained apart: the annotator labels the training feedback, the auditor marks the exam.
          "classifiers": {
            "annotator": { "checkpoint": "models/annotator.safetensors" },
            "auditor": { "checkpoint": "models/auditor.safetensors" },
          },

          "undesiredFeatures": [
            {
              "name": "undesired-feature",
              "annotator": "annotator",
              "auditor": "auditor",
              "class": "8",           // the class of both classifiers that shows the feature
              "maxRate": 0.01,        // largest share of all images; its upper bound is judged, not the estimate
              "minUnlearned": 0.95,   // smallest (before - after) / before; either limit, or both
            },
          ],

          // What must survive. Leave the section out, and nothing is asked of the images.
          "quality": {
            "extractor": "auditor",              // or "inception-v3" with "extractorWeights", a file you fetch: FID
            "reference": "original-generator",   // or a folder of images, or a statistics file
            "maxFrechetDistance": 1.0,           // how far the images may move, in squared units of the extractor's features: see what a first run measures
            "minShareKept": 0.5,                 // each other class keeps half the share it had, or more
          },

          // The sample doubles from 'samples' to 'maxSamples' while the estimate is within a limit and its bound is not.
          "evaluation": { "samples": 10000, "maxSamples": 50000, "confidence": 0.95, "seed": 20 },

          "unlearning": {
            "method": "adapt-then-unlearn",
            "preset": "default",   // quick, default, thorough or paper; any value can be given beside it
            "seed": 1,
          },

          // Lets a failed rule pass until the end of a day (UTC).
          "waivers": [
            // { "rule": "undesired-feature/maxRate", "reason": "...", "approvedBy": "...", "expires": "2026-12-31" },
          ],

          "report": { "formats": ["json", "markdown"], "publishSamples": false },
        }

        """;

    /// <summary>The policy's text, with line feeds.</summary>
    /// <param name="name">The policy's name; checked when the policy is read.</param>
    public static string Starter(string name) =>
        Text.ReplaceLineEndings("\n").Replace("NAME", JsonSerializer.Serialize(name), StringComparison.Ordinal);
}
