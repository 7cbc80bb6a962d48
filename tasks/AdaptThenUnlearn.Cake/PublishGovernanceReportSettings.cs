using System.Globalization;
using Cake.Core;
using Cake.Core.IO;

namespace AdaptThenUnlearn.Cake;

/// <summary>Settings of <c>atu publish</c>; the pipeline's environment gives what is not set.</summary>
public sealed class PublishGovernanceReportSettings : AtuSettings
{
    /// <summary>The repository, as <c>OWNER/NAME</c>.</summary>
    public string? Repository { get; set; }

    /// <summary>Number of the pull request to comment on.</summary>
    public int? PullRequest { get; set; }

    /// <summary>The commit that was measured.</summary>
    public string? Sha { get; set; }

    /// <summary>Address of the host's API, e.g. <c>https://github.example.com/api/v3</c>.</summary>
    public Uri? ApiUrl { get; set; }

    /// <summary>Address of the run's page, for a link in the report.</summary>
    public Uri? RunUrl { get; set; }

    /// <summary>Address of the evidence, for a link in the report.</summary>
    public Uri? ArtifactUrl { get; set; }

    /// <summary>Publishes a failed gate as advice.</summary>
    public bool Advisory { get; set; }

    /// <summary>Fails where the report was not published.</summary>
    public bool RequirePublish { get; set; }

    /// <inheritdoc/>
    internal override string Command => "publish";

    /// <inheritdoc/>
    internal override void AppendTo(ProcessArgumentBuilder line, ICakeEnvironment environment)
    {
        if (Repository is not null)
            line.AppendSwitchQuoted("--repository", Repository);
        if (PullRequest is { } number)
            line.AppendSwitch("--pull-request", number.ToString(CultureInfo.InvariantCulture));
        if (Sha is not null)
            line.AppendSwitchQuoted("--sha", Sha);
        if (ApiUrl is not null)
            line.AppendSwitchQuoted("--api-url", ApiUrl.AbsoluteUri);
        if (RunUrl is not null)
            line.AppendSwitchQuoted("--run-url", RunUrl.AbsoluteUri);
        if (ArtifactUrl is not null)
            line.AppendSwitchQuoted("--artifact-url", ArtifactUrl.AbsoluteUri);
        line.AppendFlag(Advisory, "--advisory").AppendFlag(RequirePublish, "--require-publish");
    }
}
