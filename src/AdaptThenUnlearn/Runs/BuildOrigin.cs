using System.Globalization;
using System.Text;
using System.Text.Json.Serialization;

namespace AdaptThenUnlearn.Runs;

/// <summary>
/// The build that measured a generator, as its CI host and the command line told it: who, for which commit, and where to look.
/// </summary>
/// <remarks>
/// All of it comes from outside and none of it is proven: anybody who starts a run may state it. What is unknown is null, and
/// left out of the record.
/// </remarks>
public sealed record BuildOrigin
{
    /// <summary>Longest text that is kept, in UTF-16 units.</summary>
    public const int MaxLength = 500;

    private const int MaxAddressLength = 2000;

    /// <summary>Name of the CI host, e.g. <c>GitHub Actions</c>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Host { get; init; }

    /// <summary>The repository that was built, e.g. <c>owner/name</c>.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Repository { get; init; }

    /// <summary>The commit, as 40 or 64 lower-case hexadecimal digits; a pull request's is its head.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Commit { get; init; }

    /// <summary>The branch or tag; <c>owner:branch</c> where a pull request comes from a fork.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Ref { get; init; }

    /// <summary>Number of the pull request.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? PullRequest { get; init; }

    /// <summary>Address of the build's page: http or https, without a user or a password.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? BuildUrl { get; init; }

    /// <summary>Login of who started the build.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Actor { get; init; }

    /// <summary>
    /// The same without every value that is empty, too long, or not what it should be; null where nothing is left.
    /// </summary>
    /// <remarks>Nothing is shortened or repaired: a wrong commit or name is worse than none.</remarks>
    public BuildOrigin? Clean()
    {
        var clean = new BuildOrigin
        {
            Host = CleanText(Host),
            Repository = CleanText(Repository) is { } repository && !repository.Contains('@', StringComparison.Ordinal)
                ? repository
                : null,
            Commit = CleanCommit(Commit),
            Ref = CleanText(Ref),
            PullRequest = PullRequest is > 0 ? PullRequest : null,
            BuildUrl = CleanAddress(BuildUrl),
            Actor = CleanText(Actor),
        };
        return clean == new BuildOrigin() ? null : clean;
    }

    // One visible line. Invisible characters would make one name look like another, and an address may hold a password.
    private static string? CleanText(string? text) =>
        !string.IsNullOrWhiteSpace(text)
        && text.Length <= MaxLength
        && text.EnumerateRunes().All(IsVisible)
        && !(text.Contains("://", StringComparison.Ordinal) && text.Contains('@', StringComparison.Ordinal))
            ? text
            : null;

    private static bool IsVisible(Rune rune) =>
        rune != Rune.ReplacementChar   // also what half of a surrogate pair is read as
        && Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format
            or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.OtherNotAssigned
            or UnicodeCategory.PrivateUse);

    private static string? CleanCommit(string? commit) =>
        commit is { Length: 40 or 64 } && commit.All(char.IsAsciiHexDigit) ? commit.ToLowerInvariant() : null;

    private static string? CleanAddress(string? address) =>
        Uri.TryCreate(address, UriKind.Absolute, out var uri)
        && uri.Scheme is "https" or "http"
        && uri.UserInfo.Length == 0
        && uri.AbsoluteUri.Length <= MaxAddressLength
        && uri.AbsoluteUri.All(char.IsAscii)   // a host in other letters may be made to look like a known one
            ? uri.AbsoluteUri
            : null;
}
