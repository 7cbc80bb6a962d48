using System.Globalization;
using AdaptThenUnlearn.Gating;

namespace AdaptThenUnlearn.Reports;

/// <summary>How reports for people write numbers: the same on every machine, and never more digits than mean something.</summary>
internal static class Figures
{
    /// <summary>Stands where there is no number.</summary>
    public const string None = "–";

    /// <summary>E.g. <c>0.326 %</c> for 0.00326.</summary>
    public static string Percent(double value) => (value * 100).ToString("0.###", CultureInfo.InvariantCulture) + " %";

    /// <summary>Four significant digits.</summary>
    public static string Plain(double value) => value.ToString("G4", CultureInfo.InvariantCulture);

    /// <summary>A number in its unit, or <see cref="None"/>.</summary>
    public static string Number(double? value, Func<double, string> unit) => value is { } number ? unit(number) : None;

    /// <summary>E.g. <c>20 / 10000 (0.2 %)</c>.</summary>
    public static string Share(long hits, long samples) =>
        FormattableString.Invariant($"{hits} / {samples} ({(samples == 0 ? None : Percent((double)hits / samples))})");

    /// <summary>How the numbers of a rule are written: distances are plain numbers, everything else is a share.</summary>
    public static Func<double, string> Unit(string rule) => rule == "quality/maxFrechetDistance" ? Plain : Percent;

    /// <summary>A state in words.</summary>
    public static string Words(FindingState state) => state is FindingState.NotMeasured ? "not measured" : state.ToString().ToLowerInvariant();
}
