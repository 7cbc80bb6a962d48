namespace AdaptThenUnlearn.Publishing.Hosts;

/// <summary>What a CI host says about the build; null where it says nothing.</summary>
public sealed record CiContext
{
    /// <summary>The host's name; null where no host was recognised.</summary>
    public string? Host { get; init; }

    /// <summary>The kind of host that keeps the repository.</summary>
    public CodeHost CodeHost { get; init; }

    /// <summary>
    /// The repository that is built: <c>owner/name</c>, on GitLab <c>group/project</c>, on Azure Repos <c>project/repository</c>.
    /// </summary>
    public string? Repository { get; init; }

    /// <summary>The event that started the build, as the host names it.</summary>
    public string? Event { get; init; }

    /// <summary>Number of the pull request.</summary>
    public int? PullRequest { get; init; }

    /// <summary>The commit that was measured: the pull request's head, never the trial merge.</summary>
    public string? HeadSha { get; init; }

    /// <summary>
    /// Owner and branch of the head, e.g. <c>octocat:feature</c>; set where the pull request must be looked up by them.
    /// </summary>
    public string? HeadLabel { get; init; }

    /// <summary>
    /// The branch or tag that is built. Of a pull request its own branch, as <c>owner:branch</c> where it is in a fork.
    /// </summary>
    public string? Ref { get; init; }

    /// <summary>The branch that the pull request goes to.</summary>
    public string? BaseRef { get; init; }

    /// <summary>Login of who started this build: who pushed, or who ran it again. Not the pull request's author.</summary>
    public string? Actor { get; init; }

    /// <summary>Login that the build's own token posts as, where the host does not tell it.</summary>
    public string? BotLogin { get; init; }

    /// <summary>Whether the head is in another repository. Builds of such a head get a token without write permission.</summary>
    public bool IsFork { get; init; }

    /// <summary>Base address of the host's API.</summary>
    public string? ApiUrl { get; init; }

    /// <summary>Address of the host's web pages.</summary>
    public string? ServerUrl { get; init; }

    /// <summary>Address of this build's page.</summary>
    public string? RunUrl { get; init; }

    /// <summary>File whose Markdown the host shows on the build's page.</summary>
    public string? JobSummary { get; init; }

    /// <summary>Folder of the checkout.</summary>
    public string? Workspace { get; init; }

    /// <summary>Which of the host's files could not be read, and why; what it would have given is missing.</summary>
    public string? ReadError { get; init; }
}
