using System.Text;
using AdaptThenUnlearn.Publishing.Hosts;

namespace AdaptThenUnlearn.Publishing.Http;

/// <summary>A token, which must never be shown.</summary>
/// <param name="secret">The token's value.</param>
/// <param name="variable">The environment variable it came from.</param>
public sealed class PublishToken(string secret, string variable)
{
    private const int ShortestPart = 8;

    /// <summary>
    /// The variables that may hold a token for a code host; the first one that is set wins. A token is never sent to another kind
    /// of host than its variable names.
    /// </summary>
    /// <remarks>
    /// This tool's own variable comes first, then those of the host's command line or pipeline. GITHUB_TOKEN is a token of Gitea
    /// on Gitea's Actions, and a token of GitHub everywhere else.
    /// </remarks>
    /// <param name="host">The kind of host that keeps the repository.</param>
    /// <param name="onGitea">Whether the build runs on Gitea's Actions.</param>
    public static IReadOnlyList<string> VariablesFor(CodeHost host, bool onGitea = false) => host switch
    {
        CodeHost.GitLab => ["ATU_GITLAB_TOKEN", "GITLAB_TOKEN"],
        CodeHost.Azure => ["ATU_AZURE_TOKEN", "SYSTEM_ACCESSTOKEN"],
        CodeHost.Gitea when onGitea => ["ATU_GITEA_TOKEN", "GITEA_TOKEN", "FORGEJO_TOKEN", "GITHUB_TOKEN"],
        CodeHost.Gitea => ["ATU_GITEA_TOKEN", "GITEA_TOKEN", "FORGEJO_TOKEN"],
        _ when onGitea => ["ATU_GITHUB_TOKEN", "GH_TOKEN"],
        _ => ["ATU_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"],
    };

    /// <summary>The environment variable it came from.</summary>
    public string Variable { get; } = variable;

    /// <summary>Whether it belongs to an installation on GitHub (GITHUB_TOKEN, or an app's token), which has no user.</summary>
    public bool IsInstallation { get; } = secret.StartsWith("ghs_", StringComparison.Ordinal);

    /// <summary>Finds the token for a code host in an environment.</summary>
    /// <returns>
    /// The token; null where there is none. White space, such as that of a secret that is not set, does not count.
    /// </returns>
    public static PublishToken? Find(EnvironmentSnapshot environment, CodeHost host) =>
        VariablesFor(host, onGitea: new GiteaActions().Matches(environment))
            .Where(name => !string.IsNullOrWhiteSpace(environment[name]))
            .Select(name => new PublishToken(environment[name]!.Trim(), name)).FirstOrDefault();

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
