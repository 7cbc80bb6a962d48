using System.Globalization;
using System.Net;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Reports;

/// <summary>
/// Every format of the catalogue keeps the contract and gives its golden reports; right ones from elsewhere would pass, wrong
/// ones do not.
/// </summary>
public sealed class ReportFormatTests
{
    public static TheoryData<string> Formats => [.. ReportFormats.All.Select(format => format.Name)];

    public static MatrixTheoryData<string, string> FormatsAndRuns =>
        new(ReportFormats.All.Select(format => format.Name), ReportFormatContract.Runs);

    [Fact(Skip = MutationRun.TooSlow, SkipType = typeof(MutationRun), SkipWhen = nameof(MutationRun.IsOn))]
    public void All_NamesAndFiles_AreDistinct()
    {
        Assert.Distinct(ReportFormats.All.Select(format => format.Name));
        Assert.Distinct(ReportFormats.All.Select(format => format.FileName));
    }

    [Theory(Skip = MutationRun.TooSlow, SkipType = typeof(MutationRun), SkipWhen = nameof(MutationRun.IsOn))]
    [MemberData(nameof(Formats))]
    public void Catalogue_EveryFormat_KeepsTheContract(string format) =>
        Assert.Empty(ReportFormatContract.FindProblems(Named(format)));

    [Theory(Skip = MutationRun.TooSlow, SkipType = typeof(MutationRun), SkipWhen = nameof(MutationRun.IsOn))]
    [MemberData(nameof(FormatsAndRuns))]
    public void Render_ARun_IsTheGoldenReport(string format, string run) =>
        Golden.Check(
            $"{run}.{Named(format).FileName}", Named(format).Render(Records.Named(run)), "AdaptThenUnlearn.Tests/Reports/golden");

    [Fact(Skip = MutationRun.TooSlow, SkipType = typeof(MutationRun), SkipWhen = nameof(MutationRun.IsOn))]
    public void GoldenReport_Missing_SaysHowToWriteIt()
    {
        Assert.SkipWhen(Golden.IsUpdating, "golden files are being written, so none is missing");

        var missing = Assert.ThrowsAny<Exception>(
            () => Golden.Check("no-such.report", "text", "AdaptThenUnlearn.Tests/Reports/golden"));

        Assert.Contains("ATU_UPDATE_GOLDEN=1", missing.Message, StringComparison.Ordinal);
    }

    [Fact(Skip = MutationRun.TooSlow, SkipType = typeof(MutationRun), SkipWhen = nameof(MutationRun.IsOn))]
    public void NewFormat_RightOne_KeepsTheContract()
    {
        Assert.Empty(ReportFormatContract.FindProblems(new CsvFormat()));
        Assert.Empty(ReportFormatContract.FindProblems(new PageFormat()));
    }

    [Theory(Skip = MutationRun.TooSlow, SkipType = typeof(MutationRun), SkipWhen = nameof(MutationRun.IsOn))]
    [InlineData("control characters", "a raw control character")]
    [InlineData("carriage returns", "carriage returns")]
    [InlineData("no verdict", "the verdict is missing")]
    [InlineData("no rules", "is missing")]
    [InlineData("formulas", "a spreadsheet runs this field")]
    [InlineData("bare quotes", "it is not CSV")]
    [InlineData("culture", "depends on the machine's culture")]
    [InlineData("unfinished line", "does not end with a line break")]
    [InlineData("unknown kind", "add a reader to ReportFormatContract._readers")]
    [InlineData("folder", "is not the name of a file in the run's folder")]
    public void NewFormat_WrongTable_BreaksTheContract(string fault, string expected) =>
        Assert.Contains(
            ReportFormatContract.FindProblems(new CsvFormat(fault)),
            problem => problem.Contains(expected, StringComparison.Ordinal));

    [Theory(Skip = MutationRun.TooSlow, SkipType = typeof(MutationRun), SkipWhen = nameof(MutationRun.IsOn))]
    [InlineData("script", "it runs or fetches what a text holds: <script")]
    [InlineData("attribute", "it runs or fetches what a text holds: <img")]
    [InlineData("open tag", "is not closed")]
    public void NewFormat_WrongPage_BreaksTheContract(string fault, string expected) =>
        Assert.Contains(
            ReportFormatContract.FindProblems(new PageFormat(fault)),
            problem => problem.Contains(expected, StringComparison.Ordinal));

    private static IReportFormat Named(string name) => ReportFormats.All.Single(format => format.Name == name);

    /// <summary>One line a rule: right as it is, and wrong in one way where a fault is named.</summary>
    private sealed class CsvFormat(string fault = "") : IReportFormat
    {
        public string Name => "csv";

        public string FileName => fault switch { "unknown kind" => "rules.ods", "folder" => "../rules.csv", _ => "rules.csv" };

        public string Render(RunRecord record, RecordedPictures? pictures = null, Trend? trend = null)
        {
            var lineBreak = fault == "carriage returns" ? "\r\n" : "\n";
            var rows = record.Verdict.Findings.Select(finding => string.Join(',', Cells(record, finding).Select(Field)));
            var text = string.Join(lineBreak, rows.Prepend("verdict,rule,state,limit,explanation"));
            return fault == "unfinished line" ? text : text + lineBreak;
        }

        private string[] Cells(RunRecord record, Finding finding) =>
        [
            fault == "no verdict" ? "" : OutcomeText.Name(record.Verdict.Outcome),
            fault == "no rules" ? "" : finding.Rule.ToString(),
            ReportText.Describe(finding.State),
            finding.Limit!.Value.ToString(fault == "culture" ? CultureInfo.CurrentCulture : CultureInfo.InvariantCulture),
            finding.Explanation,
        ];

        private string Field(string cell)
        {
            var safe = fault == "control characters" ? cell.Replace('\n', ' ')
                : string.Concat(
                    cell.Select(character => char.IsControl(character) || char.IsSurrogate(character) ? ' ' : character));
            if (fault != "formulas" && safe.Length > 0 && "=+-@".Contains(safe[0], StringComparison.Ordinal))
                safe = $"'{safe}";
            return fault == "bare quotes" ? safe : $"\"{safe.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
        }
    }

    /// <summary>One paragraph a rule: right as it is, and wrong in one way where a fault is named.</summary>
    private sealed class PageFormat(string fault = "") : IReportFormat
    {
        public string Name => "page";

        public string FileName => "page.html";

        public string Render(RunRecord record, RecordedPictures? pictures = null, Trend? trend = null)
        {
            var paragraphs = string.Concat(record.Verdict.Findings.Select(Paragraph));
            return $"<html><body><h1>{OutcomeText.Name(record.Verdict.Outcome)}</h1>\n{paragraphs}</body></html>\n";
        }

        private string Paragraph(Finding finding)
        {
            var rule = string.Concat(finding.Rule.ToString()
                .Select(character => char.IsControl(character) || char.IsSurrogate(character) ? ' ' : character));
            return fault switch
            {
                "script" => $"<p>{rule}</p>\n",
                "attribute" => $"<p title=\"{rule.Replace("<s", "&lt;s", StringComparison.Ordinal)}\"></p>\n",
                "open tag" => $"<p>{WebUtility.HtmlEncode(rule)}\n",
                _ => $"<p>{WebUtility.HtmlEncode(rule)}</p>\n",
            };
        }
    }
}
