using System.Globalization;
using AdaptThenUnlearn.Torch.Comparing;

namespace AdaptThenUnlearn.Cli.Comparing;

/// <summary>A comparison's runs as comma-separated values, one line per run.</summary>
public static class ComparisonCsv
{
    private const string Header =
        "method,class,seed,samples,hits_before,hits_after,pul,pul_low,pul_high,fd_before,fd_after,fd_ratio,fd_to_retraining," +
        "ret_fd,smallest_share_kept,largest_share_kept,steps,kept_step,training_seconds,processor_seconds,total_seconds," +
        "device,threads,tool,artifact_sha256,failure";

    private const string Refusing = ",images_made";
    private const string Third = ",third_hits_before,third_hits_after,third_pul,third_sha256";

    /// <summary>
    /// Renders the table; values that were not measured are empty. Where a run refused images, a further column has the number of
    /// images that were made for those that were kept. Where there is a third classifier, further columns have its counts.
    /// </summary>
    public static string Render(Comparison comparison)
    {
        var cells = comparison.Keys().Select(comparison.Find).OfType<ComparedCell>().ToList();
        var refuses = cells.Exists(cell => cell.Outcome is { Made: not null });
        var counts = comparison.Third is not null;
        return string.Concat(cells
            .Select(cell => Line(comparison, cell)
                + (refuses ? "," + Line(cell.Outcome?.Made) : "") + (counts ? "," + CountLine(comparison, cell) : ""))
            .Prepend(Header + (refuses ? Refusing : "") + (counts ? Third : "")).Select(line => line + "\n"));
    }

    private static string CountLine(Comparison comparison, ComparedCell cell)
    {
        var count = cell.Outcome is { } outcome ? comparison.FiguresOf([cell]).ThirdCount(outcome) : null;
        return Line(count?.HitsBefore, count?.HitsAfter, count?.Unlearned, count?.Sha256);
    }

    private static string Line(Comparison comparison, ComparedCell cell)
    {
        var outcome = cell.Outcome;
        var figures = comparison.Figures(comparison.Methods.Single(method => method.Name == cell.Key.Method), cell.Key.Class);
        return Line(
            cell.Key.Method, cell.Key.Class, cell.Key.Seed, outcome?.Samples, outcome?.HitsBefore, outcome?.HitsAfter,
            outcome?.Unlearned, outcome?.UnlearnedInterval?.Low, outcome?.UnlearnedInterval?.High,
            outcome?.FrechetBefore, outcome?.FrechetAfter, outcome?.FrechetRatio, figures.RatioToRetraining(cell),
            figures.RetrainedDistance(cell),
            outcome?.SmallestShareKept, outcome?.LargestShareKept, outcome?.Steps, outcome?.KeptStep,
            outcome?.TrainingSeconds, outcome?.ProcessorSeconds, outcome?.TotalSeconds, cell.Environment.Device,
            cell.Environment.Threads,
            cell.Tool, outcome?.ArtifactSha256, cell.Failure);
    }

    /// <summary>One line without its end: numbers with six digits, nothing for null, quotes where a text needs them.</summary>
    internal static string Line(params IEnumerable<object?> values) => string.Join(',', values.Select(Text));

    private static string Text(object? value) => value is double number
        ? number.ToString("G6", CultureInfo.InvariantCulture)
        : Quoted(Convert.ToString(value, CultureInfo.InvariantCulture) ?? "");

    // RFC 4180, section 2.
    private static string Quoted(string text) =>
        text.AsSpan().IndexOfAny(",\"\r\n") < 0 ? text : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
