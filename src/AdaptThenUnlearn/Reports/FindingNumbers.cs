using System.Globalization;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using static AdaptThenUnlearn.Reports.ReportText;

namespace AdaptThenUnlearn.Reports;

/// <summary>A finding's numbers as people compare them: three digits, and more only where three would mislead.</summary>
/// <remarks>
/// Rounding never moves a number onto its limit or across it, and never makes a share the whole. So 1.0004 % against a limit of
/// 1 % has all its digits. The limit has the digits that the policy gives it.
/// </remarks>
/// <param name="Quantity">What the numbers are: a rate, a share unlearned, a share kept, a distance, an increase.</param>
/// <param name="Observed">What was measured.</param>
/// <param name="Judged">What was compared with the limit, and whether the auditor's errors are missing in it, or a person's
/// audit gave it.</param>
/// <param name="Limit">The limit with its comparator.</param>
public sealed record FindingNumbers(string Quantity, string Observed, string Judged, string Limit)
{
    private const int FewestDigits = 3;
    private const int MostDigits = 17;
    private const double Whole = 1;

    /// <summary>The numbers of a finding; a dash where there is none.</summary>
    public static FindingNumbers Create(Finding finding)
    {
        var rule = finding.Rule;
        return new(
            QuantityOf(rule),
            Rounded(finding, finding.Observed),
            Rounded(finding, finding.Judged) + finding.AuditorErrors switch
            {
                ErrorCorrection.Uncorrected => " uncorrected",
                ErrorCorrection.Audited => " audited",
                _ => "",
            },
            finding.Limit is { } limit ? $"{finding.Comparator} {WriteLimit(rule, limit)}" : NoWorse);
    }

    /// <summary>The demand of a rule whose limit is a reading of the last accepted run that is not known.</summary>
    internal const string NoWorse = "no worse";

    /// <summary>What a rule's numbers are, in a word or two.</summary>
    public static string QuantityOf(RuleName rule) => rule.Limit switch
    {
        RuleLimit.MaxRate or RuleLimit.NoWorseRate => "rate",
        RuleLimit.MinUnlearned => "share unlearned",
        RuleLimit.MaxFrechetDistance or RuleLimit.NoWorseDistance => "distance",
        RuleLimit.MaxFrechetIncrease => "increase",
        RuleLimit.MinShareKept => "share kept",
        RuleLimit.NoWorseShare => "share",
        RuleLimit.MaxSuccess or RuleLimit.NoWorseSuccess => "success of the attack",
        RuleLimit.MaxShippedRate => "rate in the shipped file",
        RuleLimit.MaxParityDifference => "differing answers",
        RuleLimit.NoMoreHits => "p-value",
        RuleLimit.MaxPixelDifference => "levels of a pixel",
        RuleLimit.MaxFrechetDifference => "distance to the artifact",
        _ => "value",
    };

    /// <summary>A number beside a rule's limit.</summary>
    /// <param name="rule">Gives the unit: percent for a share, plain for everything else.</param>
    /// <param name="value">Finite.</param>
    /// <param name="limit">That the value is compared with; null where it is not known.</param>
    public static string Write(RuleName rule, double value, double? limit)
    {
        var isShare = rule.IsShare;
        for (var digits = Math.Max(FewestDigits, DigitsBeforeThePoint(value * Scale(isShare))); digits < MostDigits; digits++)
        {
            var rounded = Round(value, digits);
            if ((limit is not { } fence || IsOnSameSide(rounded, value, fence))
                && (!isShare || IsOnSameSide(rounded, value, Whole)))
                return Text(rounded, isShare);
        }

        return Text(value, isShare);
    }

    /// <summary>How much a number grew or fell, with its sign; in percentage points where it is a share.</summary>
    /// <param name="rule">Gives the unit.</param>
    /// <param name="was">The number before.</param>
    /// <param name="isNow">The number now.</param>
    public static string WriteDifference(RuleName rule, double was, double isNow)
    {
        var difference = Round(Math.Abs(isNow - was), FewestDigits);
        var sign = difference == 0 ? "±" : isNow > was ? "+" : "−";
        return rule.IsShare
            ? $"{sign}{Text(difference, isShare: true)[..^2]}\u00a0points"
            : $"{sign}{Text(difference, isShare: false)}";
    }

    /// <summary>A rule's limit, with all its digits.</summary>
    /// <param name="rule">Gives the unit.</param>
    /// <param name="limit">Finite.</param>
    public static string WriteLimit(RuleName rule, double limit) => Text(limit, rule.IsShare);

    private static int Scale(bool isShare) => isShare ? 100 : 1;

    private static int DigitsBeforeThePoint(double value) =>
        value == 0 ? 1 : (int)Math.Clamp(Math.Floor(Math.Log10(Math.Abs(value))) + 1, 0, MostDigits);

    private static double Round(double value, int digits) => double.Parse(
        value.ToString(string.Create(CultureInfo.InvariantCulture, $"E{digits - 1}"), CultureInfo.InvariantCulture),
        CultureInfo.InvariantCulture);

    private static bool IsOnSameSide(double rounded, double value, double fence) =>
        rounded.CompareTo(fence) == value.CompareTo(fence);

    // Decimal arithmetic, because the hundredfold of a rounded double may have more digits again.
    private static string Text(double value, bool isShare)
    {
        const double Smallest = 1e-12;
        const double Largest = 1e12;
        var number = value == 0 || Math.Abs(value) is > Smallest and < Largest
            ? (decimal.Parse(value.ToString("R", CultureInfo.InvariantCulture), NumberStyles.Float, CultureInfo.InvariantCulture)
                * Scale(isShare)).ToString("0.############################", CultureInfo.InvariantCulture)
            : (value * Scale(isShare)).ToString("G3", CultureInfo.InvariantCulture);
        return isShare ? $"{number} %" : number;
    }
}
