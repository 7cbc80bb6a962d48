namespace AdaptThenUnlearn.Publishing.Targets;

/// <summary>
/// What the command line says about publishing. It overrides what the CI host says; null where nothing is given.
/// </summary>
public sealed record PublishFlags
{
    /// <summary>The repository, as <c>owner/name</c>.</summary>
    public string? Repository { get; init; }

    /// <summary>Number of the pull request.</summary>
    public int? PullRequest { get; init; }

    /// <summary>The commit that was measured.</summary>
    public string? Sha { get; init; }

    /// <summary>Base address of the GitHub API.</summary>
    public string? ApiUrl { get; init; }

    /// <summary>Address of the build's page.</summary>
    public string? RunUrl { get; init; }

    /// <summary>Address of the evidence.</summary>
    public string? ArtifactUrl { get; init; }

    /// <summary>File that the job summary is appended to.</summary>
    public string? JobSummary { get; init; }

    /// <summary>Login that the token posts as.</summary>
    public string? Author { get; init; }

    /// <summary>Whether a failed gate is published as advice.</summary>
    public bool Advisory { get; init; }

    /// <summary>The parts to publish; all of them by default.</summary>
    public PublishParts Parts { get; init; } = PublishParts.All;
}

/// <summary>The parts that can be published.</summary>
[Flags]
public enum PublishParts
{
    /// <summary>No part.</summary>
    None = 0,

    /// <summary>The comment on the pull request.</summary>
    Comment = 1,

    /// <summary>The check run on the head commit, or a commit status where the token may not write checks.</summary>
    Check = 2,

    /// <summary>The job summary.</summary>
    Summary = 4,

    /// <summary>Every part.</summary>
    All = Comment | Check | Summary,
}
