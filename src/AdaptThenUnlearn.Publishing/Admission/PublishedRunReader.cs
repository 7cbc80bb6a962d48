using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Locking;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Publishing.Targets;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Publishing.Admission;

/// <summary>Reads run records for publishing and judges them again.</summary>
/// <remarks>Anyone may have written a record: only its readings are believed.</remarks>
/// <param name="vocabulary">The names that policies may use.</param>
/// <param name="today">UTC day, against which waivers expire.</param>
/// <param name="workspace">The repository's root; null where it is unknown.</param>
/// <param name="trusted">
/// Policies to judge by instead of the recorded ones; where there are none, the recorded ones judge.
/// </param>
/// <param name="untrusted">
/// Whether the records come from a build that anyone may have changed. Files that such a record names are not opened.
/// </param>
public sealed class PublishedRunReader(
    PolicyVocabulary vocabulary, DateOnly today, string? workspace, IReadOnlyList<TrustedPolicy> trusted, bool untrusted)
{
    /// <summary>Largest record that is read, in bytes; real ones have some ten thousand.</summary>
    public const long MaxBytes = 2 * 1024 * 1024;

    /// <summary>Reads a record.</summary>
    /// <param name="path">Path of a <c>run.json</c>.</param>
    /// <exception cref="RunRecordException">It is missing, damaged, too large, or of another version.</exception>
    /// <exception cref="RecordRefusedException">There is no policy that can judge it.</exception>
    public PublishedRun Read(string path)
    {
        var record = RunRecordFile.Read(path, MaxBytes);
        var judged = Verification.VerifyReadings(record, vocabulary, today);
        if (!judged.HasPolicy)
            throw new RecordRefusedException($"{judged.Problems[0]}; this run cannot be judged");

        return trusted.Count == 0 ? ByRecordedPolicy(Folder(path), record, judged) : ByTrustedPolicy(record, judged);
    }

    private PublishedRun ByRecordedPolicy(string folder, RunRecord record, Verification judged)
    {
        if (!untrusted && PolicyChangeProblem(folder, record.PolicySource) is { } change)
            judged = judged with { Problems = [.. judged.Problems, change] };

        var file = RepositoryPath.Resolve(workspace, folder, record.PolicySource.File);
        return new PublishedRun(record, judged, record.Policy, record.PolicySource.Text, file) { Untrusted = untrusted };
    }

    private PublishedRun ByTrustedPolicy(RunRecord record, Verification judged)
    {
        var policy = trusted.FirstOrDefault(policy => policy.Policy.Name == record.Policy.Name)
            ?? throw new RecordRefusedException(
                $"its policy is called '{record.Policy.Name}', and none of those given with --policy is");

        // Pins hash files, which only an untrusted record needs.
        var pins = untrusted ? new FilePins(policy.Policy, policy.File, record) : null;
        var problems = judged.Problems.Union(MeasurementProblems(policy.Policy, record, today))
            .Concat(LockProblems(policy, record))
            .Concat(pins?.Mismatches ?? []);
        judged = new Verification(
            [.. problems], Gate.Judge(AppliedTo(policy, record), record.Before, record.After, today, record.Ratchet()));

        var file = RepositoryPath.Resolve(workspace, Directory.GetCurrentDirectory(), policy.File);
        return new PublishedRun(record, judged, policy.Policy, policy.Text, file)
        {
            Untrusted = untrusted,
            JudgedByTrustedPolicy = true,
            UnpinnedPaths = pins?.UnpinnedPaths ?? [],
            PolicyDiffers = CanonicalJson.Digest(policy.Policy) != record.PolicySource.EffectiveSha256,
        };
    }

    // The seed follows from this repository's lock, not from the one that the record claims.
    private static UnlearningPolicy AppliedTo(TrustedPolicy policy, RunRecord record)
    {
        var lockSha256 = policy.LockSha256 ?? (record.Lock is null ? null : CanonicalJson.Digest(policy.Policy));
        return LockedSeed.ApplyTo(policy.Policy, lockSha256, (record.After ?? record.Before).GeneratorSha256);
    }

    private static IEnumerable<string> LockProblems(TrustedPolicy policy, RunRecord record) =>
        policy.LockSha256 is not { } locked || record.Lock?.PolicySha256 == locked ? []
        : record.Lock is null ? ["the repository's policy is locked, and the run was not made under its lock"]
        : [$"the run was made under another lock than the repository's ({locked})"];

    // Any readings can be compared with limits. They count only where they were taken as the policy asks, with its pinned files.
    private static IEnumerable<string> MeasurementProblems(
        UnlearningPolicy policy, RunRecord record, DateOnly today)
    {
        var differences = MeasurementSettings.Differences(policy, record.Policy);
        IEnumerable<string> other = differences.Count == 0
            ? []
            : [$"the readings were taken under another policy, which differs in {string.Join(", ", differences)}"];
        return other.Concat(Verification.PinProblems(policy, record)).Concat(EarlierRun.FindUnkept(
            record.EarlierRuns ?? [], policy, name => AcceptedRun.DigestOf(name, policy, record.Inputs), today));
    }

    // A run that fails early leaves the record of an earlier one. Where a record was moved, its policy need not be beside it.
    private static string? PolicyChangeProblem(string folder, PolicySource source)
    {
        var file = new FileInfo(Path.Combine(folder, source.File));
        if (!file.Exists)
            return null;

        try
        {
            // Another checkout may have other line ends.
            return RegularFile.ReadAllText(file.FullName, MaxBytes).ReplaceLineEndings("\n")
                == source.Text.ReplaceLineEndings("\n")
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
