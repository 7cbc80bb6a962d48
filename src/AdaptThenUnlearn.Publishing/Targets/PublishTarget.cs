using System.Text.RegularExpressions;
using AdaptThenUnlearn.Publishing.Hosts;

namespace AdaptThenUnlearn.Publishing.Targets;

/// <summary>Where a run is published.</summary>
/// <param name="Owner">Of the repository.</param>
/// <param name="Repository">Its name.</param>
/// <param name="PullRequest">Its number; null when there is none, or it has to be looked for.</param>
/// <param name="HeadSha">The commit that was measured.</param>
/// <param name="HeadLabel">Owner and branch to look for the pull request by; null when its number is known or there is none.</param>
/// <param name="IsFork">Whether the head lies in another repository.</param>
/// <param name="Api">Base address of the interface for programs, with a slash at its end.</param>
/// <param name="Author">Login that the token posts as; null when nobody said.</param>
/// <param name="IsGitHubActions">Whether the build runs on GitHub Actions, whose own token posts as its bot.</param>
/// <param name="UsesDefaultApi">Whether nobody named <paramref name="Api"/>, nor the server that it belongs to.</param>
public sealed partial record PublishTarget(
    string Owner, string Repository, int? PullRequest, string HeadSha, string? HeadLabel, bool IsFork, Uri Api, string? Author, bool IsGitHubActions, bool UsesDefaultApi)
{
    private const string GitHubServer = "https://github.com";

    /// <summary>Puts together what the flags and the host say; flags win.</summary>
    /// <exception cref="PublishException">Something is missing or cannot be; the message says how to mend it.</exception>
    public static PublishTarget Create(CiContext context, PublishFlags flags)
    {
        var repository = flags.Repository ?? context.Repository
            ?? throw Missing("no repository is known: run it on GitHub Actions, or name one with --repository owner/name");
        if (!RepositoryPattern().IsMatch(repository))
            throw Missing($"'{repository}' is no repository; write it as owner/name");

        var sha = flags.Sha ?? context.HeadSha ?? throw Missing($"{context.ReadError ?? "no commit is known"}: name the one that was measured with --sha");
        if (!IsSha(sha))
            throw Missing($"'{sha}' is no commit; write all its 40 hexadecimal digits");

        if (flags.PullRequest is <= 0)
            throw Missing($"'{flags.PullRequest}' is no number of a pull request");

        var (number, label) = (flags.PullRequest ?? context.PullRequest, context.HeadLabel);
        return new PublishTarget(
            repository.Split('/')[0], repository.Split('/')[1], number, sha.ToLowerInvariant(), number is null ? label : null, context.IsFork,
            ApiOf(flags.ApiUrl ?? context.ApiUrl, context.ServerUrl), flags.Author, context.Host is not null,
            UsesDefaultApi: flags.ApiUrl is null && context.ApiUrl is null && context.ServerUrl is null);
    }

    /// <summary>Whether a text is a commit's full name.</summary>
    public static bool IsSha(string? text) => text is not null && ShaPattern().IsMatch(text);

    /// <summary>A web address that may stand in a link, or null.</summary>
    public static string? Link(string? address) =>
        Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri.Scheme is "https" or "http" && uri.UserInfo.Length == 0
            ? uri.AbsoluteUri.Replace("(", "%28", StringComparison.Ordinal).Replace(")", "%29", StringComparison.Ordinal)
            : null;

    // https://docs.github.com: github.com has a host of its own, ghe.com one for each tenant, Enterprise Server a path.
    private static Uri ApiOf(string? api, string? server)
    {
        if (api is null)
        {
            var host = Uri.TryCreate(server ?? GitHubServer, UriKind.Absolute, out var at) ? at : throw Missing($"'{server}' (GITHUB_SERVER_URL) is no address");
            api = host.Host == "github.com" || host.Host.EndsWith(".ghe.com", StringComparison.Ordinal) ? $"https://api.{host.Host}" : $"{host.GetLeftPart(UriPartial.Authority)}/api/v3";
        }

        if (!Uri.TryCreate(api.TrimEnd('/') + "/", UriKind.Absolute, out var uri) || uri.Scheme is not ("https" or "http") || uri.UserInfo.Length > 0 || uri.Query.Length > 0)
            throw Missing($"'{(uri is { UserInfo.Length: > 0 } ? uri.Host : api)}' is no address of the GitHub API; it looks like https://api.github.com or https://HOST/api/v3");
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
