using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Reports;

/// <summary>The reports that a policy asks for, beside the record that they are made from.</summary>
public static class RunReports
{
    /// <summary>Writes them, over what was there.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="record">Of the run.</param>
    /// <exception cref="FileNotWrittenException">One cannot be written.</exception>
    public static void Write(string folder, RunRecord record)
    {
        foreach (var format in RequestedFormats(record))
            AtomicFile.Write(Path.Combine(folder, format.FileName), format.Render(record));
    }

    /// <summary>Names of those that are there and do not say what the record says, to this version of the tool.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="record">Of the run.</param>
    public static IEnumerable<string> FindAltered(string folder, RunRecord record) =>
        from format in RequestedFormats(record)
        let path = Path.Combine(folder, format.FileName)
        where Path.Exists(path) && TryReadText(path)?.ReplaceLineEndings() != format.Render(record).ReplaceLineEndings()
        select format.FileName;

    // Null for what cannot be read or is not a file: that is not what the record says either.
    private static string? TryReadText(string path)
    {
        try
        {
            return RegularFile.ReadAllText(path, RunRecordFile.MaxBytes);
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static IEnumerable<IReportFormat> RequestedFormats(RunRecord record) =>
        ReportFormats.FromRecord.Where(format => record.Policy.Report.Formats.Contains(format.Name));
}
