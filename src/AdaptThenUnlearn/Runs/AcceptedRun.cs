using System.Globalization;
using System.Text.Json;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Runs;

/// <summary>The last accepted run, than which a new one may not be worse: its record's file, and what is kept of it.</summary>
/// <param name="Path">Full path of the record.</param>
/// <param name="PolicyName">Name of the policy that it was judged by.</param>
/// <param name="Baseline">What a new run's record keeps of it.</param>
public sealed record AcceptedRun(string Path, string PolicyName, Baseline Baseline)
{
    /// <summary>Reads the record of an accepted run.</summary>
    /// <param name="path">A <c>run.json</c>.</param>
    /// <param name="vocabulary">What policies may name.</param>
    /// <exception cref="RunRecordException">
    /// The record cannot be read, its verdict does not follow from its readings, its generator was not released, nothing was
    /// enforced in it, or it was finished in the future.
    /// </exception>
    public static AcceptedRun Read(string path, PolicyVocabulary vocabulary)
    {
        var (record, sha256) = ReadRecord(path);
        if (record.Times.Finished > TimeProvider.System.GetUtcNow())
            throw new RunRecordException(
                $"{path}: cannot be the baseline, because by this clock it was finished in the future: "
                    + record.Times.Finished.UtcDateTime.ToString("u", CultureInfo.InvariantCulture));
        return WhyNoBaseline(record, vocabulary) is { } reason
            ? throw new RunRecordException($"{path}: cannot be the baseline, because {reason}")
            : new AcceptedRun(System.IO.Path.GetFullPath(path), record.Policy.Name, CreateBaseline(record, sha256));
    }

    // A record may come from anyone: nothing of it is used before its policy and its readings were checked.
    private static string? WhyNoBaseline(RunRecord record, PolicyVocabulary vocabulary)
    {
        var judgedThen = DateOnly.FromDateTime(record.Times.Finished.UtcDateTime);
        return Verification.VerifyReadings(record, vocabulary, judgedThen) is { Problems: [var problem, ..] }
                ? $"its record does not stand: {problem}"
            : !record.Verdict.Outcome.IsPass()
                ? "its generator may not be released; give the record of the last run that was accepted"
            : record.Verdict.Outcome is Outcome.NotEnforced
                ? "nothing was enforced in it, so any generator would have passed; give the record of a run that enforced a rule"
            : null;
    }

    /// <summary>What a generator is compared with; null without a baseline.</summary>
    /// <param name="baseline">Of the last accepted run.</param>
    /// <param name="policy">That the generator is judged by.</param>
    /// <param name="inputs">The files that it was measured with.</param>
    public static Ratchet? CreateRatchet(Baseline? baseline, UnlearningPolicy policy, IReadOnlyList<InputFile> inputs) =>
        baseline is null ? null : new Ratchet(
            baseline,
            FeatureAuditor.ListAll(policy, name => DigestOf(name, policy, inputs)),
            CounterOf(policy) is { } counter ? DigestOf(counter, policy, inputs) : null,
            CanonicalJson.Digest(policy),
            AttackersOf(policy, inputs));

    /// <summary>What does not fit between a record and the accepted run that it was compared with.</summary>
    /// <param name="record">As read.</param>
    /// <param name="folder">The run's folder, to read a file that is there again; null to look at no file.</param>
    /// <param name="vocabulary">What policies may name.</param>
    internal static IEnumerable<string> FindProblems(RunRecord record, string? folder, PolicyVocabulary vocabulary)
    {
        var inputs = record.Inputs.Where(input => input.Role == InputRoles.Baseline).ToList();
        if (record.Baseline is not { } baseline)
        {
            if (inputs.Count > 0)
                yield return "the record names a baseline among its inputs, and does not say that it was compared with it";
            yield break;
        }

        if (inputs is not [var input] || input.Sha256 != baseline.Sha256)
            yield return "the baseline is not one recorded input";
        else if (folder is not null && FindDifference(
            System.IO.Path.Combine(folder, input.Path), record, baseline, vocabulary) is { } difference)
            yield return $"the baseline {difference}";
        if (baseline.Finished > record.Times.Finished)
            yield return "the baseline is younger than the run";
    }

    // A file that is missing or has another digest is found by the check of files.
    private static string? FindDifference(string path, RunRecord run, Baseline baseline, PolicyVocabulary vocabulary)
    {
        if (Sha256Digest.FindAt(path) != baseline.Sha256)
            return null;
        try
        {
            var (record, sha256) = ReadRecord(path);
            return WhyNoBaseline(record, vocabulary) is { } reason ? $"cannot be one, because {reason}"
                : record.Policy.Name != run.Policy.Name ? $"is a run of another policy ('{record.Policy.Name}')"
                : ToJson(CreateBaseline(record, sha256)) != ToJson(baseline) ? "has other readings than its file"
                : null;
        }
        catch (RunRecordException damaged)
        {
            return $"cannot be read again: {damaged.Message}";
        }
    }

