using System.Globalization;
using AdaptThenUnlearn.Gating;

namespace AdaptThenUnlearn.Reports;

/// <summary>How numbers and verdicts are written in everything that people read, whatever the culture.</summary>
public static class ReportText
{
    /// <summary>Where there is no number.</summary>
    public const string None = "–";

    /// <summary>The state with its sign.</summary>
    public static string Mark(FindingState state) => state switch
    {
        FindingState.Passed => "✅ passed",
        FindingState.Waived => "⚠️ waived",
        FindingState.Failed => "❌ failed",
        _ => "❌ not measured",
    };

    /// <summary>The state in words.</summary>
    public static string Words(FindingState state) => state is FindingState.NotMeasured ? "not measured" : state.ToString().ToLowerInvariant();

    /// <summary>How a rule's numbers are written: distances are plain, everything else is a share.</summary>
    public static Func<double, string> Unit(string rule) => rule == "quality/maxFrechetDistance" ? Plain : Percent;

    /// <summary>A number that may not be there.</summary>
    public static string Number(double? value, Func<double, string> unit) => value is { } number ? unit(number) : None;

    /// <summary>A share, 0 to 1, as per cent.</summary>
    /// <remarks>Three decimals; more where three would make a small share look like none.</remarks>
    public static string Percent(double value) =>
        (value * 100).ToString(Math.Abs(value) is > 0 and < 0.000005 ? "0.#########" : "0.###", CultureInfo.InvariantCulture) + " %";

    /// <summary>Four significant digits.</summary>
    public static string Plain(double value) => value.ToString("G4", CultureInfo.InvariantCulture);

    /// <summary>Counts and their share.</summary>
    public static string Share(long hits, long samples) => string.Create(CultureInfo.InvariantCulture, $"{hits} / {samples} ({(samples == 0 ? None : Percent((double)hits / samples))})");
}
