using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Torch.Attacks;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Unlearning;
using AdaptThenUnlearn.Torch.Unlearning.Repulsion;

namespace AdaptThenUnlearn.Cli;

/// <summary>The names that policies may use: those in the catalogues of this build.</summary>
public static class Vocabulary
{
    /// <summary>All known names.</summary>
    public static PolicyVocabulary Known { get; } = new(
        [.. UnlearningMethods.All.Select(method => method.Name)],
        [.. RepulsionLosses.All.Select(loss => loss.Name)],
        CheckpointFormats.Names,
        [.. ReportFormats.All.Select(format => format.Name)],
        TorchvisionClassifiers.Names,
        [.. KnownAttacks.All.Select(attack => attack.Name)]);
}
