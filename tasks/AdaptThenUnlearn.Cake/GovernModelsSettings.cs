using System.Globalization;
using System.Text.Json;
using Cake.Core;
using Cake.Core.IO;

namespace AdaptThenUnlearn.Cake;

/// <summary>What <c>atu govern</c> takes.</summary>
public sealed class GovernModelsSettings : AtuSettings
{
    /// <summary>Folder under which each policy has a folder of its name; <c>artifacts</c> when not set (<c>--out</c>).</summary>
    public DirectoryPath? OutputDirectory { get; set; }

    /// <summary><c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:n</c>; <c>auto</c> when not set.</summary>
    public string? Device { get; set; }

    /// <summary>CPU threads; as many as cores when not set. The same number gives the same bytes.</summary>
    public int? Threads { get; set; }

    /// <summary>Goes on where an interrupted run stopped.</summary>
    public bool Resume { get; set; }

    /// <summary>Measures again, even where the record of an earlier run exists; <c>false</c> believes such a record on a build server too. When not set, it is believed where no build server is.</summary>
    public bool? Fresh { get; set; }

    /// <summary>A failed gate is a warning, and the build goes on.</summary>
    public bool Advisory { get; set; }

    /// <summary>Only measures and judges.</summary>
    public bool NoTrain { get; set; }

    /// <summary>Values set over the policies, by path: <c>["unlearning.steps"] = 600</c>.</summary>
    /// <remarks>Text is passed on as it is; everything else is written as JSON, so that no culture gets between a number and the policy.</remarks>
    public IDictionary<string, object?> Set { get; } = new Dictionary<string, object?>();

    /// <summary>Publishes the report to the pull request that is being built.</summary>
    public bool Publish { get; set; }

    /// <summary>Fails when the report could not be published.</summary>
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
        line.AppendFlag(Resume, "--resume").AppendFlag(Fresh == true, "--fresh").AppendFlag(Fresh == false, "--reuse").AppendFlag(Advisory, "--advisory").AppendFlag(NoTrain, "--no-train")
            .AppendFlag(Publish, "--publish").AppendFlag(RequirePublish, "--require-publish");
    }
}
