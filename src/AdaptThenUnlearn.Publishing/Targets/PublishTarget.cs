using System.Text.RegularExpressions;
using AdaptThenUnlearn.Publishing.Hosts;

namespace AdaptThenUnlearn.Publishing.Targets;

/// <summary>Where runs are published.</summary>
/// <param name="Host">The kind of host that keeps the repository.</param>
/// <param name="Repository">
/// The repository: <c>owner/name</c>, on GitLab <c>group/project</c>, on Azure Repos <c>project/repository</c>.
/// </param>
/// <param name="PullRequest">Number of the pull request; null where there is none, or it must be looked up.</param>
/// <param name="HeadSha">The commit that was measured, in lower case.</param>
/// <param name="HeadLabel">
/// Owner and branch to look the pull request up by; null where its number is known or there is none.
/// </param>
/// <param name="IsFork">Whether the head is in another repository.</param>
/// <param name="Api">Base address of the host's API; ends with a slash.</param>
/// <param name="Author">Login that the token posts as; null where it is not given.</param>
/// <param name="BotLogin">Login that the build's own token posts as; null where the build's host has no such login.</param>
/// <param name="UsesDefaultApi">Whether neither <paramref name="Api"/> nor its server was given.</param>
public sealed partial record PublishTarget(
    CodeHost Host, string Repository, int? PullRequest, string HeadSha, string? HeadLabel, bool IsFork, Uri Api, string? Author,
    string? BotLogin, bool UsesDefaultApi)
{
    /// <summary>Combines flags and host; flags win.</summary>
    /// <exception cref="PublishException">Something is missing or not valid; the message says what to do.</exception>
    public static PublishTarget Create(CiContext host, PublishFlags flags)
    {
        var repository = flags.Repository ?? host.Repository ?? throw Missing(
            "no repository is known: run it on a CI host that docs/publishing.md names, "
            + $"or name one with --repository {FormOf(host.CodeHost).Name}");
        if (!IsRepository(host.CodeHost, repository))
            throw Missing($"'{repository}' is not a repository; write it as {FormOf(host.CodeHost).Name}");

        var sha = flags.Sha ?? host.HeadSha
            ?? throw Missing($"{host.ReadError ?? "no commit is known"}: name the one that was measured with --sha");
        if (!IsSha(sha))
            throw Missing($"'{sha}' is not a commit; write all its 40 hexadecimal digits");

        if (flags.PullRequest is <= 0)
            throw Missing($"'{flags.PullRequest}' is not the number of a pull request");

        var (number, label) = (flags.PullRequest ?? host.PullRequest, host.HeadLabel);
        return new PublishTarget(
            host.CodeHost,
            repository,
            PullRequest: number,
            HeadSha: sha.ToLowerInvariant(),
            HeadLabel: number is null ? label : null,
            host.IsFork,
            ApiOf(host.CodeHost, flags.ApiUrl ?? host.ApiUrl, host.ServerUrl),
            flags.Author,
            host.BotLogin,
            UsesDefaultApi: flags.ApiUrl is null && host.ApiUrl is null && host.ServerUrl is null);
    }

    /// <summary>Whether a text is a repository on a kind of host.</summary>
    public static bool IsRepository(CodeHost host, string? text) => text is not null && FormOf(host).Pattern.IsMatch(text);

    /// <summary>Whether a text is the full hash of a commit.</summary>
    public static bool IsSha(string? text) => text is not null && ShaPattern().IsMatch(text);

    /// <summary>A web address, escaped so that it is safe in a Markdown link; null where the text is not one.</summary>
    public static string? Link(string? address) =>
        Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri.Scheme is "https" or "http" && uri.UserInfo.Length == 0
            ? uri.AbsoluteUri.Replace("(", "%28", StringComparison.Ordinal).Replace(")", "%29", StringComparison.Ordinal)
            : null;

    private static (string Name, Regex Pattern) FormOf(CodeHost host) => host switch
    {
        CodeHost.GitLab => ("group/project", GitLabPattern()),
        CodeHost.Azure => ("project/repository", AzurePattern()),
        _ => ("owner/name", RepositoryPattern()),
    };

    private static Uri ApiOf(CodeHost host, string? api, string? server)
    {
        api ??= host switch
        {
            CodeHost.GitLab => $"{ServerOf(server ?? "https://gitlab.com", "CI_SERVER_URL")}/api/v4",
            CodeHost.Gitea when server is not null => $"{ServerOf(server, "GITHUB_SERVER_URL")}/api/v1",
            CodeHost.Gitea => throw Missing("no server is known: name its API with --api-url https://HOST/api/v1"),
            CodeHost.Azure => throw Missing(
                "no organization is known: name its address with --api-url https://dev.azure.com/ORGANIZATION"),
            _ => GitHubApiOf(ServerOf(server ?? "https://github.com", "GITHUB_SERVER_URL")),
        };
        if (!Uri.TryCreate(api.TrimEnd('/') + "/", UriKind.Absolute, out var uri) || uri.Scheme is not ("https" or "http")
            || uri.UserInfo.Length > 0 || uri.Query.Length > 0)
            throw Missing(
                $"'{(uri is { UserInfo.Length: > 0 } ? uri.Host : api)}' is not an address of the host's API; "
                + $"it looks like {ExampleOf(host)}");
        if (uri.Scheme == "http" && !uri.IsLoopback)
            throw Missing($"'{api}' would send the token unencrypted; use https");
        return uri;
    }

    private static string ServerOf(string server, string variable) => Uri.TryCreate(server, UriKind.Absolute, out _)
        ? server.TrimEnd('/')
        : throw Missing($"'{server}' ({variable}) is not an address");

    // By https://docs.github.com, the API of github.com is a host, that of ghe.com a host for each tenant, that of Enterprise
    // Server a path.
    private static string GitHubApiOf(string server)
    {
        var at = new Uri(server);
        return at.Host == "github.com" || at.Host.EndsWith(".ghe.com", StringComparison.Ordinal)
            ? $"https://api.{at.Host}"
            : $"{at.GetLeftPart(UriPartial.Authority)}/api/v3";
    }

    private static string ExampleOf(CodeHost host) => host switch
    {
        CodeHost.GitLab => "https://gitlab.com/api/v4",
        CodeHost.Gitea => "https://HOST/api/v1",
        CodeHost.Azure => "https://dev.azure.com/ORGANIZATION",
        _ => "https://api.github.com or https://HOST/api/v3",
    };

    private static PublishException Missing(string text) => new(PublishCodes.NoTarget, text);

    [GeneratedRegex(@"\A(?!\.+/)[A-Za-z0-9._-]+/(?!\.+\z)[A-Za-z0-9._-]+\z")]
    private static partial Regex RepositoryPattern();

    [GeneratedRegex(@"\A(?:(?!\.+/)[\w.+-]+/)+(?!\.+\z)[\w.+-]+\z|\A[1-9][0-9]{0,17}\z")]
    private static partial Regex GitLabPattern();

    // Names of projects and repositories may hold spaces and letters of any script.
    [GeneratedRegex("\\A(?!\\.+/)[^/\\\\:*?\"<>|;#${},+=\\[\\]\\p{C}]+/(?!\\.+\\z)[^/\\\\:*?\"<>|;#${},+=\\[\\]\\p{C}]+\\z")]
    private static partial Regex AzurePattern();

    [GeneratedRegex(@"\A(?:[0-9a-fA-F]{40}|[0-9a-fA-F]{64})\z")]
    private static partial Regex ShaPattern();
}
