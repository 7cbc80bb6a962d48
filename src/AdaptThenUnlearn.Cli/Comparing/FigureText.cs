namespace AdaptThenUnlearn.Cli.Comparing;

/// <summary>Formats figures for the pages of comparisons, the same way in every culture.</summary>
public static class FigureText
{
    /// <summary>The text for a missing figure.</summary>
    public const string None = "–";

    /// <summary>A share in per cent.</summary>
    public static string Percent(double value) => Invariant($"{value * 100:0.0} %");

    /// <summary>A ratio.</summary>
    public static string Times(double value) => $"{Ratio(value)} ×";

    /// <summary>A ratio, or a difference of two ratios, without the multiplication sign.</summary>
    public static string Ratio(double value) => Invariant($"{value:0.00}");

    /// <summary>A multiple of the floor.</summary>
    public static string Floors(double value) => Invariant($"{value:0.0}");

    /// <summary>A distance.</summary>
    public static string Plain(double value) => Invariant($"{value:0.000}");

    /// <summary>A count, or a mean of counts.</summary>
    public static string Whole(double value) => Invariant($"{value:0}");

    /// <summary>A time.</summary>
    public static string Minutes(double value) => Invariant($"{value:0.0}");

    /// <summary>A difference of shares in percentage points.</summary>
    public static string Points(double share) => Invariant($"{share * 100:0.0}");

    /// <summary>A difference with its sign; one that is rounded to zero has none.</summary>
    public static string WithSign(double value, Func<double, string> unit) => unit(Math.Abs(value)) is var size && size == unit(0)
        ? size
        : (value > 0 ? "+" : "−") + size;

    /// <summary>A number with its noun in singular or plural.</summary>
    public static string FormatCount(int count, string one, string many) => Invariant($"{count} {(count == 1 ? one : many)}");

    /// <summary>Only the mean.</summary>
    public static string Mean(Spread? spread, Func<double, string> unit) => spread is null ? None : unit(spread.Mean);

    /// <summary>The mean, the range if the runs differ, and how many runs have the figure if not all do.</summary>
    public static string Format(Spread? spread, Func<double, string> unit, int runs, string had = "measured")
    {
        if (spread is null)
            return None;
        var range = unit(spread.Low) == unit(spread.High) ? "" : $" ({unit(spread.Low)} to {unit(spread.High)})";
        return unit(spread.Mean) + range + (spread.Count < runs ? Invariant($", {spread.Count} of {runs} {had}") : "");
    }

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
