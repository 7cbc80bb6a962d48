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
        var command = new Command("report", "Write reports from a run record, without judging it again")
        {
            records, formats, folder, Terminal.Json,
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
            if (requestedFormats
                .FirstOrDefault(name => !ReportFormats.FromRecord.Any(format => format.Name == name)) is { } unknown)
                throw new BadArgumentException(
                    $"--format: '{unknown}' is not a report that can be made from a record; use one of {_names}");

            // Write the chosen reports, once no file in the way would be overwritten.
            var chosen = ReportFormats.FromRecord.Where(
                format => requestedFormats.Count == 0
                    || requestedFormats.Contains(format.Name)).ToList();
            var names = chosen.ConvertAll(format => format.FileName);
            var targets = files.Select(file => (File: file, Folder: parsed.GetValue(folder)?.FullName ?? file.DirectoryName!))
                .ToList();
            foreach (var (file, target) in targets)
                OutputFiles.RequireIn(
                    target,
                    names,
                    [("run record", file.FullName)],
                    _ => target == file.DirectoryName && file.Name == RunRecord.FileName);
            var written = targets.ConvertAll(target => Write(terminal, target.File, target.Folder, chosen));
            Terminal.WriteJson(new { reports = written });
            return ExitCodes.Passed;
        });
        return command;
    }

    private static object Write(Terminal terminal, FileInfo file, string folder, IReadOnlyList<IReportFormat> formats)
    {
        var record = RunRecordFile.Read(file.FullName);
        WrittenFiles.Add(folder, formats.Select(format => format.FileName));
        foreach (var format in formats)
        {
            var target = Path.Combine(folder, format.FileName);
            AtomicFile.Write(target, format.Render(record));
            Terminal.WriteResultLine(target);
        }

        var outcome = OutcomeText.Describe(record.Verdict.Outcome);
        terminal.WriteStatus(LogLine.Sanitize($"{record.Policy.Name}: {outcome}, as recorded; `atu verify` judges it again"));
        return new
        {
            policy = record.Policy.Name,
            record = file.FullName,
            outcome = OutcomeText.Name(record.Verdict.Outcome),
            files = formats.Select(format => Path.Combine(folder, format.FileName)),
        };
    }
}
