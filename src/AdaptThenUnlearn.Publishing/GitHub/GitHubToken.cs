using AdaptThenUnlearn.Publishing.Hosts;

namespace AdaptThenUnlearn.Publishing.GitHub;

/// <summary>A token that must never be seen.</summary>
/// <param name="secret">Its value.</param>
/// <param name="variable">The environment variable it came from.</param>
public sealed class GitHubToken(string secret, string variable)
{
    /// <summary>The variables that may hold one, in the order in which they win: ours, then those of GitHub's own command line in its order.</summary>
    public static IReadOnlyList<string> Variables { get; } = ["ATU_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"];

    /// <summary>The environment variable it came from.</summary>
    public string Variable { get; } = variable;

    /// <summary>Whether it is an installation's (GITHUB_TOKEN, or an app's own), which has no user behind it.</summary>
    public bool IsInstallation { get; } = secret.StartsWith("ghs_", StringComparison.Ordinal);

    /// <summary>The token of an environment; null when there is none. White space, such as of a secret that is not set, is none.</summary>
    public static GitHubToken? Find(EnvironmentSnapshot environment) =>
        Variables.Where(name => !string.IsNullOrWhiteSpace(environment[name])).Select(name => new GitHubToken(environment[name]!.Trim(), name)).FirstOrDefault();

    /// <summary>For the request's header, and for nothing else.</summary>
    public string Reveal() => secret;

    /// <summary>The text without the token, should it have got there.</summary>
    public string Redact(string text) => text.Replace(secret, "***", StringComparison.Ordinal);

    /// <summary>Stars.</summary>
    public override string ToString() => "***";
}
