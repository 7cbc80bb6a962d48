using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Publishing.Admission;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Publishing.Pages;

/// <summary>
/// The hidden first line of a comment. It names the comment's subject and keeps its numbers, for the next run to compare with.
/// </summary>
/// <remarks>
/// Anyone can write a marker, so it counts only in the first line of a comment that this tool's own account wrote. Its numbers
/// are read strictly and shown as text.
/// </remarks>
/// <param name="Version">Version of the format; always 1.</param>
/// <param name="Key">Digest of tool, policy name and generator. There is one comment for each key.</param>
/// <param name="Policy">The policy's name, for people who look at the comment's source.</param>
/// <param name="HeadSha">The commit that was measured; empty where it is unknown.</param>
/// <param name="Shortened">Whether the run has more rules than are listed.</param>
/// <param name="Rules">The rules' key numbers.</param>
/// <param name="PolicySha256">
/// Digest of the effective policy that judged; null, as those below, in comments of older versions.
/// </param>
/// <param name="Generator">Digest of the original generator.</param>
/// <param name="Seed">Seed of the evaluation latents.</param>
/// <param name="Samples">Number of images at the first look.</param>
/// <param name="Instruments">Digest of what measured: classifiers, extractor and reference.</param>
/// <param name="Tool">Name and version of what measured.</param>
public sealed record ReportMarker(
    [property: JsonPropertyName("v")] int Version,
    [property: JsonPropertyName("key")] string Key,
    [property: JsonPropertyName("policy")] string Policy,
    [property: JsonPropertyName("sha")] string HeadSha,
    [property: JsonPropertyName("more")] bool Shortened,
    [property: JsonPropertyName("rules")] IReadOnlyList<MarkedRule> Rules,
    [property: JsonPropertyName("policySha"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? PolicySha256 = null,
    [property: JsonPropertyName("generator"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Generator = null,
    [property: JsonPropertyName("seed"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? Seed = null,
    [property: JsonPropertyName("samples"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? Samples = null,
    [property: JsonPropertyName("instruments"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Instruments = null,
    [property: JsonPropertyName("tool"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Tool = null)
{
    private const string Opening = "<!-- atu:report ";
    private const string Closing = " -->";
    private const int MaxNameLength = 120;
    private const int MaxLineLength = 10_000;
    private const int RoomForRules = 8_000;

    // The default encoder escapes '<', '>' and '&', so that no value can end the HTML comment around it.
    private static readonly JsonSerializerOptions _json = new(JsonSerializerOptions.Strict)
    {
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false) },
    };

    /// <summary>
    /// The marker of a run, with as many of its rules as a hidden line should hold; rules that are not met come first.
    /// </summary>
    /// <param name="run">The run.</param>
    /// <param name="headSha">The commit that was measured; empty where it is unknown.</param>
    /// <param name="key">Tells apart reports of one policy and generator; null where there is one.</param>
    public static ReportMarker Create(PublishedRun run, string headSha, string? key = null) =>
        Create(run.Record, run.Policy, run.Findings, headSha, key);

    /// <summary>The marker of a record under the policy that judged it.</summary>
    internal static ReportMarker Create(
        RunRecord record, UnlearningPolicy policy, IReadOnlyList<Finding> findings, string headSha, string? key = null)
    {
        var room = RoomForRules;
        var all = findings.Select(MarkedRule.Create).DistinctBy(rule => rule.Name).ToList();
        List<MarkedRule> kept = [.. all.TakeWhile(rule => (room -= Hidden(rule).Length + 1) >= 0)];
        return new ReportMarker(
            1, KeyOf(policy, key), MarkdownText.Clip(policy.Name, MaxNameLength), headSha, kept.Count < all.Count, kept,
            CanonicalJson.Digest(policy),
            record.Before.GeneratorSha256,
            record.Before.Seed,
            policy.Evaluation.Samples,
            InstrumentsOf(record),
            MarkdownText.Clip(record.Tool, MaxNameLength));
    }

    /// <summary>
    /// The key that distinguishes reports: a digest of the tool, the policy's name, the generator's path, and the key given.
    /// </summary>
    /// <remarks>
    /// It uses the path in the policy rather than a hash of the checkpoint, so it stays the same when the checkpoint changes.
    /// </remarks>
    public static string KeyOf(PublishedRun run, string? key = null) => KeyOf(run.Policy, key);

    private static string KeyOf(UnlearningPolicy policy, string? key) =>
        Sha256Digest.Compute($"atu\0{policy.Name}\0{policy.Generator.Source}{(key is null ? "" : $"\0{key}")}")[..32];

    private static string InstrumentsOf(RunRecord record) => Sha256Digest.Compute(string.Join('\n', record.Inputs
        .Where(input => input.Role is not
            (InputRoles.Generator or InputRoles.Discriminator or InputRoles.Policy or InputRoles.Lock))
        .Select(input => $"{input.Role} {input.Sha256}")
        .Order(StringComparer.Ordinal)));

    /// <summary>The marker in a comment's first line; null where there is none, or where it is damaged.</summary>
    public static ReportMarker? Find(string? body)
    {
        var line = (body ?? "").Split('\n', 2)[0].TrimEnd('\r');
        if (line.Length < Opening.Length + Closing.Length || line.Length > MaxLineLength
            || !line.StartsWith(Opening, StringComparison.Ordinal) || !line.EndsWith(Closing, StringComparison.Ordinal))
            return null;

        try
        {
            var marker = JsonSerializer.Deserialize<ReportMarker>(line[Opening.Length..^Closing.Length], _json);
            return marker is { Version: 1 } && marker.IsValid() ? marker : null;
        }
        catch (Exception mangled) when (mangled is JsonException or InvalidOperationException or ArgumentException)
        {
            return null;   // it is not JSON, or half a surrogate pair is in it
        }
    }

    private bool IsValid() =>
        (HeadSha.Length == 0 || (HeadSha.Length is 40 or 64 && HeadSha.All(char.IsAsciiHexDigit)))
        && Rules.All(rule => rule is not null && rule.IsValid(MaxNameLength))
        && Rules.DistinctBy(rule => rule.Name).Count() == Rules.Count;

    /// <summary>The marker as an HTML comment on one line.</summary>
    public string ToComment() => Opening + Hidden(this) + Closing;

    // Two hyphens could end the HTML comment.
    private static string Hidden<T>(T value) =>
        JsonSerializer.Serialize(value, _json).Replace("--", "-\\u002D", StringComparison.Ordinal);

    internal static string NameOf(Finding finding) => MarkdownText.Clip(finding.Rule.ToString(), MaxNameLength);
}

/// <summary>The key numbers of one rule.</summary>
/// <param name="Name">Name of the rule.</param>
/// <param name="State">Whether it passed, failed, was waived or was not measured.</param>
/// <param name="Observed">The measured value; null where it was not measured.</param>
/// <param name="Limit">The rule's limit; null in comments of older versions.</param>
/// <param name="WaivedUntil">Last day of the waiver that was applied; null where there was none.</param>
public sealed record MarkedRule(
    [property: JsonPropertyName("n")] string Name,
    [property: JsonPropertyName("s")] FindingState State,
    [property: JsonPropertyName("o")] double? Observed,
    [property: JsonPropertyName("l"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? Limit = null,
    [property: JsonPropertyName("w"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? WaivedUntil = null)
{
    /// <summary>The key numbers of a finding.</summary>
    internal static MarkedRule Create(Finding finding) =>
        new(ReportMarker.NameOf(finding), finding.State, finding.Observed, finding.Limit, finding.Waiver?.Expires);

    /// <summary>Whether the name is short enough, the numbers are finite and the day is a date.</summary>
    /// <param name="maxNameLength">Largest number of characters in a name.</param>
    internal bool IsValid(int maxNameLength) =>
        Name.Length <= maxNameLength && double.IsFinite(Observed ?? 0) && double.IsFinite(Limit ?? 0)
        && (WaivedUntil is null
            || DateOnly.TryParseExact(WaivedUntil, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _));
}
