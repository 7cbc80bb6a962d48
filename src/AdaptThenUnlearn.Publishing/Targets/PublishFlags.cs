using System.Text.RegularExpressions;
using AdaptThenUnlearn.Publishing.Hosts;

namespace AdaptThenUnlearn.Publishing.Targets;

/// <summary>
/// What the command line says about publishing. It overrides what the CI host says; null where nothing is given.
/// </summary>
public sealed partial record PublishFlags
{
    /// <summary>The repository, as <see cref="CiContext.Repository"/>.</summary>
    public string? Repository { get; init; }

    /// <summary>Number of the pull request.</summary>
    public int? PullRequest { get; init; }

    /// <summary>The commit that was measured.</summary>
    public string? Sha { get; init; }

    /// <summary>Base address of the host's API.</summary>
    public string? ApiUrl { get; init; }

    /// <summary>Address of the build's page.</summary>
    public string? RunUrl { get; init; }

    /// <summary>Address of the evidence.</summary>
    public string? ArtifactUrl { get; init; }

    /// <summary>File that the job summary is appended to.</summary>
    public string? JobSummary { get; init; }

    /// <summary>Login that the token posts as.</summary>
    public string? Author { get; init; }

    /// <summary>
    /// Tells apart reports of one policy and generator, such as those of a matrix's jobs; null where there is one report.
    /// </summary>
    /// <exception cref="ArgumentException">It has other characters than the name of a policy may have.</exception>
    public string? Key
    {
        get;
        init => field = value is null || IsKey(value) ? value : throw new ArgumentException($"'{value}' is not a key: {KeyForm}");
    }

    /// <summary>
    /// Whether an open pull request is looked up by the commit, where the build is not one of a pull request.
    /// </summary>
    public bool FindPullRequest { get; init; }

    /// <summary>How a key is written, as a sentence's end.</summary>
    public const string KeyForm = "write 1 to 64 lower-case letters, digits and hyphens, as in the name of a policy";

    /// <summary>Whether a text is a key.</summary>
    public static bool IsKey(string text) => KeyPattern().IsMatch(text);

    /// <summary>Whether a failed gate is published as advice.</summary>
    public bool Advisory { get; init; }

    /// <summary>The parts to publish; all of them by default.</summary>
    public PublishParts Parts { get; init; } = PublishParts.All;

    [GeneratedRegex(@"\A[a-z0-9-]{1,64}\z")]
    private static partial Regex KeyPattern();
}

/// <summary>The parts that can be published.</summary>
[Flags]
public enum PublishParts
{
    /// <summary>No part.</summary>
    None = 0,

    /// <summary>The comment on the pull request.</summary>
    Comment = 1,

    /// <summary>
    /// The check run on the head commit, or a commit status where the host has none or the token may not write them.
    /// </summary>
    Check = 2,

    /// <summary>The job summary.</summary>
    Summary = 4,

    /// <summary>Every part.</summary>
    All = Comment | Check | Summary,
}
