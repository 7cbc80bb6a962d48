namespace AdaptThenUnlearn.Publishing.Hosts;

/// <summary>The kind of host that keeps a repository and its pull requests.</summary>
public enum CodeHost
{
    /// <summary>GitHub: github.com, ghe.com and GitHub Enterprise Server.</summary>
    GitHub,

    /// <summary>Gitea and Forgejo, whose API is like GitHub's.</summary>
    Gitea,

    /// <summary>GitLab: gitlab.com, self-managed and dedicated.</summary>
    GitLab,

    /// <summary>Azure Repos: Azure DevOps Services and Server.</summary>
    Azure,
}
