using System.Globalization;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Publishing.Admission;
using AdaptThenUnlearn.Publishing.Targets;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;
using static AdaptThenUnlearn.Reports.ReportText;

namespace AdaptThenUnlearn.Publishing.Pages;

/// <summary>The table of rules: what needs attention first, and one row for classes that all keep their share.</summary>
internal static class RuleTable
{
    private const int FirstNumber = 2;
    private const string Reading = "Before" + RuleRow.Arrow + "after";

    /// <summary>The table with its explanation.</summary>
    public static PageSection Create(PublishedRun run, PublishContext context)
    {
        // Leave out a column that would be empty.
        var trained = run.Record.After is not null;
        string[] columns =
        [
            "Rule", "Verdict", "Measured", "Bound", "Limit",
            .. run.Baseline is null ? Array.Empty<string>() : [BaselineColumn.Heading],
            .. trained ? [Reading] : Array.Empty<string>(),
        ];
        var rows = RuleFamilies.Fold(run.Findings).Select(Row).ToList();
        return new PageSection(1, rows, kept => rows.Count == 0 ? "No rule was judged.\n" : Render(columns, kept, run, context));

        string[] Row(RuleFamily family)
        {
            var row = RuleRow.Create(run.Record, family);
            return
            [
                $"{Name(family, run, context)} ({FindingNumbers.QuantityOf(family.Rule)})", Mark(family.Nearest.State),
                row.Measured, row.Bound, row.Limit,
                .. run.Baseline is { } baseline
                    ? [BaselineColumn.Cell(family, run.Record, baseline)]
                    : Array.Empty<string>(),
                .. trained ? [row.Reading] : Array.Empty<string>()
            ];
        }
    }

    /// <summary>The policy's path, linked to the file at the measured commit where that is known.</summary>
    public static string PolicyLink(PublishedRun run, PublishContext context)
    {
        var path = MarkdownText.Code(MarkdownText.Clip(run.PolicyFile ?? run.Record.PolicySource.File, 200));
        return LineOf(run, context, _ => 1) is { } address ? $"[{path}]({address})" : path;
    }

    private static string Name(RuleFamily family, PublishedRun run, PublishContext context)
    {
        var name = Linked(RuleRow.NameOf(family.Rule), family.Nearest, run, context);
        return family.IsFolded ? string.Create(CultureInfo.InvariantCulture, $"{name} of {family.Findings.Count} classes") : name;
    }

    private static string Linked(string name, Finding finding, PublishedRun run, PublishContext context) =>
        LineOf(run, context, file => RuleLocation.Find(run.Policy, file, run.PolicyText, finding.Rule).Line) is { } address
            ? $"[{name}]({address})"
            : name;

    // Where another policy judged than the one at the measured commit, its lines are not those of that commit.
    private static string? LineOf(PublishedRun run, PublishContext context, Func<string, int> line) =>
        run is { PolicyFile: { } file, Untrusted: false, JudgedByTrustedPolicy: false } && context.Source is { } source
            ? source.Line(file, line(file))
            : null;

    private static string Render(
        string[] columns, IReadOnlyList<IReadOnlyList<string>> rows, PublishedRun run, PublishContext context)
    {
        var table = new MarkdownTable(columns, FirstNumber..);
        foreach (var row in rows)
            table.AddRow([.. row]);
        var confidence = string.Create(CultureInfo.InvariantCulture, $"{run.Policy.Evaluation.Confidence * 100:0.###} %");
        var reading = run.Record.After is null
            ? ""
            : $" *{Reading}* is the reading behind the rule: how often the feature or class was shown, or the distance.";
        var compared = run.Baseline is { } baseline ? BaselineColumn.Note(run, context, baseline) : "";
        return $"{table}\n<sub>*Bound* is the unfavourable end of *Measured* at {confidence} confidence: the limit is met only "
            + $"if that is within it.{reading}{compared}</sub>\n";
    }
}
