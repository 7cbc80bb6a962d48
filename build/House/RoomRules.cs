using static AdaptThenUnlearn.House.RoomGraph;

namespace AdaptThenUnlearn.House;

/// <summary>The table of who may know whom. A new room, or a new arrow between rooms, is added here on purpose.</summary>
/// <remarks>
/// Left of the cut, <c>run.json</c>, there are tensors and no network; right of it, text and no tensor. So Reports and Publishing
/// know no room of the Torch library, and that library knows no publisher. The build tasks know the command line and nothing
/// else.
/// </remarks>
public static class RoomRules
{
    // Files on a disk and diagnostic lines: everybody meets them, and they know nobody.
    private static readonly string[] _knownByAll = ["Diagnostics", "Files"];

    // The client of one kind of code host.
    private static readonly string[] _codeHost =
    [
        "Publishing.PullRequests", "Publishing.Pages", "Publishing.Admission", "Publishing.Http", "Publishing.Targets",
        "Publishing.Hosts", "Reports",
    ];

    // Room → the other rooms that its types may use. All names without the common prefix.
    private static readonly Dictionary<string, string[]> _mayKnow = new()
    {
        // The core: values, rules and texts. It never sees a tensor.
        ["Diagnostics"] = [],
        ["Files"] = [],
        ["Policies"] = ["Measurements"],   // budgets of attacks, and which limits they can prove
        ["Measurements"] = [],
        ["Labelling"] = ["Measurements"],
        ["Gating"] = ["Policies", "Measurements"],
        ["Locking"] = ["Policies"],
        ["Runs"] = ["Gating", "Locking", "Policies", "Measurements", "Labelling"],   // a person's audit is evidence of a run
        ["Attestation"] = ["Runs", "Reports", "Gating", "Policies", "Measurements"],
        ["Reports"] = ["Runs", "Gating", "Policies", "Measurements"],

        // The method and the measurement on TorchSharp, from the ground up.
        ["Torch.Backend"] = [],
        ["Torch.Randomness"] = [],
        ["Torch.Threading"] = [],
        ["Torch.Images"] = ["Torch.Backend"],
        ["Torch.Models"] = ["Torch.Randomness"],
        ["Torch.Models.Sequence"] = ["Torch.Models", "Policies"],   // layers may be stated in a policy
        ["Torch.Models.Dcgan"] = ["Torch.Models", "Torch.Models.Sequence", "Policies"],
        ["Torch.Models.Mlp"] = ["Torch.Models", "Torch.Models.Sequence", "Policies"],
        ["Torch.Models.StyleGan2"] = ["Torch.Backend", "Torch.Models"],
        // StyleGAN2's mapping network and discriminator.
        ["Torch.Models.StyleGan3"] = ["Torch.Backend", "Torch.Models", "Torch.Models.StyleGan2"],
        ["Torch.Checkpoints.Tensors"] = [],
        ["Torch.Checkpoints.Pickle"] = ["Torch.Checkpoints.Tensors"],
        ["Torch.Checkpoints.Onnx"] = ["Torch.Checkpoints.Tensors"],
        ["Torch.Checkpoints"] =
        [
            "Torch.Checkpoints.Onnx", "Torch.Checkpoints.Pickle", "Torch.Checkpoints.Tensors", "Torch.Backend", "Policies",
            "Torch.Models", "Torch.Models.Sequence", "Torch.Models.Dcgan", "Torch.Models.Mlp", "Torch.Models.StyleGan2",
            "Torch.Models.StyleGan3",
        ],
        ["Torch.Features"] =
        [
            "Torch.Backend",
            "Torch.Checkpoints", "Torch.Checkpoints.Onnx", "Torch.Checkpoints.Tensors", "Torch.Images", "Torch.Models",
            "Policies", "Labelling"
        ],
        ["Torch.Measuring"] =
        [
            "Torch.Backend",
            "Torch.Features", "Torch.Checkpoints", "Torch.Checkpoints.Tensors", "Torch.Images", "Torch.Models",
            "Torch.Randomness", "Torch.Threading", "Measurements", "Policies", "Labelling",
        ],
        ["Torch.Sources"] =   // folders of images and commands, in place of a generator
        [
            "Torch.Backend", "Torch.Measuring", "Torch.Features", "Torch.Checkpoints", "Torch.Images", "Torch.Models",
            "Torch.Randomness",
            "Policies",
        ],
        ["Torch.Training"] = ["Torch.Models", "Torch.Images", "Torch.Randomness", "Torch.Threading", "Torch.Backend"],
        ["Torch.Adaptation"] =
        [
            "Torch.Backend",
            "Torch.Training", "Torch.Features", "Torch.Checkpoints", "Torch.Images", "Torch.Models", "Torch.Randomness",
            "Torch.Threading", "Policies"
        ],
        ["Torch.Pretraining"] =
        [
            "Torch.Backend",
            "Torch.Training", "Torch.Features", "Torch.Images", "Torch.Models", "Torch.Models.StyleGan2", "Torch.Randomness",
            "Labelling"
        ],
        ["Torch.Unlearning.Repulsion"] = ["Torch.Backend", "Torch.Training", "Policies"],
        ["Torch.Unlearning"] =
        [
            "Torch.Unlearning.Repulsion", "Torch.Adaptation", "Torch.Pretraining", "Torch.Training", "Torch.Measuring",
            "Torch.Features", "Torch.Checkpoints", "Torch.Images", "Torch.Models", "Torch.Backend", "Torch.Randomness",
            "Torch.Threading", "Gating", "Measurements", "Policies",
        ],
        ["Torch.Attacks"] =
        [
            "Torch.Adaptation", "Torch.Training", "Torch.Measuring", "Torch.Features", "Torch.Checkpoints", "Torch.Images",
            "Torch.Models", "Torch.Backend", "Torch.Randomness", "Runs", "Measurements", "Policies",
        ],
        ["Torch.Labelling"] =
        [
            "Torch.Backend",
            "Torch.Training", "Torch.Measuring", "Torch.Features", "Torch.Images", "Torch.Models", "Torch.Randomness", "Labelling"
        ],
        ["Torch.Governing"] =
        [
            "Torch.Unlearning", "Torch.Attacks", "Torch.Adaptation", "Torch.Pretraining", "Torch.Training", "Torch.Measuring",
            "Torch.Sources", "Torch.Features", "Torch.Checkpoints", "Torch.Checkpoints.Tensors", "Torch.Images", "Torch.Models",
            "Torch.Models.Sequence", "Torch.Backend", "Torch.Randomness", "Runs", "Reports", "Attestation", "Gating", "Locking",
            "Labelling", "Measurements", "Policies",
        ],
        ["Torch.Comparing"] =
        [
            "Torch.Governing", "Torch.Attacks", "Torch.Adaptation", "Torch.Training", "Torch.Measuring", "Torch.Features",
            "Torch.Checkpoints", "Torch.Checkpoints.Tensors", "Torch.Models", "Torch.Backend", "Torch.Randomness",
            "Torch.Threading", "Runs", "Measurements", "Policies",
        ],

        // ONNX Runtime, behind the interface that the checkpoints know.
        ["Onnx"] = ["Torch.Checkpoints", "Torch.Features"],   // the tokenizers of prompts
        ["Onnx.Export"] =
        [
            "Torch.Checkpoints", "Torch.Checkpoints.Tensors", "Torch.Features", "Torch.Models", "Torch.Models.Sequence",
            "Torch.Models.StyleGan2", "Policies"
        ],

        // Publishing: run records, never checkpoints.
        ["Publishing.Hosts"] = [],
        ["Publishing.Targets"] = ["Publishing.Hosts"],
        ["Publishing.Admission"] = ["Publishing.Targets", "Runs", "Gating", "Locking", "Measurements", "Policies"],
        ["Publishing.Pages"] =
        [
            "Publishing.Admission", "Publishing.Targets", "Reports", "Runs", "Gating", "Measurements", "Policies"
        ],
        ["Publishing.Http"] = ["Publishing.Targets", "Publishing.Hosts", "Reports"],
        ["Publishing.PullRequests"] =
        [
            "Publishing.Pages", "Publishing.Admission", "Publishing.Http", "Publishing.Targets"
        ],
        ["Publishing.GitHub"] = _codeHost,
        ["Publishing.GitLab"] = _codeHost,
        ["Publishing.AzureRepos"] = _codeHost,
        ["Publishing"] =
        [
            "Publishing.GitHub", "Publishing.GitLab", "Publishing.AzureRepos", "Publishing.PullRequests", "Publishing.Pages",
            "Publishing.Admission", "Publishing.Http", "Publishing.Targets", "Publishing.Hosts", "Policies"
        ],

        // The command line puts everything together.
        ["Cli"] =
        [
            "Tasks",   // the line of a verdict, which a build task counts
            "Onnx",    // the runtime is registered when the program starts
            "Publishing", "Publishing.Admission", "Publishing.Hosts", "Publishing.Http", "Publishing.Targets",
            "Torch.Governing", "Torch.Attacks", "Torch.Unlearning", "Torch.Unlearning.Repulsion", "Torch.Adaptation",
            "Torch.Training",
            "Torch.Measuring", "Torch.Features", "Torch.Checkpoints", "Torch.Checkpoints.Tensors", "Torch.Images",
            "Torch.Models", "Torch.Models.Sequence", "Torch.Backend", "Reports", "Attestation", "Runs", "Gating", "Locking",
            "Labelling", "Measurements", "Policies", "Cli.Timestamps",
        ],
        ["Cli.Timestamps"] = ["Attestation"],
        ["Cli.Comparing"] =
        [
            "Torch.Comparing", "Torch.Images", "Torch.Unlearning.Repulsion", "Reports", "Runs", "Measurements", "Policies"
        ],
        ["Cli.Sharding"] = ["Cli", "Publishing.Hosts"],
        ["Cli.Labelling"] = ["Torch.Labelling", "Torch.Training", "Labelling"],
        ["Cli.Commands"] =
        [
            "Cli", "Cli.Comparing", "Cli.Labelling", "Cli.Sharding", "Cli.Timestamps", "Onnx.Export", "Publishing.Admission",
            "Publishing.Hosts", "Publishing.Targets", "Torch.Attacks", "Torch.Comparing", "Torch.Governing", "Torch.Labelling",
            "Torch.Pretraining", "Torch.Adaptation", "Torch.Training", "Torch.Measuring", "Torch.Features", "Torch.Checkpoints",
            "Torch.Checkpoints.Tensors", "Torch.Sources", "Torch.Images", "Torch.Models",
            "Torch.Models.Sequence", "Torch.Models.StyleGan2", "Torch.Backend", "Torch.Randomness", "Reports", "Attestation",
            "Runs", "Gating", "Locking", "Labelling", "Measurements", "Policies",
        ],

        // The doors know the command line, and nothing of the house.
        ["Tasks"] = [],
        ["MSBuild"] = ["Tasks"],
        ["Cake"] = ["Tasks"],
    };

