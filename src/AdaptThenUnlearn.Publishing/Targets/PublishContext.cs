using AdaptThenUnlearn.Publishing.Hosts;

namespace AdaptThenUnlearn.Publishing.Targets;

/// <summary>
/// What the pages of one publish show besides the runs: the measured commit, links, and whether the gate is only advice.
/// </summary>
public sealed record PublishContext
{
    /// <summary>The commit that was measured, in lower case; empty where it is unknown.</summary>
    public string HeadSha { get; init; } = "";

    /// <summary>Tells apart reports of one policy and generator; null where there is one.</summary>
    public string? Key { get; init; }

    /// <summary>Addresses of the measured commit and its files; null where they are unknown.</summary>
    public SourceLinks? Source { get; init; }

    /// <summary>Address of the build's page, safe to show as a link; null where it is unknown.</summary>
    public string? RunUrl { get; init; }

    /// <summary>Address of the evidence, safe to show as a link; null where it is unknown.</summary>
    public string? ArtifactUrl { get; init; }

    /// <summary>Whether a failed gate is shown as advice and stops nothing.</summary>
    public bool Advisory { get; init; }

    /// <summary>Combines flags and host; flags win. A commit or an address that is not valid is left out.</summary>
    /// <param name="host">What the CI host says.</param>
    /// <param name="flags">What the command line says.</param>
    public static PublishContext Create(CiContext host, PublishFlags flags)
    {
        var sha = flags.Sha ?? host.HeadSha;
        return new PublishContext
        {
            HeadSha = PublishTarget.IsSha(sha) ? sha!.ToLowerInvariant() : "",
            Source = SourceLinks.Create(host, flags),
            Key = flags.Key,
            RunUrl = PublishTarget.Link(flags.RunUrl ?? host.RunUrl),
            ArtifactUrl = PublishTarget.Link(flags.ArtifactUrl),
            Advisory = flags.Advisory,
        };
    }
}
