using System.Globalization;
using AdaptThenUnlearn.Attestation;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Checkpoints;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Governing;

/// <summary>Judges the stored readings of a run again with a person's audits, without measuring anything.</summary>
/// <param name="inputs">The files that the policy names.</param>
/// <param name="folder">The run's folder.</param>
/// <param name="vocabulary">What policies may name.</param>
/// <param name="clock">For the day that waivers are held against, and the times in the record.</param>
public sealed class AuditedRun(InputFiles inputs, string folder, PolicyVocabulary vocabulary, TimeProvider clock)
{
    private const string AgainAsItIs = "run `atu govern` without --audit, and audit that run";

    /// <summary>Judges, gives the generator the name that the verdict allows, and writes reports and record.</summary>
    /// <param name="source">The policy as it is now.</param>
    /// <param name="lockSha256">
    /// Digest of the lock that the policy has now; null without one. The run must have been measured under the same.
    /// </param>
    /// <param name="audits">Files that <c>atu label --audit</c> wrote for this run, one for a feature.</param>
    /// <param name="cancel">Ends hashing, also within a file; nothing is changed then.</param>
    /// <exception cref="LabelException">
    /// An audit is damaged, not complete, or of another run, or a feature has two; nothing is changed.
    /// </exception>
    /// <exception cref="RunRecordException">The record cannot be read.</exception>
    /// <exception cref="RunException">The record or one of its files does not fit; nothing is changed.</exception>
    /// <exception cref="FileNotWrittenException">A file cannot be written.</exception>
    public RunRecord Judge(
        PolicySource source, string? lockSha256, IReadOnlyList<string> audits, CancellationToken cancel)
    {
        using var held = FolderLock.Acquire(folder, "run");

        // The record must be valid with every file but the audits that are replaced: what is judged is what was measured.
        var read = audits.Select(audit => (Path: audit, File: AuditSheetFile.Read(audit))).ToList();
        if (read.GroupBy(audit => audit.File.Sheet.Feature).FirstOrDefault(same => same.Count() > 1) is { } twice)
            throw new LabelException(
                $"{string.Join(" and ", twice.Select(audit => audit.Path))} are audits of one feature, '{twice.Key}': give one");
        var earlier = RunRecordFile.Read(Path.Combine(folder, RunRecord.FileName));
        var now = clock.GetUtcNow();
        var today = DateOnly.FromDateTime(now.UtcDateTime);
        if (source.EffectiveSha256 != earlier.PolicySource.EffectiveSha256 || source.Sha256 != earlier.PolicySource.Sha256)
            throw NotJudged("the policy has changed since the run");
        if (AuditedRecord.FindObstacle(earlier) is { } obstacle)
            throw NotJudged(obstacle);
        if (lockSha256 != earlier.Lock?.PolicySha256)
            throw NotJudged(earlier.Lock is null
                ? "the policy is locked, and the run was not measured under the lock"
                : "the run was measured under a lock that the policy does not have now");
        var verification = Verification.VerifyRun(folder, earlier, vocabulary, today, cancel);
        if (read.Select(audit => InputRoles.Audit(audit.File.Sheet.Feature))
            .Aggregate(
                (IEnumerable<string>)verification.Problems,
                (rest, role) => rest.Intersect(verification.ProblemsWithout(role)))
            .FirstOrDefault() is { } problem)
            throw NotJudged(problem);

        // Add the audits, and judge.
        var record = earlier;
        foreach (var (path, (sheet, sha256)) in read)
            record = AuditedRecord.Add(record, sheet, Path.GetRelativePath(folder, path).Replace('\\', '/'), sha256);

        var verdict = Gate.Judge(record.JudgedPolicy(), record.Before, record.After, today, record.Ratchet());
        // An attestation is of the earlier verdict.
        foreach (var stale in AttestationFormats.FileNames)
            File.Delete(Path.Combine(folder, stale));
        var outputs = Rename(record, verdict.Outcome);
        var remark = new Remark(
            AuditedRecord.RemarkAbout,
            string.Create(
                CultureInfo.InvariantCulture,
                $"the readings of {earlier.Times.Finished.UtcDateTime:u} were judged again with {audits.Count} audit(s); nothing "
                    + $"was measured again"));
        record = record with
        {
            Verdict = verdict,
            Outputs = outputs,
            Times = record.Times with { Finished = now },
            Remarks =
            [
                .. (record.Remarks ?? []).Where(other => other.About != remark.About), remark,
                .. AuditedRecord.WarnOfLeftOut(record, folder, onlyComplete: true),
            ],
        };
        RunReports.Write(folder, record);
        RunRecordFile.Write(Path.Combine(folder, RunRecord.FileName), record);
        return record;
    }

