using System.Text;
using AdaptThenUnlearn.Publishing.Hosts;

namespace AdaptThenUnlearn.Publishing.GitHub;

/// <summary>A token that must never be seen.</summary>
/// <param name="secret">Its value.</param>
/// <param name="variable">The environment variable it came from.</param>
public sealed class GitHubToken(string secret, string variable)
{
    private const int ShortestPart = 8;

    /// <summary>The variables that may hold one, in the order in which they win: ours, then those of GitHub's own command line in its order.</summary>
    public static IReadOnlyList<string> Variables { get; } = ["ATU_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"];

    /// <summary>The environment variable it came from.</summary>
    public string Variable { get; } = variable;

    /// <summary>Whether it is an installation's (GITHUB_TOKEN, or an app's own), which has no user behind it.</summary>
    public bool IsInstallation { get; } = secret.StartsWith("ghs_", StringComparison.Ordinal);

    /// <summary>The token of an environment; null when there is none. White space, such as of a secret that is not set, is none.</summary>
    public static GitHubToken? Find(EnvironmentSnapshot environment) =>
        Variables.Where(name => !string.IsNullOrWhiteSpace(environment[name])).Select(name => new GitHubToken(environment[name]!.Trim(), name)).FirstOrDefault();

    /// <summary>Whether it can stand in a header at all; one with a line break or a control character within was pasted or read wrongly.</summary>
    public bool IsValidHeaderValue { get; } = secret.All(character => character is > ' ' and <= '~');

    /// <summary>For the request's header, and for nothing else.</summary>
    public string Reveal() => secret;

    /// <summary>The text without the token, and without any part of it that is long enough to tell, in any case, should it have got there.</summary>
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

    // Characters at the start of a text that are part of the secret; 0 where they are too few to tell anything.
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

    /// <summary>Stars.</summary>
    public override string ToString() => "***";
}
