using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml;
using System.Xml.Linq;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Reports;

/// <summary>What every report format must do, as a function over any of them.</summary>
internal static partial class ReportFormatContract
{
    /// <summary>Runs of each kind that a report must be able to show.</summary>
    public static IReadOnlyList<string> Runs { get; } =
    [
        "passed", "failed", "unmeasured", "untrained", "waived", "waived-untrained", "warned", "not-enforced", "many-rules"
    ];

    // Text that a policy, a classifier, a path or a machine may hold, and what each format's readers could take it for.
    private static readonly string[] _hostileTexts =
    [
        "\u0000\u0001\u001b[31m<script>alert(1)</script><!-- ]]> --> \"'&amp; \ufffe \ud800 \u202e\r\n## x\\u0022",
        "=HYPERLINK(\"http://x.example\",\"open\")",
        "+1,\"\n@SUM(A1:A9)",
        "\"><img src=x onerror=alert(1)>",
    ];

    // How machines and people read each kind of file: what they could not read, or would take for something else; null where they
    // read it.
    private static readonly Dictionary<string, Func<string, string?>> _readers = new()
    {
        [".json"] = JsonProblem,
        [".sarif"] = JsonProblem,
        [".xml"] = XmlProblem,
        [".svg"] = SvgProblem,
        [".html"] = HtmlProblem,
        [".md"] = MarkdownProblem,
        [".csv"] = CsvProblem,
    };

    /// <summary>Everything that a format does wrong, in sentences; none where it keeps the contract.</summary>
    public static IReadOnlyList<string> FindProblems(IReportFormat format) =>
        [.. CheckNames(format), .. CheckContent(format), .. CheckCulture(format), .. CheckHostileTexts(format)];

    private static IEnumerable<string> CheckNames(IReportFormat format)
    {
        if (!NamePattern().IsMatch(format.Name))
            yield return $"the name '{format.Name}' is not a word that a policy can name";
        if (format.FileName != Path.GetFileName(format.FileName) || Path.GetExtension(format.FileName).Length < 2)
            yield return $"'{format.FileName}' is not the name of a file in the run's folder";
    }

    private static IEnumerable<string> CheckContent(IReportFormat format)
    {
        foreach (var name in Runs)
        {
            var run = Records.Named(name);
            var text = format.Render(run);
            if (text != format.Render(RunRecordFile.Parse(RunRecordFile.ToJson(run), "run.json")))
                yield return $"{name}: the record that was written and read gives another text";
            foreach (var finding in run.Verdict.Findings.Where(
                finding => !text.Contains(finding.Rule.ToString(), StringComparison.Ordinal)))
                yield return $"{name}: the rule {finding.Rule} is missing";
            if (!text.EndsWith('\n'))
                yield return $"{name}: the text does not end with a line break";
            if (text.Contains('\r', StringComparison.Ordinal))
                yield return $"{name}: the text has carriage returns; lines end with a line feed alone";
        }

        // The same findings with another verdict must read differently.
        var passed = Records.Named("passed");
        if (format.Render(passed)
            == format.Render(passed with { Verdict = new Verdict(false, passed.Verdict.Findings, passed.Verdict.Warnings) }))
            yield return "the verdict is missing: the text is the same whether the run passed or failed";
    }

