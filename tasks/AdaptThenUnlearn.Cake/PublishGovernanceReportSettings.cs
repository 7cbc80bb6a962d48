using System.Globalization;
using Cake.Core;
using Cake.Core.IO;

namespace AdaptThenUnlearn.Cake;

/// <summary>What <c>atu publish</c> takes; what is not set, <c>atu</c> takes from the environment of the pipeline.</summary>
public sealed class PublishGovernanceReportSettings : AtuSettings
{
    /// <summary><c>OWNER/NAME</c>.</summary>
    public string? Repository { get; set; }

    /// <summary>Number of the pull request to comment on.</summary>
    public int? PullRequest { get; set; }

    /// <summary>The commit that was measured.</summary>
    public string? Sha { get; set; }

    /// <summary>Where the host's API is, e.g. <c>https://github.example.com/api/v3</c>.</summary>
    public Uri? ApiUrl { get; set; }

    /// <summary>Page of the run, for the report to link.</summary>
    public Uri? RunUrl { get; set; }

    /// <summary>Page of the evidence, for the report to link.</summary>
    public Uri? ArtifactUrl { get; set; }

    /// <summary>A failed gate is published as advice.</summary>
    public bool Advisory { get; set; }

    /// <summary>Fails when the report could not be published.</summary>
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