    /// <summary>The rooms of the table, with the common prefix.</summary>
    public static IReadOnlyCollection<string> Rooms { get; } = [.. _mayKnow.Keys.Select(room => Prefix + room)];

    /// <summary>Whether a room may use another.</summary>
    /// <param name="from">A namespace; one that is not in the table may use nobody.</param>
    /// <param name="to">A namespace.</param>
    public static bool MayKnow(string from, string to) =>
        from == to || (_mayKnow.TryGetValue(Short(from), out var allowed)
            && (_knownByAll.Contains(Short(to)) || allowed.Contains(Short(to))));

    /// <summary>Every arrow that the table does not allow, one sentence each, with the types behind it.</summary>
    /// <param name="graph">Of any assemblies.</param>
    public static IReadOnlyList<string> Violations(RoomGraph graph) =>
    [
        .. graph.Rooms.Except(Rooms)
            .Select(room => $"{room} is not in the table of who may know whom ({nameof(RoomRules)}.cs): add it on purpose"),
        .. graph.Arrows.Where(arrow => !MayKnow(arrow.Key.From, arrow.Key.To)).OrderBy(arrow => arrow.Key)
            .Select(
                arrow => $"{arrow.Key.From} may not know {arrow.Key.To}: "
                    + $"{string.Join(", ", arrow.Value.Take(5).Select(use => $"{NameOf(use.From)} uses {NameOf(use.To)}"))}"),
        .. graph.Cycles().Select(cycle => $"these rooms know each other in a circle: {string.Join(", ", cycle)}"),
    ];
}
