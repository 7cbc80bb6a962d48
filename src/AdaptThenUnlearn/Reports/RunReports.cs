using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Reports;

/// <summary>The reports that a policy asks for, beside the record that they are made from.</summary>
public static class RunReports
{
    /// <summary>The command that judges a run again from its record, also where only the reports came with it.</summary>
    public const string VerifyCommand = "atu verify run.json --readings";

    /// <summary>Writes them, over what was there.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="record">Of the run.</param>
    /// <exception cref="FileNotWrittenException">One cannot be written.</exception>
    public static void Write(string folder, RunRecord record)
    {
        var pictures = RecordedPictures.Read(folder, record);
        foreach (var format in RequestedFormats(record))
            AtomicFile.Write(Path.Combine(folder, format.FileName), format.Render(record, pictures));
    }

    /// <summary>Names of those that are there and do not say what the record says, to this version of the tool.</summary>
    /// <remarks>
    /// Pictures that a report holds are checked against the digests in the record, whether or not their files are there.
    /// </remarks>
    /// <param name="folder">The run's folder.</param>
    /// <param name="record">Of the run.</param>
    public static IEnumerable<string> FindAltered(string folder, RunRecord record) =>
        from format in RequestedFormats(record)
        let path = Path.Combine(folder, format.FileName)
        where Path.Exists(path) && !Agrees(format, record, TryReadText(path))
        select format.FileName;

    private static bool Agrees(IReportFormat format, RunRecord record, string? text) =>
        text is not null
        && text.ReplaceLineEndings()
            == format.Render(record, RecordedPictures.FindIn(text, record)).ReplaceLineEndings();

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
