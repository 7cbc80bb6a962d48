using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Training;

/// <summary>Where stages keep what they need to go on after the process has ended.</summary>
public interface ITrainingJournal
{
    /// <summary>What a stage saved last, or null; the tensors belong to the caller's scope.</summary>
    StageState? Load(string stage);

    /// <summary>Saves, all or nothing: a process killed while saving leaves the state before.</summary>
    void Save(string stage, StageState state);
}

/// <summary>A stage between two steps.</summary>
/// <param name="Step">Steps made.</param>
/// <param name="Vectors">By name.</param>
/// <param name="Counters">By name.</param>
/// <param name="Notes">The stage's own text, such as what it measured so far.</param>
public sealed record StageState(
    int Step, IReadOnlyDictionary<string, Tensor> Vectors, IReadOnlyDictionary<string, double> Counters, string Notes = "");

/// <summary>Tells whoever watches how far a stage is.</summary>
/// <param name="Stage">Its name.</param>
/// <param name="Step">Steps made.</param>
/// <param name="Steps">Steps in all.</param>
/// <param name="Losses">Of this step; null before the first.</param>
/// <param name="Note">Something worth a line of its own, such as a candidate's reading; usually null.</param>
public sealed record StageProgress(string Stage, int Step, int Steps, TrainingStep? Losses, string? Note = null);
