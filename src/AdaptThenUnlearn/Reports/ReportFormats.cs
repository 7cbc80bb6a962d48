using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Reports;

/// <summary>Every report a policy can ask for. A new one: write its file, add its line.</summary>
public static class ReportFormats
{
    /// <summary>All of them. The run record itself (<c>json</c>) is always written.</summary>
    public static IReadOnlyList<IReportFormat> All { get; } =
    [
        new JsonReport(), new MarkdownReport(), new HtmlReport(), new JUnitReport(), new SarifReport(), new BadgeReport()
    ];

    /// <summary>Those that are made from a run's record: all but the record itself.</summary>
    public static IReadOnlyList<IReportFormat> FromRecord { get; } =
    [
        .. All.Where(format => format.FileName != RunRecord.FileName)
    ];
}
