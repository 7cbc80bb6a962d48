using AdaptThenUnlearn.Publishing.Hosts;

namespace AdaptThenUnlearn.Publishing.Targets;

/// <summary>Addresses of the measured commit, and of files at that commit, on the pages of GitHub and GitLab.</summary>
/// <param name="Repository">Address of the repository's page, safe to show as a link; it ends without a slash.</param>
/// <param name="Sha">The commit that was measured.</param>
public sealed record SourceLinks(string Repository, string Sha)
{
    private static readonly string[] _apiPaths = ["/api/v3", "/api/v4"];   // of GitHub Enterprise Server, of GitLab

    /// <summary>Address of a commit.</summary>
    /// <param name="sha">Its full hash.</param>
    public string Commit(string sha) => $"{Repository}/commit/{sha}";

    /// <summary>Address of a line of a file.</summary>
    /// <param name="path">Path from the repository's root, with forward slashes; may be any text.</param>
    /// <param name="line">Number of the line, from 1.</param>
    public string Line(string path, int line)
    {
        var escaped = string.Join('/', path.Split('/').Select(Uri.EscapeDataString));
        return FormattableString.Invariant($"{Repository}/blob/{Sha}/{escaped}#L{line}");
    }

    /// <summary>
    /// Combines flags and host; flags win. Null where repository, server or commit are unknown or not valid, or the pages are
    /// those of another host.
    /// </summary>
    /// <param name="host">What the CI host says.</param>
    /// <param name="flags">What the command line says.</param>
    public static SourceLinks? Create(CiContext host, PublishFlags flags)
    {
        if (host.CodeHost is not (CodeHost.GitHub or CodeHost.GitLab))
            return null;

        var isGitLab = host.CodeHost is CodeHost.GitLab;
        var (repository, sha) = (flags.Repository ?? host.Repository, flags.Sha ?? host.HeadSha);
        var server = ServerOf(flags.ApiUrl) ?? host.ServerUrl ?? ServerOf(host.ApiUrl)
            ?? (isGitLab ? "https://gitlab.com" : "https://github.com");
        var isPath = PublishTarget.IsRepository(host.CodeHost, repository) && repository!.Contains('/', StringComparison.Ordinal);
        return isPath && PublishTarget.IsSha(sha) && PublishTarget.Link(server) is { } address
            ? new SourceLinks($"{address.TrimEnd('/')}/{repository}{(isGitLab ? "/-" : "")}", sha!.ToLowerInvariant())
            : null;
    }

    // The API of github.com and ghe.com is a host beside the pages, that of Enterprise Server and of GitLab a path.
    private static string? ServerOf(string? api) =>
        !Uri.TryCreate(api, UriKind.Absolute, out var uri) ? null
        : uri.Host.StartsWith("api.", StringComparison.Ordinal) && uri.AbsolutePath == "/"
            ? $"https://{uri.Host["api.".Length..]}"
        : _apiPaths.Contains(uri.AbsolutePath.TrimEnd('/')) ? uri.GetLeftPart(UriPartial.Authority)
        : null;
}
