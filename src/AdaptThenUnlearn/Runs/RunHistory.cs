using System.Globalization;
using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Runs;

/// <summary>Earlier runs, read from a folder of records such as the downloaded artifacts of other builds.</summary>
/// <param name="Records">Records of any policy, in the order of their files.</param>
/// <param name="Notes">What was passed over, and why: one sentence without a full stop for each.</param>
public sealed record RunHistory(IReadOnlyList<RunRecord> Records, IReadOnlyList<string> Notes)
{
    /// <summary>How many records of one folder are read.</summary>
    public const int MaxFiles = 1000;

    /// <summary>How many earlier runs of a policy are shown; older ones are left out.</summary>
    public const int MaxRuns = 50;

    private const long MaxBytes = 2 << 20;

    /// <summary>No earlier run.</summary>
    public static RunHistory Empty { get; } = new([], []);

    /// <summary>Reads every file whose name ends in <c>run.json</c>, at any depth.</summary>
    /// <remarks>A file that is not a record, or a damaged one, is passed over with a note.</remarks>
    /// <param name="folder">The folder.</param>
    /// <exception cref="RunRecordException">The folder cannot be listed.</exception>
    public static RunHistory ReadFolder(string folder)
    {
        List<RunRecord> records = [];
        List<string> notes = [];
        var files = List(folder).Where(file => file.EndsWith(RunRecord.FileName, StringComparison.OrdinalIgnoreCase)).ToList();
        foreach (var file in files.Take(MaxFiles))
        {
            try
            {
                records.Add(RunRecordFile.Read(file, MaxBytes));
            }
            catch (RunRecordException unreadable)
            {
                notes.Add($"passed over: {unreadable.Message}");
            }
        }

        if (files.Count > MaxFiles)
            notes.Add(Invariant($"{folder}: has {files.Count} records, and only the first {MaxFiles} were read"));
        return new RunHistory(records, notes);
    }

    /// <summary>The runs of the same policy and generator that were measured before a run, oldest first.</summary>
    /// <remarks>The generator counts by the checkpoint's name in the policy, so new weights keep the history.</remarks>
    /// <param name="current">The run; a copy of it among the records is left out.</param>
    public IReadOnlyList<RunRecord> Before(RunRecord current)
    {
        var own = RunRecordFile.ToJson(current);
        return
        [
            .. Records.Where(record => record.Policy.Name == current.Policy.Name
                    && record.Policy.Generator.Source == current.Policy.Generator.Source
                    && record.Times.Finished <= current.Times.Finished)
                .DistinctBy(RunRecordFile.ToJson)
                .Where(record => RunRecordFile.ToJson(record) != own)
                .OrderBy(record => record.Times.Finished)
                .TakeLast(MaxRuns),
        ];
    }

    /// <summary>How many records are of other policies or generators, in a sentence; null for none.</summary>
    /// <param name="current">The run.</param>
    public string? NoteAbout(RunRecord current)
    {
        var others = Records.Count - Records.Count(record => record.Policy.Name == current.Policy.Name
            && record.Policy.Generator.Source == current.Policy.Generator.Source);
        return others == 0
            ? null
            : Invariant($"{current.Policy.Name}: {others} of {Records.Count} records are of another policy or generator");
    }

    private static IReadOnlyList<string> List(string folder)
    {
        try
        {
            return FolderListing.Scan(folder).Files;
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            throw new RunRecordException($"{folder}: the folder of earlier records cannot be read: {failed.Message}", failed);
        }
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
