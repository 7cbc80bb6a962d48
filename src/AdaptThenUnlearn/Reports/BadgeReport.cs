using System.Globalization;
using System.Text;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using static AdaptThenUnlearn.Reports.XmlText;

namespace AdaptThenUnlearn.Reports;

/// <summary>The verdict as a small picture for a README: the features, and the rate that none of them exceeds.</summary>
/// <remarks>
/// One SVG file without fonts or links. A rate is shown only where every rule passed; it is the largest upper bound of the rules
/// on rates, rounded up but never beyond its limit. Everything else is said in words.
/// </remarks>
public sealed class BadgeReport : IReportFormat
{
    private const int LongestLabel = 32;
    private const int Height = 20;
    private const int Padding = 6;

    // Each has a contrast of at least 4.5 with white letters.
    private const string LabelColor = "#444d56";
    private const string Green = "#177245";
    private const string Amber = "#8a5a00";
    private const string Red = "#b3261e";
    private const string Grey = "#5b656d";

    /// <inheritdoc/>
    public string Name => "badge";

    /// <inheritdoc/>
    public string FileName => "report.badge.svg";

    /// <inheritdoc/>
    public string Render(RunRecord record, RecordedPictures? pictures = null, Trend? trend = null)
    {
        var label = Label(record.Policy);
        var (message, color) = Message(record.Verdict);
        var (left, right) = (Width(label) + 2 * Padding, Width(message) + 2 * Padding);
        return string.Create(CultureInfo.InvariantCulture, $"""
            <svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{Height}" role="img"
              aria-label="{Escape($"{label}: {message}")}">
            <title>{Escape(Title(record))}</title>
            <desc>{Escape(Description(record.Verdict))}</desc>
            <clipPath id="corners"><rect width="{left + right}" height="{Height}" rx="3"/></clipPath>
            <g clip-path="url(#corners)">
            <rect width="{left}" height="{Height}" fill="{LabelColor}"/>
            <rect x="{left}" width="{right}" height="{Height}" fill="{color}"/>
            </g>
            <g fill="#fff" font-family="Verdana, DejaVu Sans, Geneva, sans-serif" font-size="11">
            {Text(label, Padding)}
            {Text(message, left + Padding)}
            </g>
            </svg>

            """).ReplaceLineEndings("\n");
    }

    private static string Label(UnlearningPolicy policy)
    {
        var features = policy.UndesiredFeatures.Select(feature => feature.Name).ToList();
        var names = string.Join(", ", features);
        return names.Length <= LongestLabel || features.Count == 1
            ? MarkdownText.Clip(OneLine(names), LongestLabel)
            : string.Create(CultureInfo.InvariantCulture, $"{features.Count} features");
    }

    private static (string Text, string Color) Message(Verdict verdict) => verdict.Outcome switch
    {
        Outcome.Passed => (HighestRate(verdict) is { } rate ? $"≤ {rate}" : "passed", Green),
        Outcome.PassedWithWaivers => ("waived", Amber),
        Outcome.PassedWithWarnings => ("warnings", Amber),
        Outcome.NotEnforced => ("not enforced", Grey),
        Outcome.NotMeasured => ("not measured", Grey),
        _ => ("failed", Red),
    };

    // What holds for the largest bound holds for every feature.
    private static string? HighestRate(Verdict verdict) =>
        verdict.Findings.Where(finding => finding is { Rule.Limit: RuleLimit.MaxRate, Judged: not null })
            .MaxBy(finding => finding.Judged) is { Judged: { } bound, Limit: { } limit } highest
            ? FindingNumbers.WriteLimit(highest.Rule, RoundUp(bound, limit))
            : null;

    // Two digits, or as many as it takes to stay within the limit.
    private static double RoundUp(double bound, double limit)
    {
        const int Fewest = 2;
        const int Most = 12;
        if (bound is not (> 0 and <= 1))
            return bound;

        var first = (int)Math.Floor(Math.Log10(bound));
        for (var digits = Fewest; digits <= Most; digits++)
        {
            var step = (decimal)Math.Pow(10, first - digits + 1);
            if (step > 0 && (double)(Math.Ceiling((decimal)bound / step) * step) is var rounded && rounded <= limit)
                return rounded;
        }

        return bound;
    }

    private static string Title(RunRecord record) => string.Create(
        CultureInfo.InvariantCulture,
        $"{record.Policy.Name}: {OutcomeText.Describe(record.Verdict.Outcome)}, measured "
            + $"{record.Times.Finished.UtcDateTime:yyyy-MM-dd}");

    private static string Description(Verdict verdict) => string.Join("; ", verdict.Findings.Select(finding =>
    {
        var numbers = FindingNumbers.Create(finding);
        var judged = finding.Judged is null ? "" : $", judged {numbers.Judged}, must be {numbers.Limit}";
        return $"{finding.Rule} {ReportText.Describe(finding.State)}{judged}";
    }));

    // The letters take exactly the room that they were given, whatever font draws them.
    private static string Text(string text, int x) => string.Create(
        CultureInfo.InvariantCulture,
        $"<text x=\"{x}\" y=\"14\" textLength=\"{Width(text)}\" lengthAdjust=\"spacingAndGlyphs\">{Escape(text)}</text>");

    private static string OneLine(string text) =>
        string.Concat(Legal(text).EnumerateRunes().Select(rune => Rune.IsControl(rune) ? " " : rune.ToString()));

    // As wide as Verdana draws them at 11 pixels, within a pixel or two.
    private static int Width(string text)
    {
        const string Narrow = " .,:;'|!/()[]Iijlt1frJ-";
        const string Wide = "mwMWQO%@&≤≥";
        const int FirstIdeograph = 0x1100;
        return (int)Math.Ceiling(text.EnumerateRunes().Sum(rune =>
            rune.Value >= FirstIdeograph && !Wide.Contains(rune.ToString(), StringComparison.Ordinal) ? 11.5
            : Wide.Contains(rune.ToString(), StringComparison.Ordinal) ? 10
            : Narrow.Contains(rune.ToString(), StringComparison.Ordinal) ? 4.6
            : Rune.IsUpper(rune) ? 7.8
            : 6.9));
    }
}
