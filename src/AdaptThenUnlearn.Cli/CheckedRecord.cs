using System.Security.Cryptography.X509Certificates;
using AdaptThenUnlearn.Attestation;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Cli;

/// <summary>A run's record, verified today with its files and reports.</summary>
/// <param name="Path">Of the record's file, absolute.</param>
/// <param name="Record">As read.</param>
/// <param name="Verification">Of the record and its files.</param>
/// <param name="Diagnostics">
/// What does not fit: words, and what contradicts the record. Without missing files, and without reports
/// (<see cref="CompareReports"/>).
/// </param>
internal sealed record CheckedRecord(
    string Path, RunRecord Record, Verification Verification, IReadOnlyList<BuildMessage> Diagnostics)
{
    /// <summary>The run's folder.</summary>
    public string Folder => System.IO.Path.GetDirectoryName(Path)!;

    /// <summary>What a reader may want to know of the lock; null where there is nothing to say.</summary>
    public string? LockNote { get; init; }

    /// <summary>Reads and verifies a record.</summary>
    /// <param name="path">Of the record's file, absolute.</param>
    /// <param name="cancel">Ends hashing soon, also of a large file.</param>
    /// <param name="lockRequired">Whether the run must have been made under a lock.</param>
    /// <param name="authorities">Certificates that must stand behind the lock's time stamp; null to require none.</param>
    /// <exception cref="RunRecordException">It is damaged, or of another version.</exception>
    public static CheckedRecord Read(
        string path, CancellationToken cancel, bool lockRequired = false, X509Certificate2Collection? authorities = null)
    {
        var record = RunRecordFile.Read(path);
        var folder = System.IO.Path.GetDirectoryName(path)!;
        var today = DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime);
        var verification = Verification.VerifyRun(folder, record, Vocabulary.Known, today, cancel);
        var lockProblems = new RecordedLock((folder, record), lockRequired, authorities).FindProblems(out var note);
        return new(path, record, verification,
        [
            .. CompareWords(record, verification, path),
            .. verification.Contradictions.Concat(lockProblems)
                .Concat(RecordedTerms.FindProblems(folder, record, cancel)).Select(
                problem => new BuildMessage(Severity.Error, GateCodes.InvalidRecord, problem, path)),
            .. AuditedRecord.WarnOfLeftOut(record, folder, onlyComplete: false).Except(record.Remarks ?? []).Select(
                warning => new BuildMessage(Severity.Warning, GateCodes.WeakVerdict, warning.Text, path)),
        ])
        {
            LockNote = note,
        };
    }

    /// <summary>The run as attestations state it.</summary>
    /// <param name="cancel">Ends hashing soon.</param>
    public AttestedRun ToAttested(CancellationToken cancel) =>
        new(Record, Verification.Verdict, Sha256Digest.FindAt(Path, cancel)!);

    /// <summary>What any report beside the record says otherwise than the record.</summary>
    /// <param name="signed">
    /// File names of the reports that a signed statement names and that have its digest: they are the ones that were stated, in
    /// whatever words.
    /// </param>
    public IEnumerable<BuildMessage> CompareReports(IReadOnlySet<string> signed) =>
        from report in RunReports.FindAltered(Folder, Record)
        where !signed.Contains(report)
        select Different(Record, $"{report} does not match the record", "`atu report` writes it again", Path);

    private static IEnumerable<BuildMessage> CompareWords(RunRecord record, Verification verification, string path)
    {
        if (verification.IsReworded)
            yield return Different(
                record, "an explanation or a warning in the recorded verdict does not match the recorded readings",
                "restore run.json as the run wrote it, or run `atu govern` again", path);
    }

    // Another version of the tool may use other words, so what differs from its words is only a warning.
    private static BuildMessage Different(RunRecord record, string what, string remedy, string path)
    {
        var (severity, how) = record.Tool == Machine.ToolVersion
            ? (Severity.Error, "it was changed")
            : (Severity.Warning, $"it was changed, or {record.Tool} words it differently");
        return new(severity, GateCodes.InvalidRecord, $"{what}: {how}. {remedy}", path);
    }
}
