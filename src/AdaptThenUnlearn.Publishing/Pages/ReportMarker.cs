using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Publishing.Admission;
using AdaptThenUnlearn.Reports;

namespace AdaptThenUnlearn.Publishing.Pages;

/// <summary>The hidden first line of a comment: what it is about, and the numbers it told, so that the next one can say what changed.</summary>
/// <remarks>
/// A marker proves nothing by itself, since anyone can write one: it counts only as the first line of a comment that we wrote
/// ourselves. Its numbers are read back strictly and shown as text.
/// </remarks>
/// <param name="Version">Always 1.</param>
/// <param name="Key">Digest of tool, policy name and generator: one comment for each.</param>
/// <param name="Policy">The policy's name, for people who look at the source.</param>
/// <param name="HeadSha">The commit that was measured.</param>
/// <param name="Shortened">Whether there were more rules than are listed.</param>
/// <param name="Rules">The rules' key numbers.</param>
/// <param name="PolicySha256">Digest of the policy that was judged by, as it took effect; here and below null in comments from before there was one.</param>
/// <param name="Generator">Digest of the original generator.</param>
/// <param name="Seed">Of the evaluation latents.</param>
/// <param name="Samples">Images at the first look.</param>
public sealed record ReportMarker(
    [property: JsonPropertyName("v")] int Version,
    [property: JsonPropertyName("key")] string Key,
    [property: JsonPropertyName("policy")] string Policy,
    [property: JsonPropertyName("sha")] string HeadSha,
    [property: JsonPropertyName("more")] bool Shortened,
    [property: JsonPropertyName("rules")] IReadOnlyList<MarkedRule> Rules,
    [property: JsonPropertyName("policySha"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? PolicySha256 = null,
    [property: JsonPropertyName("generator"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Generator = null,
    [property: JsonPropertyName("seed"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? Seed = null,
    [property: JsonPropertyName("samples"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? Samples = null)
{
    private const string Opening = "<!-- atu:report ";
    private const string Closing = " -->";
    private const int MaxNameLength = 120;
    private const int MaxLineLength = 10_000;
    private const int RoomForRules = 8_000;

    // The default encoder leaves no '<', '>' or '&', so that nothing in it can end the comment it stands in.
    private static readonly JsonSerializerOptions _json = new(JsonSerializerOptions.Strict) { Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false) } };

    /// <summary>The marker of a run; as many of its rules as a hidden line should hold, those that are not met first.</summary>
    public static ReportMarker Create(PublishedRun run)
    {
        var room = RoomForRules;
        var all = run.Findings.Select(finding => new MarkedRule(NameOf(finding), finding.State, finding.Observed, finding.Limit, finding.Waiver?.Expires)).DistinctBy(rule => rule.Name).ToList();
        List<MarkedRule> kept = [.. all.TakeWhile(rule => (room -= Hidden(rule).Length + 1) >= 0)];
        return new ReportMarker(
            1, KeyOf(run), MarkdownText.Clip(run.Policy.Name, MaxNameLength), run.HeadSha, kept.Count < all.Count, kept,
            CanonicalJson.Digest(run.Policy), run.Record.Before.GeneratorSha256, run.Policy.Evaluation.Seed, run.Policy.Evaluation.Samples);
    }

    /// <summary>What tells one report from another: the tool, the policy's name, and the generator as the policy names it, which stays the same when the checkpoint's bytes change.</summary>
    public static string KeyOf(PublishedRun run) =>
        Sha256Digest.Compute($"atu\0{run.Policy.Name}\0{run.Policy.Generator.Checkpoint}")[..32];

    /// <summary>The marker in a comment's first line; null when there is none, or it is damaged.</summary>
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
            return null;   // no JSON, or half a surrogate pair in it
        }
    }

    private bool IsValid() =>
        (HeadSha.Length == 0 || (HeadSha.Length is 40 or 64 && HeadSha.All(char.IsAsciiHexDigit)))
        && Rules.All(rule => rule is not null && rule.IsValid(MaxNameLength))
        && Rules.DistinctBy(rule => rule.Name).Count() == Rules.Count;

    /// <summary>The line, an HTML comment.</summary>
    public string ToComment() => Opening + Hidden(this) + Closing;

    // Two hyphens could end the comment.
    private static string Hidden<T>(T value) => JsonSerializer.Serialize(value, _json).Replace("--", "-\\u002D", StringComparison.Ordinal);

    internal static string NameOf(Finding finding) => MarkdownText.Clip(finding.Rule.ToString(), MaxNameLength);
}

/// <summary>A rule's key numbers.</summary>
/// <param name="Name">Of the rule.</param>
/// <param name="State">What came of it.</param>
/// <param name="Observed">What was measured; null when it was not.</param>
/// <param name="Limit">What it was held against; null in comments from before it was kept.</param>
/// <param name="WaivedUntil">Last day of the waiver that was applied; null where none was.</param>
public sealed record MarkedRule(
    [property: JsonPropertyName("n")] string Name,
    [property: JsonPropertyName("s")] FindingState State,
    [property: JsonPropertyName("o")] double? Observed,
    [property: JsonPropertyName("l"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? Limit = null,
    [property: JsonPropertyName("w"), JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? WaivedUntil = null)
{
    /// <summary>Whether it is short, its numbers are numbers and its day is a day.</summary>
    /// <param name="maxNameLength">Characters of a rule's name at most.</param>
    internal bool IsValid(int maxNameLength) =>
        Name.Length <= maxNameLength && double.IsFinite(Observed ?? 0) && double.IsFinite(Limit ?? 0)
        && (WaivedUntil is null || DateOnly.TryParseExact(WaivedUntil, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _));
}
