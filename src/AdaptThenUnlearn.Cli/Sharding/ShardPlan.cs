using System.Text.Encodings.Web;
using System.Text.Json;

namespace AdaptThenUnlearn.Cli.Sharding;

/// <summary>A measurement in parts, for an engine to start.</summary>
/// <param name="PolicyPath">Of the policy file, as the processes find it; with forward slashes.</param>
/// <param name="PolicyName">Of the policy: a-z, 0-9 and '-'.</param>
/// <param name="Shards">Number of parts, from 1.</param>
/// <param name="Device">For each process: <c>cpu</c>, <c>cuda</c>, <c>cuda:n</c>.</param>
/// <param name="Threads">Of each process, from 1; fixed, because it decides the last bits of the readings.</param>
/// <param name="Memory">Of each process, in GiB.</param>
public sealed record ShardPlan(string PolicyPath, string PolicyName, int Shards, string Device, int Threads, int Memory)
{
    /// <summary>Words with which every plan begins.</summary>
    public const string Origin = "Written by `atu plan`";

    private static readonly JsonSerializerOptions _yaml = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Values that replace the policy's, <c>path=value</c>.</summary>
    public IReadOnlyList<string> Overrides { get; init; } = [];

    /// <summary>The command that is <c>atu</c> on the other machines, for a shell; null for the engine's usual one.</summary>
    public string? Command { get; init; }

    /// <summary>A container image with <c>atu</c>; null where none was named.</summary>
    public string? Image { get; init; }

    /// <summary>Where <see cref="InstallLines"/> install <c>atu</c>.</summary>
    public const string InstalledAtu = ".atu/atu";

    /// <summary>Lines for a shell that install <c>atu</c> and its libtorch in a checkout.</summary>
    public IReadOnlyList<string> InstallLines =>
    [
        "dotnet tool update AdaptThenUnlearn.Tool --tool-path .atu",
        $"{InstalledAtu} backend install {(NeedsGpu ? "cuda" : "cpu")}",
    ];

    /// <summary>Whether each process needs a GPU.</summary>
    public bool NeedsGpu => Device.StartsWith("cuda", StringComparison.Ordinal);

    /// <summary>The folder of the verdict's evidence.</summary>
    public string EvidenceFolder => $"{EnvironmentDefaults.Out}/{PolicyName}";

    /// <summary>Refuses a device that a process has not: an engine gives each process one GPU, and that is the first.</summary>
    /// <param name="engine">Of the plan.</param>
    /// <exception cref="BadArgumentException">Another GPU than the first is asked for.</exception>
    public void RequireFirstGpu(IShardEngine engine)
    {
        if (NeedsGpu && Device is not ("cuda" or "cuda:0"))
            throw new BadArgumentException(
                $"--device {Device}: {engine.Title} gives each process one GPU, which is its first; name cuda");
    }

    /// <summary>The folder of the parts, where the processes share one.</summary>
    public string PartsFolder => $"parts/{PolicyName}/";

    /// <summary>What the plan does, in a sentence.</summary>
    public string Sentence => FormattableString.Invariant(
        $"{Origin}: measures {PolicyPath} in {Shards} {(Shards == 1 ? "part" : "parts")}, and judges the whole.");

    /// <summary>The arguments of the process that measures a part; which one, the engine's variables tell it.</summary>
    /// <param name="parts">The folder of the parts, with a slash at its end.</param>
    public IReadOnlyList<string> MeasureArguments(string parts) =>
        ["measure", PolicyPath, "--shard", Shard.Auto, "--out", parts, .. CommonArguments()];

    /// <summary>The arguments of the process that judges the whole.</summary>
    /// <param name="parts">The folder of the parts, with a slash at its end.</param>
    /// <param name="output">The folder of the evidence.</param>
    public IReadOnlyList<string> JudgeArguments(string parts, string output) =>
    [
        "govern", PolicyPath, "--no-train", "--measured",
        FormattableString.Invariant($"{parts}{PolicyName}.*-of-{Shards}.safetensors"), "--out", output, .. CommonArguments(),
    ];

    /// <summary>A command line for a POSIX shell.</summary>
    /// <param name="command">The command, already in the shell's syntax.</param>
    /// <param name="arguments">Quoted where a shell would read more than the text.</param>
    public static string ShellLine(string command, IEnumerable<string> arguments) =>
        string.Join(' ', arguments.Select(QuoteForShell).Prepend(command));

    /// <summary>A text as a YAML scalar in double quotes; JSON is YAML (YAML 1.2.2, section 1.3).</summary>
    public static string QuoteForYaml(string text) => JsonSerializer.Serialize(text, _yaml);

    private static string QuoteForShell(string text) =>
        text.Length > 0 && text.All(letter => char.IsAsciiLetterOrDigit(letter) || "-_./:=,+@%".Contains(letter))
            ? text
            : $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    private IReadOnlyList<string> CommonArguments() =>
    [
        .. Overrides.SelectMany(value => new[] { "--set", value }),
        "--device", Device, "--threads", FormattableString.Invariant($"{Threads}"),
    ];
}
