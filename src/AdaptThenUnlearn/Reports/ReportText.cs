using System.Globalization;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Reports;

/// <summary>How numbers and verdicts are written in everything that people read, whatever the culture.</summary>
public static class ReportText
{
    /// <summary>Where there is no number.</summary>
    public const string None = "–";

    private const int DayLength = 10;   // of 2026-03-01

    /// <summary>The state with its sign.</summary>
    public static string Mark(FindingState state) => state switch
    {
        FindingState.Passed => "✅ passed",
        FindingState.Waived => "⚠️ waived",
        FindingState.Warned => "⚠️ warned",
        FindingState.WarnedNotMeasured => "⚠️ warned, not measured",
        FindingState.Failed => "❌ failed",
        FindingState.NotApplicable => "➖ does not apply",
        _ => "❌ not measured",
    };

    /// <summary>The state in words.</summary>
    public static string Describe(FindingState state) => state switch
    {
        FindingState.NotMeasured => "not measured",
        FindingState.WarnedNotMeasured => "warned, not measured",
        FindingState.NotApplicable => "does not apply",
        _ => state.ToString().ToLowerInvariant(),
    };

    /// <summary>How a rule's numbers are written: shares in percent, everything else plain.</summary>
    public static Func<double, string> Unit(RuleName rule) => rule.IsShare ? Percent : Plain;

    /// <summary>A number that may not be there.</summary>
    public static string Number(double? value, Func<double, string> unit) => value is { } number ? unit(number) : None;

    /// <summary>A measured or judged number, as short as it can be without changing its side of the limit.</summary>
    /// <remarks>Three significant digits; more where three would show the number at its limit, or beyond it.</remarks>
    /// <param name="finding">Whose number it is.</param>
    /// <param name="value">Null where there is none.</param>
    public static string Rounded(Finding finding, double? value) =>
        Number(value, number => FindingNumbers.Write(finding.Rule, number, finding.Limit));

    /// <summary>A number with three significant digits: nobody reads more from a count of images.</summary>
    /// <param name="value">Any number.</param>
    /// <param name="unit">How it is written.</param>
    public static string Rounded(double value, Func<double, string> unit) => unit(Rounded(value));

    /// <inheritdoc cref="ReadingText.Percent"/>
    public static string Percent(double value) => ReadingText.Percent(value);

    /// <inheritdoc cref="ReadingText.Plain"/>
    public static string Plain(double value) => ReadingText.Plain(value);

    /// <summary>How many images a policy looks at: one number, or the fewest and the most.</summary>
    public static string Images(EvaluationOptions evaluation) => string.Create(
        CultureInfo.InvariantCulture,
        $"{evaluation.Samples}{(evaluation.MaxSamples > evaluation.Samples ? $" to {evaluation.MaxSamples}" : "")} images");

    /// <summary>Counts and their share.</summary>
    public static string Share(long hits, long samples) => string.Create(
        CultureInfo.InvariantCulture,
        $"{hits} / {samples} ({(samples == 0 ? None : Rounded((double)hits / samples, Percent))})");

    /// <summary>When a run ran: from minute to minute, with each day once, e.g. <c>2026-03-01 10:00 to 10:03 UTC</c>.</summary>
    public static string Period(RunTimes times)
    {
        var (from, to) = (Minute(times.Started), Minute(times.Finished));
        var sameDay = from[..DayLength] == to[..DayLength];
        return from == to ? $"{from} UTC" : $"{from} to {(sameDay ? to[(DayLength + 1)..] : to)} UTC";

        static string Minute(DateTimeOffset time) =>
            time.UtcDateTime.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
    }

    private static double Rounded(double value) =>
        double.Parse(value.ToString("G3", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
}
