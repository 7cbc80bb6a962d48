using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Runs;

/// <summary>A run that trained a generator, as the generator's own file keeps it: the limits that later runs must keep.</summary>
/// <remarks>
/// Each run is tied to the one before it by a digest, so that none in between can be left out unnoticed. The file is not signed:
/// whoever can write it can also remove the whole list.
/// </remarks>
/// <param name="Policy">Name of the policy.</param>
/// <param name="PolicySha256">Digest of the policy in effect.</param>
/// <param name="GeneratorSha256">Digest of the generator that the run began with.</param>
/// <param name="Limits">Each feature that the run's policy limited.</param>
/// <param name="Range">The values of the images that were judged: <see cref="EvaluationOptions.RangeOrDefault"/>.</param>
/// <param name="Truncation">ψ of the images that were judged.</param>
/// <param name="Confidence">Of the upper bounds that were judged.</param>
/// <param name="AuditorErrors">
/// <see cref="EvaluationOptions.AuditorErrors"/>; null, and left out, where the policy did not give it.
/// </param>
/// <param name="PreviousSha256">Digest of the run before; null, and left out, for the first.</param>
public sealed record EarlierRun(
    string Policy,
    string PolicySha256,
    string GeneratorSha256,
    IReadOnlyList<EarlierLimit> Limits,
    string Range,
    double Truncation,
    double Confidence,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? AuditorErrors = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? PreviousSha256 = null)
{
    private const int MostRuns = 1000;

    /// <summary>The list as text, for the metadata of a generator's file.</summary>
    /// <param name="runs">The oldest first.</param>
    public static string Write(IReadOnlyList<EarlierRun> runs) => JsonSerializer.Serialize(runs, PolicyJson.Options);

    /// <summary>Reads the list from the metadata of a generator's file.</summary>
    /// <param name="text">As <see cref="Write"/> made it; it may come from anyone.</param>
    /// <returns>The oldest first.</returns>
    /// <exception cref="FormatException">It is damaged, or a run was left out or changed; the message says what.</exception>
    public static IReadOnlyList<EarlierRun> Read(string text)
    {
        try
        {
            var runs = JsonSerializer.Deserialize<EarlierRun[]>(text, PolicyJson.Options)
                ?? throw new FormatException("it is null");
            return FindFlaw(runs) is { } flaw ? throw new FormatException(flaw) : runs;
        }
        catch (JsonException damaged)
        {
            throw new FormatException($"it is not the JSON that is written there: {damaged.Message}", damaged);
        }
    }

    /// <summary>The list with a run that trained the generator.</summary>
    /// <param name="runs">Those before it, the oldest first.</param>
    /// <param name="policy">In effect.</param>
    /// <param name="inputs">The files of the run.</param>
    /// <param name="before">The readings of the generator that it began with.</param>
    /// <param name="today">UTC day: a rule that only warns leaves no limit.</param>
    public static IReadOnlyList<EarlierRun> Append(
        IReadOnlyList<EarlierRun> runs, UnlearningPolicy policy, IReadOnlyList<InputFile> inputs, Measurement before,
        DateOnly today) =>
    [
        .. runs,
        new EarlierRun(
            policy.Name,
            CanonicalJson.Digest(policy),
            before.GeneratorSha256,
            [
                .. policy.UndesiredFeatures.Where(feature => EarlierLimit.IsEnforced(feature, policy, today))
                    .Select(feature => EarlierLimit.Of(feature, policy, inputs, before, today)),
            ],
            policy.Evaluation.RangeOrDefault,
            policy.Evaluation.Truncation,
            policy.Evaluation.Confidence,
            policy.Evaluation.AuditorErrors,
            runs.Count == 0 ? null : runs[^1].Digest()),
    ];

    /// <summary>Which limits of earlier runs a policy does not keep, in sentences; empty where it keeps them all.</summary>
    /// <param name="runs">From the generator's file.</param>
    /// <param name="policy">In effect.</param>
    /// <param name="digestOf">Digest of a classifier as it is used, by its name; null where it is not known.</param>
    /// <param name="today">UTC day: a rule that only warns keeps nothing.</param>
    public static IEnumerable<string> FindUnkept(
        IReadOnlyList<EarlierRun> runs, UnlearningPolicy policy, Func<string, string?> digestOf, DateOnly today) =>
        policy.Generator.DropEarlierRules is true
            ? []
            : runs.SelectMany(run => run.FindUnkept(policy, digestOf, today)).Distinct();

    /// <summary>What does not fit between a record and the earlier runs that it holds.</summary>
    /// <remarks>Never throws for what a record holds: a record may come from anyone.</remarks>
    /// <param name="record">As read.</param>
    internal static IEnumerable<string> FindProblems(RunRecord record)
    {
        if (record.EarlierRuns is not { } runs)
            return [];
        if (FindFlaw(runs) is { } flaw)
            return [$"the record's list of earlier runs is damaged: {flaw}"];
        return FindUnkept(
            runs, record.Policy, name => AcceptedRun.DigestOf(name, record.Policy, record.Inputs),
            DateOnly.FromDateTime(record.Times.Finished.UtcDateTime));
    }

    private IEnumerable<string> FindUnkept(UnlearningPolicy policy, Func<string, string?> digestOf, DateOnly today)
    {
        if (Limits.Count == 0)
            yield break;
        foreach (var limit in Limits)
            if (limit.WhyUnkept(policy, digestOf, today) is { } why)
                yield return $"the earlier run '{Policy}' limited '{limit.Feature}', and {why}";

        var evaluation = policy.Evaluation;
        if (evaluation.RangeOrDefault != Range)
            yield return $"the earlier run '{Policy}' judged images in the range '{Range}': 'evaluation.range' must be the same";
        if (evaluation.Truncation != Truncation && evaluation.Truncation != 1)
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"the earlier run '{Policy}' judged images at truncation {Truncation}: "
                    + $"'evaluation.truncation' must be that, or 1");
        if (evaluation.Confidence < Confidence)
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"the earlier run '{Policy}' judged bounds at confidence {Confidence}: "
                    + $"'evaluation.confidence' must be that or more");
        if (!PolicyTightening.IsAsStrict(evaluation.AuditorErrors, AuditorErrors))
            yield return $"the earlier run '{Policy}' had 'evaluation.auditorErrors' "
                + $"{(AuditorErrors is null ? "left out" : $"'{AuditorErrors}'")}: it must be as strict";
    }

    private static string? FindFlaw(IReadOnlyList<EarlierRun?> runs)
    {
        if (runs.Count is 0 or > MostRuns)
            return string.Create(CultureInfo.InvariantCulture, $"it has {runs.Count} runs, and 1 to {MostRuns} are read");
        for (var index = 0; index < runs.Count; index++)
        {
            var run = runs[index];
            if (run is null || run.FindFlaw() is not null)
                return string.Create(CultureInfo.InvariantCulture, $"run {index + 1} {run?.FindFlaw() ?? "is null"}");
            if (run.PreviousSha256 != (index == 0 ? null : runs[index - 1]!.Digest()))
                return string.Create(
                    CultureInfo.InvariantCulture,
                    $"run {index + 1} does not follow the one before it: one was changed or left out");
        }

        return null;
    }

    private string? FindFlaw() =>
        !EarlierLimit.IsKey(Policy) ? "has no policy's name"
        : !EarlierLimit.IsDigest(PolicySha256) || !EarlierLimit.IsDigest(GeneratorSha256) ? "has no digest"
        : Limits is null ? "has no limits"
        : Limits.Any(limit => limit is null || !limit.IsWhole()) ? "has a limit that is none"
        : Range is not (EvaluationOptions.EightBit or EvaluationOptions.Raw)
            || !(Truncation is > 0 and <= 1) || !(Confidence is > 0 and < 1)
            ? "does not say how images were judged"
        : null;

    private string Digest() => Sha256Digest.Compute(JsonSerializer.Serialize(this, PolicyJson.Options));
}