    // The digest is of the bytes that were read.
    private static (RunRecord Record, string Sha256) ReadRecord(string path)
    {
        byte[] bytes;
        try
        {
            bytes = RegularFile.ReadAllBytes(path, RunRecordFile.MaxBytes);
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            throw new RunRecordException($"{path}: the run record cannot be read: {failed.Message}", failed);
        }

        return (RunRecordFile.Parse(RegularFile.DecodeText(bytes), path), Sha256Digest.Compute(bytes));
    }

    private static Baseline CreateBaseline(RunRecord record, string sha256)
    {
        var counter = CounterOf(record.Policy);
        return new Baseline(
            sha256,
            record.PolicySource.EffectiveSha256,
            record.Times.Finished,
            record.After ?? record.Before,
            record.Policy.Evaluation.Looks().Count,
            FeatureAuditor.ListAll(record.Policy, name => DigestOf(name, record.Policy, record.Inputs)),
            counter,
            counter is null ? null : DigestOf(counter, record.Policy, record.Inputs),
            (record.After ?? record.Before).Quality is { } quality
                && record.Policy.ExtractorAsUsed(quality) is var extractor && extractor != quality.ExtractorSha256
                    ? extractor
                    : null,
            AttackersOf(record.Policy, record.Inputs));
    }

    private static Attackers? AttackersOf(UnlearningPolicy policy, IReadOnlyList<InputFile> inputs) => Attackers.Of(
        policy,
        name => DigestOf(name, policy, inputs),
        inputs.FirstOrDefault(input => input.Role == InputRoles.AttackImages)?.Sha256,
        inputs.FirstOrDefault(input => input.Role == InputRoles.Generator)?.Sha256);

    private static string? CounterOf(UnlearningPolicy policy) => policy.Quality?.CountingClassifier(policy);

    /// <summary>
    /// Digest of a classifier as it is used, with its calibration; null where a file of these is not among the inputs.
    /// </summary>
    /// <param name="classifier">Its name.</param>
    /// <param name="policy">Says how it is used.</param>
    /// <param name="inputs">As recorded.</param>
    public static string? DigestOf(string classifier, UnlearningPolicy policy, IReadOnlyList<InputFile> inputs)
    {
        var calibration = policy.Classifiers.GetValueOrDefault(classifier)?.Calibration is null
            ? ""
            : Find(InputRoles.Calibration(classifier), inputs);
        return DigestWithoutCalibration(classifier, policy, inputs) is not { } digest || calibration is null ? null
            : calibration.Length == 0 ? digest
            : Sha256Digest.Compute($"{digest}\n{calibration}");
    }

    /// <summary>
    /// Digest of everything that changes a classifier's answers, as a calibration names it; null where a file is not among the
    /// inputs.
    /// </summary>
    /// <param name="classifier">Its name.</param>
    /// <param name="policy">Says how it is used.</param>
    /// <param name="inputs">As recorded.</param>
    internal static string? DigestWithoutCalibration(
        string classifier, UnlearningPolicy policy, IReadOnlyList<InputFile> inputs)
    {
        if (policy.Classifiers.GetValueOrDefault(classifier) is not { } used)
            return FindWhole(InputRoles.Classifier(classifier), inputs);

        var known = ClassifierFile.ListFor(classifier, used).Select(file => FindWhole(file.Role, inputs)).ToList();
        return known.Contains(null) ? null : CanonicalJson.DigestAsUsed(used, [.. known.OfType<string>()]);
    }

    private static string? FindWhole(string role, IReadOnlyList<InputFile> inputs)
    {
        var parts = Enumerable.Range(1, inputs.Count).Select(number => Find(InputRoles.Part(role, number), inputs))
            .TakeWhile(part => part is not null).OfType<string>();
        return Find(role, inputs) is { } own ? Sha256Digest.ComputeWhole(own, [.. parts]) : null;
    }

    private static string? Find(string role, IReadOnlyList<InputFile> inputs) =>
        inputs.FirstOrDefault(input => input.Role == role)?.Sha256 is { Length: > 0 } known ? known : null;

    private static string ToJson(Baseline baseline) => JsonSerializer.Serialize(baseline, RunRecordFile.Json);
}
