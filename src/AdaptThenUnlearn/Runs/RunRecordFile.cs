using System.Text.Json;
using System.Text.Json.Serialization;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Runs;

/// <summary>Reads and writes run records.</summary>
public static class RunRecordFile
{
    /// <summary>Largest record that is read; real ones have some ten thousand bytes, and hold their policy twice.</summary>
    public const long MaxBytes = 32 << 20;

    /// <summary>How everything that is kept beside a run is written.</summary>
    public static JsonSerializerOptions Json { get; } = new(JsonSerializerOptions.Strict)
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    /// <summary>The record as JSON.</summary>
    public static string ToJson(RunRecord record) => JsonSerializer.Serialize(record, Json) + "\n";

    /// <summary>Reads a record.</summary>
    /// <param name="path">A <c>run.json</c>.</param>
    /// <param name="maxBytes">Largest file that is read; for records from elsewhere.</param>
    /// <exception cref="RunRecordException">
    /// It is missing, damaged, too large, or of another version; the message says which and where.
    /// </exception>
    public static RunRecord Read(string path, long maxBytes = MaxBytes)
    {
        string text;
        try
        {
            text = RegularFile.ReadAllText(path, maxBytes);
        }
        catch (FileTooLongException tooLong)
        {
            throw new RunRecordException(
                FormattableString.Invariant($"{path}: a run record of more than {maxBytes} bytes is not read, and this is one"),
                tooLong);
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            throw new RunRecordException($"{path}: the run record cannot be read: {failed.Message}", failed);
        }

        return Parse(text, path);
    }

    /// <summary>Reads the text of a record.</summary>
    /// <param name="text">JSON.</param>
    /// <param name="path">What messages call it.</param>
    /// <exception cref="RunRecordException">It is damaged, or of another version.</exception>
    internal static RunRecord Parse(string text, string path)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            if (document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("schemaVersion", out var version)
                && (version.ValueKind != JsonValueKind.Number
                    || !version.TryGetInt32(out var number)
                    || number is not (RunRecord.SchemaVersionWithoutErrors or RunRecord.CurrentSchemaVersion)))
                throw new RunRecordException(
                    $"{path}: is a run record of version {version}, "
                        + $"and this tool reads the versions {RunRecord.SchemaVersionWithoutErrors} and "
                        + $"{RunRecord.CurrentSchemaVersion}");

