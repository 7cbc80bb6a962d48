using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using AdaptThenUnlearn.Gating;
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
public sealed record ReportMarker(
    [property: JsonPropertyName("v")] int Version,
    [property: JsonPropertyName("key")] string Key,
    [property: JsonPropertyName("policy")] string Policy,
    [property: JsonPropertyName("sha")] string HeadSha,
    [property: JsonPropertyName("more")] bool Shortened,
    [property: JsonPropertyName("rules")] IReadOnlyList<MarkedRule> Rules)
{
    private const string Opening = "<!-- atu:report ";
    private const string Closing = " -->";
    private const int LongestName = 120;
    private const int LongestLine = 10_000;
    private const int RoomForRules = 8_000;

    // The default encoder leaves no '<', '>' or '&', so that nothing in it can end the comment it stands in.
    private static readonly JsonSerializerOptions _json = new(JsonSerializerOptions.Strict) { Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false) } };

    /// <summary>The marker of a run; as many of its rules as a hidden line should hold, those that are not met first.</summary>
    public static ReportMarker Of(PublishedRun run)
    {
        var room = RoomForRules;
        var all = run.Findings.Select(finding => new MarkedRule(NameOf(finding), finding.State, finding.Observed)).DistinctBy(rule => rule.Name).ToList();
        List<MarkedRule> kept = [.. all.TakeWhile(rule => (room -= JsonSerializer.Serialize(rule, _json).Length + 1) >= 0)];
        return new ReportMarker(1, KeyOf(run), MarkdownText.Clip(run.Policy.Name, LongestName), run.HeadSha, kept.Count < all.Count, kept);
    }

    /// <summary>What tells one report from another: the tool, the policy's name, and the generator as the policy names it, which stays the same when the checkpoint's bytes change.</summary>
    public static string KeyOf(PublishedRun run) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"atu\0{run.Policy.Name}\0{run.Policy.Generator.Checkpoint}")))[..32];

    /// <summary>The marker in a comment's first line; null when there is none, or it is damaged.</summary>
    public static ReportMarker? Find(string? body)
    {
        var line = (body ?? "").Split('\n', 2)[0].TrimEnd('\r');
        if (!line.StartsWith(Opening, StringComparison.Ordinal) || !line.EndsWith(Closing, StringComparison.Ordinal) || line.Length > LongestLine)
            return null;

        try
        {
            var marker = JsonSerializer.Deserialize<ReportMarker>(line[Opening.Length..^Closing.Length], _json);
            return marker is { Version: 1 } && (marker.HeadSha.Length == 0 || (marker.HeadSha.Length is 40 or 64 && marker.HeadSha.All(char.IsAsciiHexDigit)))
                && marker.Rules.All(rule => rule is not null && rule.Name.Length <= LongestName) && marker.Rules.DistinctBy(rule => rule.Name).Count() == marker.Rules.Count
                ? marker
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The line, an HTML comment.</summary>
    public string ToComment() => Opening + JsonSerializer.Serialize(this, _json).Replace("--", "-\\u002D", StringComparison.Ordinal) + Closing;

    internal static string NameOf(Finding finding) => MarkdownText.Clip(finding.Rule, LongestName);
}

/// <summary>A rule's key numbers.</summary>
/// <param name="Name">Of the rule.</param>
/// <param name="State">What came of it.</param>
/// <param name="Observed">What was measured; null when it was not.</param>
public sealed record MarkedRule(
    [property: JsonPropertyName("n")] string Name, [property: JsonPropertyName("s")] FindingState State, [property: JsonPropertyName("o")] double? Observed);
