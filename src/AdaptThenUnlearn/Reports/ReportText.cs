using System.Globalization;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;

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
        FindingState.NotApplicable => "➖ does not apply",
        _ => "❌ not measured",
    };

    /// <summary>The state in words.</summary>
    public static string Describe(FindingState state) => state switch
    {
        FindingState.NotMeasured => "not measured",
        FindingState.NotApplicable => "does not apply",
        _ => state.ToString().ToLowerInvariant(),
    };

    /// <summary>How a rule's numbers are written: distances are plain, everything else is a share.</summary>
    public static Func<double, string> Unit(RuleName rule) => rule.Limit is RuleLimit.MaxFrechetDistance ? Plain : Percent;

    /// <summary>A number that may not be there.</summary>
    public static string Number(double? value, Func<double, string> unit) => value is { } number ? unit(number) : None;

    /// <inheritdoc cref="ReadingText.Percent"/>
    public static string Percent(double value) => ReadingText.Percent(value);

    /// <inheritdoc cref="ReadingText.Plain"/>
    public static string Plain(double value) => ReadingText.Plain(value);

    /// <summary>Counts and their share.</summary>
    public static string Share(long hits, long samples) => string.Create(
        CultureInfo.InvariantCulture, $"{hits} / {samples} ({(samples == 0 ? None : Percent((double)hits / samples))})");
}
