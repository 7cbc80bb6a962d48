namespace AdaptThenUnlearn.Publishing.Hosts;

/// <summary>Where a build runs, and what it knows about the pull request it runs for.</summary>
public interface ICiHost
{
    /// <summary>As people call it.</summary>
    string Name { get; }

    /// <summary>Whether the environment is this host's.</summary>
    bool Matches(EnvironmentSnapshot environment);

    /// <summary>What the environment and the files it names say; never throws for what they hold.</summary>
    CiContext Describe(EnvironmentSnapshot environment);
}

/// <summary>What a host knows; null where it says nothing.</summary>
public sealed record CiContext
{
    /// <summary>The host's name; null outside of any.</summary>
    public string? Host { get; init; }

    /// <summary><c>owner/name</c>.</summary>
    public string? Repository { get; init; }

    /// <summary>What started the build, in the host's words.</summary>
    public string? Event { get; init; }

    /// <summary>Number of the pull request.</summary>
    public int? PullRequest { get; init; }

    /// <summary>The commit that was measured: the pull request's head, never the trial merge.</summary>
    public string? HeadSha { get; init; }

    /// <summary>Owner and branch of the head, where the pull request has to be looked for by them: <c>octocat:feature</c>.</summary>
    public string? HeadLabel { get; init; }

    /// <summary>Whether the head lies in another repository, whose builds get a token that may not write.</summary>
    public bool IsFork { get; init; }

    /// <summary>Where the interface for programs is.</summary>
    public string? ApiUrl { get; init; }

    /// <summary>Where people look.</summary>
    public string? ServerUrl { get; init; }

    /// <summary>This build's page.</summary>
    public string? RunUrl { get; init; }

    /// <summary>A file whose Markdown the host shows on the build's page.</summary>
    public string? JobSummary { get; init; }

    /// <summary>The checkout.</summary>
    public string? Workspace { get; init; }

    /// <summary>Which file of the host cannot be understood, and why, so that what it would have said is missing.</summary>
    public string? ReadError { get; init; }
}
