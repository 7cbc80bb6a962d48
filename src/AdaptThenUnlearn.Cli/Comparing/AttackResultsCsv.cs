using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Cli.Comparing;

/// <summary>The attacks of a comparison as comma-separated values: one line for each way in which one was tried.</summary>
public static class AttackResultsCsv
{
    private const double Confidence = 0.95;

    private const string Header =
        "method,class,seed,attack,variant,successes,attempts,share,share_low,share_high,at_start,usual,percentile,distance," +
        "training_steps,training_images,seconds,generator_sha256,not_measured";

    /// <summary>Renders the table; values that were not measured are empty, and the last column says why.</summary>
    public static string Render(AttackResults results) =>
        string.Concat(results.Results.SelectMany(Lines).Prepend(Header).Select(line => line + "\n"));

    private static IEnumerable<string> Lines(AttackResult result) => result.Reading is { } reading
        ? reading.Variants.Select(variant => Line(result, variant))
        : [Line(result, AttackVariant.NotMeasured("", result.Missing ?? "not made"))];

    private static string Line(AttackResult result, AttackVariant variant)
    {
        var interval = variant.Interval(Confidence);
        return ComparisonCsv.Line(
            result.Method, result.Class, result.Seed, result.Attack, variant.Name,
            variant.Attempts == 0 ? null : variant.Successes, variant.Attempts == 0 ? null : variant.Attempts,
            variant.Attempts == 0 ? null : variant.Share, interval?.Low, interval?.High, variant.AtStart, variant.Usual,
            variant.Percentile, variant.Distance, variant.TrainingSteps, variant.TrainingImages, result.Seconds,
            result.Reading?.GeneratorSha256, variant.Why);
    }
}
