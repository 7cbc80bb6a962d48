using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Publishing.Targets;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Publishing.Admission;

/// <summary>Reads run records for publishing and judges them again; a record may come from anyone and is believed in nothing but its readings.</summary>
/// <param name="vocabulary">What policies may name.</param>
/// <param name="today">UTC day, against which waivers expire.</param>
/// <param name="workspace">The repository's root; null when nobody says.</param>
/// <param name="trusted">Policies to judge by instead of the recorded ones; none: by the recorded ones.</param>
/// <param name="untrusted">Whether the records come from a build that anyone may have changed; no file that one names is looked at then.</param>
public sealed class PublishedRunReader(PolicyVocabulary vocabulary, DateOnly today, string? workspace, IReadOnlyList<TrustedPolicy> trusted, bool untrusted)
{
    /// <summary>Largest record that is read; real ones have some ten thousand bytes.</summary>
    public const long MaxBytes = 2 * 1024 * 1024;

    /// <summary>Reads a record.</summary>
    /// <param name="path">A <c>run.json</c>.</param>
    /// <exception cref="RunRecordException">It is missing, damaged, too large, or of another version.</exception>
    /// <exception cref="RecordRefusedException">It has no policy that it can be judged by.</exception>
    public PublishedRun Read(string path)
    {
        var record = RunRecordFile.Read(path, MaxBytes);
        if (Verification.PolicyProblem(record, vocabulary) is { } problem)
            throw new RecordRefusedException($"{problem}; nothing can be said about this run");

        var judged = Verification.VerifyReadings(record, vocabulary, today);
        if (trusted.Count == 0)
        {
            if (!untrusted && PolicyChangeProblem(Folder(path), record.PolicySource) is { } change)
                judged = judged with { Problems = [.. judged.Problems, change] };
            return new PublishedRun(record, judged, record.Policy, record.PolicySource.Text, RepositoryPath.Resolve(workspace, Folder(path), record.PolicySource.File)) { Untrusted = untrusted };
        }

        var policy = trusted.FirstOrDefault(policy => policy.Policy.Name == record.Policy.Name)
            ?? throw new RecordRefusedException($"its policy is called '{record.Policy.Name}', and none of those given with --policy is");
        var filePins = untrusted ? new FilePins(policy.Policy, policy.File, record) : null;   // hashes files, which a trusted record needs not
        var replaced = filePins?.Mismatches ?? [];
        judged = new Verification([.. judged.Problems.Union(MeasurementProblems(policy.Policy, record)).Concat(replaced)], Gate.Judge(policy.Policy, record.Before, record.After, today));
        return new PublishedRun(record, judged, policy.Policy, policy.Text, RepositoryPath.Resolve(workspace, Directory.GetCurrentDirectory(), policy.File))
        {
            Untrusted = untrusted,
            JudgedByTrustedPolicy = true,
            UnpinnedPaths = filePins?.UnpinnedPaths ?? [],
            PolicyDiffers = CanonicalJson.Digest(policy.Policy) != record.PolicySource.EffectiveSha256,
        };
    }

    // Limits can be held against any readings; they say something only about readings that were taken as the policy asks, of and by the files that it pins.
    private static IEnumerable<string> MeasurementProblems(UnlearningPolicy policy, RunRecord record)
    {
        var differences = MeasurementSettings.Differences(policy, record.Policy);
        IEnumerable<string> other = differences.Count == 0 ? [] : [$"the readings were taken under another policy, which differs in {string.Join(", ", differences)}"];
        return other.Concat(Verification.PinProblems(policy, record));
    }

    // A run that ends before it begins leaves the record of an earlier one. Records are moved, and the policy need not lie where this one was written.
    private static string? PolicyChangeProblem(string folder, PolicySource source)
    {
        var file = new FileInfo(Path.Combine(folder, source.File));
        if (!file.Exists)
            return null;

        try
        {
            // A checkout may have given it other line ends.
            return RegularFile.ReadAllText(file.FullName, MaxBytes).ReplaceLineEndings("\n") == source.Text.ReplaceLineEndings("\n")
                ? null
                : $"the policy {source.File} has changed since the run";
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            return $"the policy {source.File} cannot be read: {failed.Message}";
        }
    }

    private static string Folder(string path) => Path.GetDirectoryName(Path.GetFullPath(path))!;
}

/// <summary>A policy of this repository, to judge by whatever a record says.</summary>
/// <param name="File">As given.</param>
/// <param name="Text">Of the file.</param>
/// <param name="Policy">What it says.</param>
public sealed record TrustedPolicy(string File, string Text, UnlearningPolicy Policy);