    // The released name is taken away before, and given after, anything says that the generator passed.
    private IReadOnlyList<OutputFile> Rename(RunRecord record, Outcome outcome)
    {
        var judged = record.Outputs.Single(output => OutputRoles.IsGenerator(output.Role));
        if (outcome.IsPass() == (judged.Role == OutputRoles.Artifact))
            return record.Outputs;

        var others = record.Outputs.Where(output => !IsOfGenerator(output)).ToList();
        var written = inputs.IsListed ? [Listed(judged, outcome)]
            : !outcome.IsPass() ? [Reject(record, judged, outcome)]
            : record.Training is null ? ReleaseOriginal()
            : [ReleaseTrained(record, judged)];
        var former = record.Outputs.Where(IsOfGenerator).Select(output => output.Path);
        foreach (var old in former.Except(written.Select(file => file.Path)))
            File.Delete(Path.Combine(folder, old));
        return [.. written, .. others];
    }

    // What stands for a folder or a command is the same for every outcome.
    private OutputFile Listed(OutputFile judged, Outcome outcome)
    {
        var (role, name) = outcome.IsPass()
            ? (OutputRoles.Artifact, inputs.CopyName)
            : (OutputRoles.Rejected, inputs.RejectedName);
        File.Copy(Path.Combine(folder, judged.Path), Path.Combine(folder, name), overwrite: true);
        return new OutputFile(role, name, judged.Sha256);
    }

    private static bool IsOfGenerator(OutputFile output) =>
        OutputRoles.IsGenerator(output.Role) || output.Role.StartsWith(OutputRoles.Artifact + ",", StringComparison.Ordinal);

    private OutputFile Reject(RunRecord record, OutputFile released, Outcome outcome)
    {
        var path = Path.Combine(folder, inputs.RejectedName);
        Rewrite(Path.Combine(folder, released.Path), path, record, new Dictionary<string, string>
        {
            [SafetensorsFile.VerdictKey] = OutcomeText.Name(outcome),
        });
        return new OutputFile(OutputRoles.Rejected, inputs.RejectedName, Sha256Digest.ComputeFile(path));
    }

    // Without the verdict in its metadata, the rejected file has the bytes that were measured.
    private OutputFile ReleaseTrained(RunRecord record, OutputFile rejected)
    {
        var path = Path.Combine(folder, inputs.ArtifactName);
        Rewrite(Path.Combine(folder, rejected.Path), path, record, new Dictionary<string, string>());
        if (Sha256Digest.ComputeFile(path) == record.After!.GeneratorSha256)
            return new OutputFile(OutputRoles.Artifact, inputs.ArtifactName, record.After.GeneratorSha256);

        File.Delete(path);
        throw NotJudged($"the generator that was measured ({record.After.GeneratorSha256}) cannot be made of {rejected.Path}");
    }

    // An index comes last: the files that it names are of no use without it.
    private IReadOnlyList<OutputFile> ReleaseOriginal() =>
    [
        .. inputs.GeneratorParts.Select((part, index) =>
            Copy(InputRoles.Part(OutputRoles.Artifact, index + 1), Path.GetFileName(part), part)),
        Copy(OutputRoles.Artifact, inputs.CopyName, inputs.Generator),
    ];

    private OutputFile Copy(string role, string name, string from)
    {
        var hashed = inputs.OpenHashed(from);
        using (var stream = hashed.OpenRead())
            AtomicFile.Write(Path.Combine(folder, name), stream.Length, stream.CopyTo);
        return new OutputFile(role, name, hashed.Sha256);
    }

    private static void Rewrite(string from, string to, RunRecord record, IReadOnlyDictionary<string, string> metadata)
    {
        var read = CheckpointFormats.Read(from, record.Policy.Generator.Format);
        var format = CheckpointFormats.Named(read.Format);
        if (format.HasMetadata)
            format.Rewrite(read, to, new Dictionary<string, Tensor>(), metadata);
        else
            File.Copy(from, to, overwrite: true);
    }

    private RunException NotJudged(string problem) => new(
        RunCodes.ChangedFile,
        $"{Path.Combine(folder, RunRecord.FileName)}: {problem}; nothing was judged: {AgainAsItIs}");
}
