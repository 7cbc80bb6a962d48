using System.Text;
using AdaptThenUnlearn.Publishing.Hosts;

namespace AdaptThenUnlearn.Publishing.GitHub;

/// <summary>A token, which must never be shown.</summary>
/// <param name="secret">The token's value.</param>
/// <param name="variable">The environment variable it came from.</param>
public sealed class GitHubToken(string secret, string variable)
{
    private const int ShortestPart = 8;

    /// <summary>The variables that may hold a token; the first one that is set wins.</summary>
    /// <remarks>This tool's own variable comes first, then those of GitHub's command line in its order.</remarks>
    public static IReadOnlyList<string> Variables { get; } = ["ATU_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"];

    /// <summary>The environment variable it came from.</summary>
    public string Variable { get; } = variable;

    /// <summary>Whether it belongs to an installation (GITHUB_TOKEN, or an app's token), which has no user.</summary>
    public bool IsInstallation { get; } = secret.StartsWith("ghs_", StringComparison.Ordinal);

    /// <summary>Finds the token of an environment.</summary>
    /// <returns>
    /// The token; null where there is none. White space, such as that of a secret that is not set, does not count.
    /// </returns>
    public static GitHubToken? Find(EnvironmentSnapshot environment) =>
        Variables.Where(name => !string.IsNullOrWhiteSpace(environment[name]))
            .Select(name => new GitHubToken(environment[name]!.Trim(), name)).FirstOrDefault();

    /// <summary>
    /// Whether it is valid in a header. A token with a line break or a control character was pasted or read wrongly.
    /// </summary>
    public bool IsValidHeaderValue { get; } = secret.All(character => character is > ' ' and <= '~');

    /// <summary>The token's value, only for the request's header.</summary>
    public string Reveal() => secret;

    /// <summary>Replaces the token by stars, and every part of it of at least eight characters, in upper or lower case.</summary>
    public string Redact(string text)
    {
        var shown = new StringBuilder(text.Length);
        for (var at = 0; at < text.Length;)
        {
            var length = LongestPart(text.AsSpan(at));
            shown.Append(length > 0 ? "***" : text[at].ToString());
            at += Math.Max(1, length);
        }

        return shown.ToString();
    }

    // Number of characters at the start of a text that are part of the secret; 0 where they are fewer than ShortestPart.
    private int LongestPart(ReadOnlySpan<char> text)
    {
        var length = Math.Min(ShortestPart, secret.Length);
        if (length == 0 || text.Length < length || !SecretContains(text[..length]))
            return 0;
        while (length < text.Length && SecretContains(text[..(length + 1)]))
            length++;
        return length;
    }

    private bool SecretContains(ReadOnlySpan<char> part) => secret.AsSpan().Contains(part, StringComparison.OrdinalIgnoreCase);

    /// <summary>Stars instead of the token.</summary>
    public override string ToString() => "***";
}
