using System.CommandLine;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary><c>atu report</c>: writes reports from a run record, whatever its verdict. It needs no libtorch.</summary>
public static class ReportCommand
{
    private static readonly string _names = string.Join(", ", ReportFormats.FromRecord.Select(format => format.Name));

    /// <summary>Builds the command.</summary>
    public static Command Build(Terminal terminal)
    {
        var records = new Argument<FileInfo[]>("RECORD")
        {
            Description = "Run records (run.json), each in its run's folder",
            Arity = ArgumentArity.OneOrMore,
        };
        var formats = new Option<string[]>("--format")
        {
            Description = $"Reports to write (default: all): {_names}",
            HelpName = "a,b",
        };
        var folder = new Option<DirectoryInfo>("--out")
        {
            Description = "Folder for the reports of one record (default: beside the record, where its pictures are)",
        };
        var history = new Option<DirectoryInfo>("--history")
        {
            Description = "Folder of earlier records (*run.json, at any depth), to show the trend in the reports for people; " +
                "needs --out",
        };
        var command = new Command("report", "Write reports from a run record, without judging it again")
        {
            records, formats, folder, history, Terminal.Json,
        };
        command.SetGuardedAction(terminal, (parsed, _) =>
        {
            // Check the arguments.
            var files = FilePattern.ExpandAll(parsed.GetRequiredValue(records)).Select(path => new FileInfo(path)).ToList();
            var requestedFormats = ComparisonArguments.ParseList(parsed, formats);
            if (parsed.GetValue(folder) is not null && files.Count > 1)
                throw new BadArgumentException(
                    "--out takes the reports of only one record, because they would overwrite each other; leave it out to " +
                    "write them beside their records");
            if (parsed.GetValue(history) is not null
                && (parsed.GetValue(folder) is not { } other
                    || Path.TrimEndingDirectorySeparator(other.FullName) == files[0].DirectoryName))
                throw new BadArgumentException(
                    "--history needs --out with another folder: a report beside its record says what the record says and " +
                    "nothing else, and atu verify checks that it does");
            if (requestedFormats
                .FirstOrDefault(name => !ReportFormats.FromRecord.Any(format => format.Name == name)) is { } unknown)
                throw new BadArgumentException(
                    $"--format: '{unknown}' is not a report that can be made from a record; use one of {_names}");

            // Write the chosen reports, once no file in the way would be overwritten.
            var chosen = ReportFormats.FromRecord.Where(
                format => requestedFormats.Count == 0
                    || requestedFormats.Contains(format.Name)).ToList();
            var earlier = parsed.GetValue(history) is { } past ? RunHistory.ReadFolder(past.FullName) : null;
            List<string> names =
            [
                .. chosen.Select(format => format.FileName), .. earlier is null ? Array.Empty<string>() : [TrendPlot.FileName]
            ];
            var targets = files.Select(file => (File: file, Folder: parsed.GetValue(folder)?.FullName ?? file.DirectoryName!))
                .ToList();
            foreach (var (file, target) in targets)
                OutputFiles.RequireIn(
                    target,
                    names,
                    [("run record", file.FullName)],
                    _ => target == file.DirectoryName && file.Name == RunRecord.FileName);
            var written = targets.ConvertAll(target => Write(terminal, target.File, target.Folder, chosen, earlier));
            Terminal.WriteJson(new { reports = written });
            return ExitCodes.Passed;
        });
        return command;
    }

    private static object Write(
        Terminal terminal, FileInfo file, string folder, IReadOnlyList<IReportFormat> formats, RunHistory? history)
    {
        var record = RunRecordFile.Read(file.FullName);
        var trend = history is null ? null : FindTrend(terminal, record, history);
        var pictures = RecordedPictures.Read(file.DirectoryName!, record);
        List<(string Name, string Text)> reports =
        [
            .. formats.Select(format => (format.FileName, format.Render(record, pictures, trend))),
            .. trend is null ? Array.Empty<(string, string)>() : [(TrendPlot.FileName, TrendPlot.File(trend))],
        ];
        WrittenFiles.Add(folder, reports.Select(report => report.Name));
        foreach (var (name, text) in reports)
        {
            var target = Path.Combine(folder, name);
            AtomicFile.Write(target, text);
            Terminal.WriteResultLine(target);
        }

        var outcome = OutcomeText.Describe(record.Verdict.Outcome);
        terminal.WriteStatus(LogLine.Sanitize($"{record.Policy.Name}: {outcome}, as recorded; `atu verify` judges it again"));
        return new
        {
            policy = record.Policy.Name,
            record = file.FullName,
            outcome = OutcomeText.Name(record.Verdict.Outcome),
            files = reports.Select(report => Path.Combine(folder, report.Name)),
        };
    }

    private static Trend? FindTrend(Terminal terminal, RunRecord record, RunHistory history)
    {
        foreach (var note in history.Notes.Append(history.NoteAbout(record)).OfType<string>())
            terminal.WriteStatus(LogLine.Sanitize(note));
        var trend = Trend.Create(history.Before(record), record);
        var found = trend is null ? "no earlier run, so there is no trend" : $"trend over {trend.Describe()}";
        terminal.WriteStatus(LogLine.Sanitize($"{record.Policy.Name}: {found}"));
        return trend;
    }
}
