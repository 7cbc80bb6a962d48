using System.Globalization;
using AdaptThenUnlearn.Publishing.Hosts;

namespace AdaptThenUnlearn.Publishing.Targets;

/// <summary>Addresses of the measured commit, and of files at that commit, on the pages of the host.</summary>
/// <param name="Host">Kind of host.</param>
/// <param name="Repository">Address of the repository's page, safe to show as a link; it ends without a slash.</param>
/// <param name="Sha">The commit that was measured.</param>
public sealed record SourceLinks(CodeHost Host, string Repository, string Sha)
{
    private static readonly string[] _apiPaths =
        ["/api/v1", "/api/v3", "/api/v4"];   // of Gitea, of GitHub Enterprise Server, of GitLab

    /// <summary>Address of a commit.</summary>
    /// <param name="sha">Its full hash.</param>
    public string Commit(string sha) => Host is CodeHost.GitLab ? $"{Repository}/-/commit/{sha}" : $"{Repository}/commit/{sha}";

    /// <summary>Address of a line of a file.</summary>
    /// <param name="path">Path from the repository's root, with forward slashes; may be any text.</param>
    /// <param name="line">Number of the line, from 1.</param>
    public string Line(string path, int line)
    {
        var (escaped, first, next) = (Escape(path), Text(line), Text(line + 1));
        return Host switch
        {
            CodeHost.GitLab => $"{Repository}/-/blob/{Sha}/{escaped}#L{first}",
            CodeHost.Gitea => $"{Repository}/src/commit/{Sha}/{escaped}#L{first}",

            // Azure Repos marks a range of columns: the whole line, up to the first column of the next one.
            CodeHost.Azure =>
                $"{Repository}?path=/{escaped}&version=GC{Sha}&line={first}&lineEnd={next}&lineStartColumn=1&lineEndColumn=1",
            _ => $"{Repository}/blob/{Sha}/{escaped}#L{first}",
        };

        static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>
    /// Combines flags and host; flags win. Null where repository, server or commit are unknown or not valid.
    /// </summary>
    /// <param name="host">What the CI host says.</param>
    /// <param name="flags">What the command line says.</param>
    public static SourceLinks? Create(CiContext host, PublishFlags flags)
    {
        var (repository, sha) = (flags.Repository ?? host.Repository, flags.Sha ?? host.HeadSha);
        var server = host.CodeHost is CodeHost.Azure
            ? flags.ApiUrl ?? host.ServerUrl   // its API lies below the organization's page
            : ServerOf(flags.ApiUrl) ?? host.ServerUrl ?? ServerOf(host.ApiUrl) ?? host.CodeHost switch
            {
                CodeHost.GitHub => "https://github.com",
                CodeHost.GitLab => "https://gitlab.com",
                _ => null,
            };
        var isPath = PublishTarget.IsRepository(host.CodeHost, repository) && repository!.Contains('/', StringComparison.Ordinal);
        if (!isPath || !PublishTarget.IsSha(sha) || PublishTarget.Link(server) is not { } address)
            return null;

        var page = host.CodeHost is CodeHost.Azure && repository!.Split('/') is [var project, var name]
            ? $"{Escape(project)}/_git/{Escape(name)}"
            : repository;
        return new SourceLinks(host.CodeHost, $"{address.TrimEnd('/')}/{page}", sha!.ToLowerInvariant());
    }

    private static string Escape(string path) => string.Join('/', path.Split('/').Select(Uri.EscapeDataString));

    // The API of github.com and ghe.com is a host beside the pages, that of Enterprise Server and of GitLab a path.
    private static string? ServerOf(string? api) =>
        !Uri.TryCreate(api, UriKind.Absolute, out var uri) ? null
        : uri.Host.StartsWith("api.", StringComparison.Ordinal) && uri.AbsolutePath == "/"
            ? $"https://{uri.Host["api.".Length..]}"
        : _apiPaths.Contains(uri.AbsolutePath.TrimEnd('/')) ? uri.GetLeftPart(UriPartial.Authority)
        : null;
}
