using System.Globalization;
using System.Text.Json;
using Cake.Core;
using Cake.Core.IO;

namespace AdaptThenUnlearn.Cake;

/// <summary>Settings of <c>atu govern</c>.</summary>
public sealed class GovernModelsSettings : AtuSettings
{
    /// <summary>Folder in which each policy has a folder of its name; <c>artifacts</c> when not set (<c>--out</c>).</summary>
    public DirectoryPath? OutputDirectory { get; set; }

    /// <summary>Device: <c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:n</c>; <c>auto</c> when not set.</summary>
    public string? Device { get; set; }

    /// <summary>Number of CPU threads; as many as cores when not set. The same number gives the same bytes.</summary>
    public int? Threads { get; set; }

    /// <summary>Continues an interrupted run.</summary>
    public bool Resume { get; set; }

    /// <summary>
    /// <c>true</c> measures again, even where the record of an earlier run exists; <c>false</c> believes such a record.
    /// </summary>
    /// <remarks>When not set, such a record is believed, but not on a build server.</remarks>
    public bool? Fresh { get; set; }

    /// <summary>Makes a failed gate a warning, so that the build goes on.</summary>
    public bool Advisory { get; set; }

    /// <summary>Only measures and judges, and does not train.</summary>
    public bool NoTrain { get; set; }

    /// <summary>Values that replace those of the policies, by path: <c>["unlearning.steps"] = 600</c>.</summary>
    /// <remarks>
    /// Text is passed on unchanged. Everything else is written as JSON, so that numbers do not depend on the culture.
    /// </remarks>
    public IDictionary<string, object?> Set { get; } = new Dictionary<string, object?>();

    /// <summary>Publishes the report to the pull request that is being built.</summary>
    public bool Publish { get; set; }

    /// <summary>Fails where the report was not published.</summary>
    public bool RequirePublish { get; set; }

    /// <inheritdoc/>
    internal override string Command => "govern";

    /// <inheritdoc/>
    internal override void AppendTo(ProcessArgumentBuilder line, ICakeEnvironment environment)
    {
        if (OutputDirectory is not null)
            line.AppendSwitchQuoted("--out", OutputDirectory.MakeAbsolute(environment).FullPath);
        if (Device is not null)
            line.AppendSwitchQuoted("--device", Device);
        if (Threads is { } threads)
            line.AppendSwitch("--threads", threads.ToString(CultureInfo.InvariantCulture));
        foreach (var (path, value) in Set)
            line.AppendSwitchQuoted("--set", $"{path}={value as string ?? JsonSerializer.Serialize(value)}");
        line.AppendFlag(Resume, "--resume")
            .AppendFlag(Fresh == true, "--fresh")
            .AppendFlag(Fresh == false, "--reuse")
            .AppendFlag(Advisory, "--advisory")
            .AppendFlag(NoTrain, "--no-train")
            .AppendFlag(Publish, "--publish")
            .AppendFlag(RequirePublish, "--require-publish");
    }
}