    private static IEnumerable<string> CheckCulture(IReportFormat format)
    {
        var german = (CultureInfo)new CultureInfo("de-DE").Clone();
        german.NumberFormat.NegativeSign = "minus";
        var before = CultureInfo.CurrentCulture;
        try
        {
            foreach (var name in Runs)
            {
                var usual = format.Render(Records.Named(name));
                CultureInfo.CurrentCulture = german;
                var other = format.Render(Records.Named(name));
                CultureInfo.CurrentCulture = before;
                if (usual != other)
                    yield return $"{name}: the text depends on the machine's culture";
            }
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    private static IEnumerable<string> CheckHostileTexts(IReportFormat format)
    {
        var kind = Path.GetExtension(format.FileName);
        if (!_readers.TryGetValue(kind, out var read))
        {
            yield return $"nothing reads '{kind}': add a reader to {nameof(ReportFormatContract)}.{nameof(_readers)}, which "
                + "says what a hostile text could do there";
            yield break;
        }

        foreach (var hostile in _hostileTexts)
        {
            var text = format.Render(HostileRun(hostile));
            if (ControlPattern().Match(text) is { Success: true } control)
                yield return FormattableString.Invariant(
                    $"a raw control character or half a character: U+{(int)control.Value[0]:X4}");
            if (read(text) is { } problem)
                yield return problem;
        }
    }

    // Every text that a policy, a classifier, a path or a machine can put into a record.
    private static RunRecord HostileRun(string hostile)
    {
        var run = Records.Named("failed");
        var waiver = new Waiver(hostile, hostile, hostile, hostile);
        var feature = run.Policy.UndesiredFeatures[0] with { Name = hostile, Class = hostile };
        var metric =
            new MetricValue(new QualityMetric(hostile, hostile, hostile, IsHigherBetter: true), null, NotMeasured: hostile);
        return run with
        {
            Tool = hostile,
            Policy = run.Policy with
            {
                Name = hostile,
                Description = hostile,
                Owner = hostile,
                UndesiredFeatures = [feature],
                Waivers = [waiver]
            },
            PolicySource = run.PolicySource with { File = $"../{hostile}.json", Text = hostile },
            Inputs = [new(hostile, hostile, hostile)],
            Outputs = [new(hostile, $"images/{hostile}.png", hostile)],
            Before = run.Before with
            {
                Features = [run.Before.Features[0] with { Feature = hostile, Classifier = hostile, Class = hostile }],
                Quality =
                    run.Before.Quality!.With(metric) with { DistanceName = hostile, Extractor = hostile, Excluded = [hostile] },
                Shares = [run.Before.Shares[0] with { Class = hostile, Classifier = hostile }],
            },
            Training = run.Training! with { Method = hostile },
            Verdict = new Verdict(
                false,
                [
                    new Finding(RuleName.MaxRate(hostile), FindingState.Waived, 1, 1, hostile, 1, hostile, waiver),
                    new Finding(RuleName.Parse(hostile), FindingState.NotMeasured, null, null, hostile, -1, hostile, null),
                ],
                [hostile]),
            Environment = run.Environment with { OperatingSystem = hostile, Device = hostile },
            Times = run.Times with { Stages = [new StageTime(hostile, 1)] },
        };
    }

    private static string? JsonProblem(string text)
    {
        try
        {
            using (JsonDocument.Parse(text))
                return null;
        }
        catch (JsonException damaged)
        {
            return $"it is not JSON: {damaged.Message}";
        }
    }

    private static string? XmlProblem(string text)
    {
        try
        {
            XDocument.Parse(text);
            return null;
        }
        catch (XmlException damaged)
        {
            return $"it is not XML: {damaged.Message}";
        }
    }

    // A picture on somebody's page: it stands alone, and a reader who does not see it hears what it shows.
    private static string? SvgProblem(string text) =>
        XmlProblem(text) ?? HtmlProblem(text)
            ?? (SvgFetchPattern().Match(text) is { Success: true } link ? $"it links or fetches: {link.Value}" : null)
            ?? (XDocument.Parse(text).Root is { } root && root.Attribute("role")?.Value == "img"
                && root.Elements().FirstOrDefault()?.Name.LocalName == "title"
                ? null
                : "it has no role and title for readers who do not see it");

    private static string? HtmlProblem(string text) =>
        ScriptPattern().Match(text) is { Success: true } script ? $"it runs or fetches what a text holds: {script.Value}"
        : UnbalancedTags(text) is [var tag, ..] ? $"the tag {tag} is not closed, or closes nothing"
        : null;

    private static string? MarkdownProblem(string text)
    {
        var outside = CodeSpanPattern().Replace(text, "");
        return ScriptPattern()
            .Match(outside) is { Success: true } script ? $"it runs or fetches what a text holds: {script.Value}"
            : text.Contains("\n## x", StringComparison.Ordinal) ? "a text becomes a heading"
            : null;
    }

    // RFC 4180 with line feeds. Spreadsheets run fields that begin like a formula.
    private static string? CsvProblem(string text)
    {
        if (CsvPattern().Match(text) is not { Success: true } match || match.Length != text.Length)
            return "it is not CSV";

        var rows = match.Groups["row"].Captures.Select(
            row => CsvFieldPattern().Matches("," + row.Value).Select(field => field.Groups["field"].Value).ToList()).ToList();
        if (rows.Exists(row => row.Count != rows[0].Count))
            return "its rows have different numbers of fields";
        return rows.SelectMany(row => row).Select(field => field.Trim('"')).FirstOrDefault(IsFormula) is { } formula
            ? $"a spreadsheet runs this field: {formula}"
            : null;

        static bool IsFormula(string field) =>
            field.Length > 0 && "=+-@\t".Contains(field[0], StringComparison.Ordinal)
            && !double.TryParse(field, NumberStyles.Float, CultureInfo.InvariantCulture, out _);
    }

    // Void elements aside, what is opened is closed, in order.
    private static List<string> UnbalancedTags(string html)
    {
        var open = new Stack<string>();
        List<string> wrong = [];
        foreach (Match tag in TagPattern().Matches(html))
        {
            var name = tag.Groups["name"].Value;
            if (tag.Groups["close"].Length > 0 && (open.Count == 0 || open.Pop() != name))
                wrong.Add(tag.Value);
            else if (tag.Groups["close"].Length == 0
                && !tag.Value.EndsWith("/>", StringComparison.Ordinal)
                && name is not ("meta" or "img"))
                open.Push(name);
        }

        return [.. wrong, .. open];
    }

    [GeneratedRegex("^[a-z][a-z0-9-]*$")]
    private static partial Regex NamePattern();

    [GeneratedRegex(@"[\x00-\x09\x0b-\x1f\ud800-\udfff]")]
    private static partial Regex ControlPattern();

    [GeneratedRegex("`[^`\n]*`")]
    private static partial Regex CodeSpanPattern();

    [GeneratedRegex(@"<script|<[a-z]+(?:\s+[\w-]+(?:=(?:""[^""]*""|[^\s"">]+))?)*\s+on[a-z]+\s*=", RegexOptions.IgnoreCase)]
    private static partial Regex ScriptPattern();

    [GeneratedRegex(@"<(?:a|image|use|foreignObject|style|script)\b|\bhref\s*=|url\((?!#)", RegexOptions.IgnoreCase)]
    private static partial Regex SvgFetchPattern();

    [GeneratedRegex(@"<(?<close>/?)(?<name>[a-z][a-z0-9]*)(?:\s[^<>]*)?>")]
    private static partial Regex TagPattern();

    [GeneratedRegex("^(?:(?<row>(?:\"(?:[^\"]|\"\")*\"|[^\",\n]*)(?:,(?:\"(?:[^\"]|\"\")*\"|[^\",\n]*))*)\n)+")]
    private static partial Regex CsvPattern();

    [GeneratedRegex(",(?<field>\"(?:[^\"]|\"\")*\"|[^\",\n]*)")]
    private static partial Regex CsvFieldPattern();
}
