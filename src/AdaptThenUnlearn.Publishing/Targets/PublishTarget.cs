using System.Text.RegularExpressions;
using AdaptThenUnlearn.Publishing.Hosts;

namespace AdaptThenUnlearn.Publishing.Targets;

/// <summary>Where runs are published.</summary>
/// <param name="Owner">Owner of the repository.</param>
/// <param name="Repository">Name of the repository.</param>
/// <param name="PullRequest">Number of the pull request; null where there is none, or it must be looked up.</param>
/// <param name="HeadSha">The commit that was measured, in lower case.</param>
/// <param name="HeadLabel">
/// Owner and branch to look the pull request up by; null where its number is known or there is none.
/// </param>
/// <param name="IsFork">Whether the head is in another repository.</param>
/// <param name="Api">Base address of the GitHub API; ends with a slash.</param>
/// <param name="Author">Login that the token posts as; null where it is not given.</param>
/// <param name="IsGitHubActions">Whether the build runs on GitHub Actions, whose own token posts as its bot.</param>
/// <param name="UsesDefaultApi">Whether neither <paramref name="Api"/> nor its server was given.</param>
public sealed partial record PublishTarget(
    string Owner, string Repository, int? PullRequest, string HeadSha, string? HeadLabel, bool IsFork, Uri Api, string? Author,
    bool IsGitHubActions, bool UsesDefaultApi)
{
    private const string GitHubServer = "https://github.com";

    /// <summary>Combines flags and host; flags win.</summary>
    /// <exception cref="PublishException">Something is missing or not valid; the message says what to do.</exception>
    public static PublishTarget Create(CiContext host, PublishFlags flags)
    {
        var repository = flags.Repository ?? host.Repository
            ?? throw Missing("no repository is known: run it on GitHub Actions, or name one with --repository owner/name");
        if (!IsRepository(repository))
            throw Missing($"'{repository}' is not a repository; write it as owner/name");

        var sha = flags.Sha ?? host.HeadSha
            ?? throw Missing($"{host.ReadError ?? "no commit is known"}: name the one that was measured with --sha");
        if (!IsSha(sha))
            throw Missing($"'{sha}' is not a commit; write all its 40 hexadecimal digits");

        if (flags.PullRequest is <= 0)
            throw Missing($"'{flags.PullRequest}' is not the number of a pull request");

        var (number, label) = (flags.PullRequest ?? host.PullRequest, host.HeadLabel);
        return new PublishTarget(
            Owner: repository.Split('/')[0],
            Repository: repository.Split('/')[1],
            PullRequest: number,
            HeadSha: sha.ToLowerInvariant(),
            HeadLabel: number is null ? label : null,
            host.IsFork,
            ApiOf(flags.ApiUrl ?? host.ApiUrl, host.ServerUrl),
            flags.Author,
            IsGitHubActions: host.Host is not null,
            UsesDefaultApi: flags.ApiUrl is null && host.ApiUrl is null && host.ServerUrl is null);
    }

    /// <summary>Whether a text is a repository, as <c>owner/name</c>.</summary>
    public static bool IsRepository(string? text) => text is not null && RepositoryPattern().IsMatch(text);

    /// <summary>Whether a text is the full hash of a commit.</summary>
    public static bool IsSha(string? text) => text is not null && ShaPattern().IsMatch(text);

    /// <summary>A web address, escaped so that it is safe in a Markdown link; null where the text is not one.</summary>
    public static string? Link(string? address) =>
        Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri.Scheme is "https" or "http" && uri.UserInfo.Length == 0
            ? uri.AbsoluteUri.Replace("(", "%28", StringComparison.Ordinal).Replace(")", "%29", StringComparison.Ordinal)
            : null;

    // By https://docs.github.com, the API of github.com is a host, that of ghe.com a host for each tenant, that of Enterprise
    // Server a path.
    private static Uri ApiOf(string? api, string? server)
    {
        if (api is null)
        {
            if (!Uri.TryCreate(server ?? GitHubServer, UriKind.Absolute, out var at))
                throw Missing($"'{server}' (GITHUB_SERVER_URL) is not an address");
            api = at.Host == "github.com" || at.Host.EndsWith(".ghe.com", StringComparison.Ordinal)
                ? $"https://api.{at.Host}"
                : $"{at.GetLeftPart(UriPartial.Authority)}/api/v3";
        }

        if (!Uri.TryCreate(api.TrimEnd('/') + "/", UriKind.Absolute, out var uri) || uri.Scheme is not ("https" or "http")
            || uri.UserInfo.Length > 0 || uri.Query.Length > 0)
            throw Missing(
                $"'{(uri is { UserInfo.Length: > 0 } ? uri.Host : api)}' is not an address of the GitHub API; "
                + "it looks like https://api.github.com or https://HOST/api/v3");
        if (uri.Scheme == "http" && !uri.IsLoopback)
            throw Missing($"'{api}' would send the token unencrypted; use https");
        return uri;
    }

    private static PublishException Missing(string text) => new(PublishCodes.NoTarget, text);

    [GeneratedRegex(@"\A(?!\.+/)[A-Za-z0-9._-]+/(?!\.+\z)[A-Za-z0-9._-]+\z")]
    private static partial Regex RepositoryPattern();

    [GeneratedRegex(@"\A(?:[0-9a-fA-F]{40}|[0-9a-fA-F]{64})\z")]
    private static partial Regex ShaPattern();
}