            var record = document.Deserialize<RunRecord>(Json)
                ?? throw new RunRecordException($"{path}: is not a run record, but null");
            return (FindProblem(document.RootElement, "$") ?? FindProblem(record)) is { } flaw
                ? throw new RunRecordException($"{path}: is not a run record: {flaw}")
                : record;
        }
        catch (Exception damaged) when (damaged is JsonException or InvalidOperationException)
        {
            throw new RunRecordException($"{path}: is not a run record: {damaged.Message}", damaged);
        }
    }

    // Nulls in lists and numbers beyond a double, which the types let pass.
    private static string? FindProblem(JsonElement element, string at) => element.ValueKind switch
    {
        JsonValueKind.Object => element.EnumerateObject()
            .Select(property => FindProblem(property.Value, $"{at}.{property.Name}"))
            .FirstOrDefault(flaw => flaw is not null),
        JsonValueKind.Array => element.EnumerateArray().Select(
            (item, index) => item.ValueKind is JsonValueKind.Null
                ? $"{at}[{index}] is null"
                : FindProblem(item, $"{at}[{index}]")).FirstOrDefault(flaw => flaw is not null),
        JsonValueKind.Number when !double.IsFinite(element.GetDouble()) => $"{at} is not a finite number",
        _ => null,
    };

    // Reports and the gate rely on this: each feature was counted, once, and its counts are possible.
    private static string? FindProblem(RunRecord record)
    {
        var whole = new[] { record.Before, record.After, record.Baseline?.Measured }.OfType<Measurement>().ToList();
        foreach (var measured in whole.Concat(
            whole.SelectMany(each => each.Shipped ?? []).Select(reading => reading.Measured).OfType<Measurement>()))
        {
            if (measured.Features.GroupBy(reading => reading.Feature).FirstOrDefault(group => group.Count() > 1) is { } twice)
                return $"the feature '{twice.Key}' was counted twice";
            if (measured.Features.FirstOrDefault(reading => reading.Looks.Count == 0
                || reading.Looks.Any(look => look.Samples < 1 || look.Hits < 0 || look.Hits > look.Samples)) is { } impossible)
                return $"the counts of the feature '{impossible.Feature}' are impossible";
            if (measured.Features.FirstOrDefault(
                reading => reading.Detection is { ArePossible: false }
                    || reading.Unreadable < 0) is { } unlikely)
                return $"the known error of the auditor of the feature '{unlikely.Feature}' is impossible";
            if (measured.Features.FirstOrDefault(reading => reading.Audit is { } audit
                && (!audit.ArePossible || AuditSheet.FindProblemOfPerson(audit.Person) is not null)) is { } audited)
                return $"the audit of the feature '{audited.Feature}' is impossible";
            if (measured.Attacks is { } attacks && AttackProblem(attacks) is { } attacked)
                return attacked;
            if (measured.Shipped is { } shipped && ShippedProblem(shipped) is { } unfit)
                return unfit;
            if (measured.Diversity is { IsPossible: false })
                return "the number of different images is impossible";
            if (measured.Repeats is { IsPossible: false })
                return "the number of repeated images is impossible";
            if (measured.Shares.GroupBy(share => (share.Classifier, share.Class))
                .FirstOrDefault(group => group.Count() > 1) is { } repeated)
                return $"the class '{repeated.Key.Class}' was counted twice";
            if (measured.Quality?.Values
                .GroupBy(value => value.Metric.Name)
                .FirstOrDefault(group => group.Count() > 1) is { } doubled)
                return $"the metric '{doubled.Key}' was measured twice";
        }

        if (record.Inputs.Select(input => input.Path)
            .Concat(record.Outputs.Select(output => output.Path))
            .Concat((record.Parts ?? []).Select(part => part.Path))
            .Append(record.PolicySource.File)
            .Any(path => path.Contains('\0', StringComparison.Ordinal)))
            return "a path holds a NUL character";
        if (record.Parts is { } parts && MeasuredPart.FindProblem(parts) is { } incomplete)
            return incomplete;
        if (record.Origin is { } origin && origin.Clean() != origin)
            return "its origin holds a value that no run records";

        if (record.Baseline is { Looks: < 1 })
            return "the looks of its baseline are impossible";

        return record.Policy.Evaluation.Confidence is > 0 and < 1 ? null : "the confidence does not lie between 0 and 1";
    }

    private static string? AttackProblem(IReadOnlyList<AttackReading> attacks) =>
        attacks.GroupBy(reading => (reading.Attack, reading.Feature)).FirstOrDefault(group => group.Count() > 1) is { } twice
            ? $"the attack '{twice.Key.Attack}' was made twice on the feature '{twice.Key.Feature}'"
            : attacks.FirstOrDefault(reading => !reading.IsPossible || reading.Variants.Count == 0) is { } impossible
                ? $"the counts of the attack '{impossible.Attack}' are impossible"
                : null;

    private static string? ShippedProblem(IReadOnlyList<ParityReading> shipped) =>
        shipped.GroupBy(reading => reading.Form).FirstOrDefault(group => group.Count() > 1) is { } twice
            ? $"the shipped file '{twice.Key}' was measured twice"
            : shipped.FirstOrDefault(reading => !reading.IsPossible) is { } impossible
                ? $"the counts of the shipped file '{impossible.Form}' are impossible"
                : null;

    /// <summary>Writes a record, whole or not at all.</summary>
    /// <exception cref="FileNotWrittenException">The folder cannot be written.</exception>
    public static void Write(string path, RunRecord record) => AtomicFile.Write(path, ToJson(record));
}
