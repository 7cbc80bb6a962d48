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
/// <param name="Diagnostics">What does not fit: reports, words, and what contradicts the record. Without missing files.</param>
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
            .. CheckReports(folder, record, verification.IsReworded, path),
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

    // Another version of the tool may use other words, so differences in its reports are only warnings.
    private static IEnumerable<BuildMessage> CheckReports(string folder, RunRecord record, bool wordingDiffers, string path)
    {
        var (severity, how) = record.Tool == Machine.ToolVersion
            ? (Severity.Error, "it was changed")
            : (Severity.Warning, $"it was changed, or {record.Tool} words it differently");
        foreach (var report in RunReports.FindAltered(folder, record))
            yield return new BuildMessage(
                severity,
                GateCodes.InvalidRecord,
                $"{report} does not match the record: {how}. `atu report` writes it again",
                path);
        if (wordingDiffers)
            yield return new BuildMessage(
                severity,
                GateCodes.InvalidRecord,
                $"an explanation or a warning in the recorded verdict does not match the recorded " +
                    $"readings: {how}", path);
    }
}
