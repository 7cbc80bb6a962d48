using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Publishing;

/// <summary>Reads run records for publishing and judges them again; a record may come from anyone and is believed in nothing but its readings.</summary>
/// <param name="vocabulary">What policies may name.</param>
/// <param name="today">UTC day, against which waivers expire.</param>
/// <param name="workspace">The repository's root; null when nobody says.</param>
/// <param name="trusted">Policies to judge by instead of the recorded ones; none: by the recorded ones.</param>
public sealed class RunAdmission(PolicyVocabulary vocabulary, DateOnly today, string? workspace, IReadOnlyList<TrustedPolicy> trusted)
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

        var judged = Verification.OfReadings(record, vocabulary, today);
        if (trusted.Count == 0)
            return new PublishedRun(record, judged, record.Policy, record.PolicySource.Text, RepositoryPath.Of(workspace, Folder(path), record.PolicySource.File));

        var policy = trusted.FirstOrDefault(policy => policy.Policy.Name == record.Policy.Name)
            ?? throw new RecordRefusedException($"its policy is called '{record.Policy.Name}', and none of those given with --policy is");
        return new PublishedRun(
            record, judged with { Verdict = Gate.Judge(policy.Policy, record.Before, record.After, today) }, policy.Policy, policy.Text, RepositoryPath.Of(workspace, Directory.GetCurrentDirectory(), policy.File))
        {
            ByTrustedPolicy = true,
            OtherPolicy = CanonicalJson.Digest(policy.Policy) != record.PolicySource.EffectiveSha256,
        };
    }

    private static string Folder(string path) => Path.GetDirectoryName(Path.GetFullPath(path))!;
}

/// <summary>A policy of this repository, to judge by whatever a record says.</summary>
/// <param name="File">As given.</param>
/// <param name="Text">Of the file.</param>
/// <param name="Policy">What it says.</param>
public sealed record TrustedPolicy(string File, string Text, UnlearningPolicy Policy);

/// <summary>A record is readable, and still nothing can be said about its run.</summary>
/// <param name="problem">Why.</param>
public sealed class RecordRefusedException(string problem) : Exception(problem);
