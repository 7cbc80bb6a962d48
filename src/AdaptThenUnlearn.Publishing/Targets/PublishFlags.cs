namespace AdaptThenUnlearn.Publishing.Targets;

/// <summary>What the command line says over what the host says; null where it says nothing.</summary>
public sealed record PublishFlags
{
    /// <summary><c>owner/name</c>.</summary>
    public string? Repository { get; init; }

    /// <summary>Number of the pull request.</summary>
    public int? PullRequest { get; init; }

    /// <summary>The commit that was measured.</summary>
    public string? Sha { get; init; }

    /// <summary>Base address of the interface for programs.</summary>
    public string? ApiUrl { get; init; }

    /// <summary>The build's page.</summary>
    public string? RunUrl { get; init; }

    /// <summary>Where the evidence lies.</summary>
    public string? ArtifactUrl { get; init; }

    /// <summary>A file that the summary is appended to.</summary>
    public string? JobSummary { get; init; }

    /// <summary>Login that the token posts as.</summary>
    public string? Author { get; init; }

    /// <summary>What is published.</summary>
    public PublishParts Parts { get; init; } = PublishParts.All;
}

/// <summary>The parts that can be published.</summary>
[Flags]
public enum PublishParts
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>The comment on the pull request.</summary>
    Comment = 1,

    /// <summary>The check run on the head commit, or a commit status where checks are not permitted.</summary>
    Check = 2,

    /// <summary>The job summary.</summary>
    Summary = 4,

    /// <summary>Every one of them.</summary>
    All = Comment | Check | Summary,
}
