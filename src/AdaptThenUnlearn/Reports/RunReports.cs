using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Reports;

/// <summary>The reports of a run, beside the record that they are made from.</summary>
public static class RunReports
{
    /// <summary>The command that judges a run again from its record, also where only the reports came with it.</summary>
    public const string VerifyCommand = "atu verify run.json --readings";

    /// <summary>
    /// Writes those that the policy asks for, and again each that is there already: an old one would say something else.
    /// </summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="record">Of the run.</param>
    /// <exception cref="FileNotWrittenException">One cannot be written.</exception>
    public static void Write(string folder, RunRecord record)
    {
        var pictures = RecordedPictures.Read(folder, record);
        foreach (var format in ReportFormats.FromRecord)
        {
            var path = Path.Combine(folder, format.FileName);
            if (record.Policy.Report.Formats.Contains(format.Name) || File.Exists(path))
                AtomicFile.Write(path, format.Render(record, pictures));
        }
    }

    /// <summary>
    /// Names of those that are there and do not say what the record says, to this version of the tool.
    /// </summary>
    /// <remarks>
    /// Pictures that a report holds are checked against the digests in the record, whether or not their files are there.
    /// </remarks>
    /// <param name="folder">The run's folder.</param>
    /// <param name="record">Of the run.</param>
    public static IEnumerable<string> FindAltered(string folder, RunRecord record) =>
        from report in ReadAll(folder)
        where !Agrees(report.Format, record, report.Bytes)
        select report.Format.FileName;

    /// <summary>Those that are there and say what the record says, to this version of the tool, with their digests.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="record">Of the run.</param>
    public static IReadOnlyList<OutputFile> FindUnaltered(string folder, RunRecord record) =>
    [
        .. from report in ReadAll(folder)
           where Agrees(report.Format, record, report.Bytes)
           select new OutputFile(OutputRoles.Report, report.Format.FileName, Sha256Digest.Compute(report.Bytes!)),
    ];

    private static IEnumerable<(IReportFormat Format, byte[]? Bytes)> ReadAll(string folder) =>
        from format in ReportFormats.FromRecord
        let path = Path.Combine(folder, format.FileName)
        where Path.Exists(path)
        select (format, TryRead(path));

    // A checkout may give a text other line ends.
    private static bool Agrees(IReportFormat format, RunRecord record, byte[]? bytes) =>
        bytes is not null
        && RegularFile.DecodeText(bytes) is var text
        && text.ReplaceLineEndings()
            == format.Render(record, RecordedPictures.FindIn(text, record)).ReplaceLineEndings();

    // Null for what cannot be read or is not a file: that is not what the record says either.
    private static byte[]? TryRead(string path)
    {
        try
        {
            return RegularFile.ReadAllBytes(path, RunRecordFile.MaxBytes);
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
