using Judge = AdaptThenUnlearn.Gating.Gate;   // an alias: no directive names the room itself

namespace AdaptThenUnlearn.Torch.Models;

/// <summary>
/// A file that breaks the rules without one plain <c>using</c>: by an alias, by half-qualified names, through members.
/// </summary>
/// <remarks>It is compiled into the tests alone. A room of models knows nobody, and this one knows five rooms.</remarks>
public static class Sneak
{
    public static bool Passed(Checkpoints.Tensors.TensorFile file, Runs.RunRecord record, Governing.UnlearningRun run)
    {
        Backend.TorchBackend.KeepFloat32();
        return file.Sections.Count > 0
            && run is not null
            && Judge.Judge(record.Policy, record.Before, record.After, default).Passed;
    }
}
