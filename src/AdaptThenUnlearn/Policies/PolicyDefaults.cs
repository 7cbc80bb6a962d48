using System.Globalization;
using System.Text.Json;

namespace AdaptThenUnlearn.Policies;

/// <summary>The values of everything that a policy leaves out.</summary>
internal static class PolicyDefaults
{
    private static readonly EvaluationOptions Evaluation = new(
        Samples: 10_000, MaxSamples: 50_000, Confidence: 0.95, Seed: 20, Truncation: 1.0);

    /// <summary>The defaults for this policy: those of its preset, and numbers that follow from others of the policy.</summary>
    public static ObjectNode For(ObjectNode policy)
    {
        var unlearning = policy.Find("unlearning")?.Value as ObjectNode;
        var evaluation = policy.Find("evaluation")?.Value as ObjectNode;
        var values = new
        {
            Generator = new { Format = "auto" },
            Evaluation = Evaluation with { MaxSamples = MaxSamples(policy, Whole(evaluation, "samples")) },
            Unlearning = Proportioned(Preset(unlearning), Whole(unlearning, "steps")),
            Waivers = Array.Empty<Waiver>(),
            Report = new ReportOptions(Formats: ["json", "markdown"], PublishSamples: false),
        };
        var json = JsonSerializer.Serialize(values, PolicyJson.Options);
        return (ObjectNode)PolicyText.ParseArgument(json, "default")!;
    }

    // A folder has as many images as it has: nothing is sampled on where the policy does not say so.
    private static int MaxSamples(ObjectNode policy, int? samples)
    {
        var images = (policy.Find("generator")?.Value as ObjectNode)?.Find("images")?.Value;
        return images is ScalarNode { Kind: JsonValueKind.String }
            ? samples ?? Evaluation.Samples
            : Math.Max(Evaluation.MaxSamples, samples ?? 0);
    }

    private static UnlearningOptions Preset(ObjectNode? unlearning)
    {
        var name = (unlearning?.Find("preset")?.Value as ScalarNode)?.Text;
        return UnlearningPresets.Get(name is not null && UnlearningPresets.Names.Contains(name)
            ? name
            : UnlearningPresets.DefaultName);
    }

    /// <summary>
    /// The preset with its proportion of recovery steps, so that a shorter run does not consist of recovery alone.
    /// </summary>
    private static UnlearningOptions Proportioned(UnlearningOptions preset, int? steps) =>
        preset with { RecoverySteps = (int)((long)preset.RecoverySteps * Math.Max(0, steps ?? preset.Steps) / preset.Steps) };

    private static int? Whole(ObjectNode? section, string name) =>
        section?.Find(name)?.Value is ScalarNode { Kind: JsonValueKind.Number } number
        && int.TryParse(number.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
            ? value
            : null;
}
