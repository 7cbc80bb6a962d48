using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Training;

/// <summary>Keeps the state from which a stage continues after the process has ended.</summary>
public interface ITrainingJournal
{
    /// <summary>Loads what a stage saved last; null where it saved nothing. The tensors belong to the caller's scope.</summary>
    /// <param name="stage">Name of the stage.</param>
    StageState? Load(string stage);

    /// <summary>Saves the state of a stage, all or nothing: a process killed while saving leaves the previous state.</summary>
    /// <param name="stage">Name of the stage.</param>
    /// <param name="state">Stays the caller's.</param>
    void Save(string stage, StageState state);
}

/// <summary>A stage between two steps.</summary>
/// <param name="Step">Number of steps so far.</param>
/// <param name="Vectors">Tensors by name.</param>
/// <param name="Counters">Numbers by name.</param>
/// <param name="Notes">Text in the stage's own format, such as its measurements so far.</param>
public sealed record StageState(
    int Step, IReadOnlyDictionary<string, Tensor> Vectors, IReadOnlyDictionary<string, double> Counters, string Notes = "");

/// <summary>How far a stage is.</summary>
/// <param name="Stage">Name of the stage.</param>
/// <param name="Step">Number of steps so far.</param>
/// <param name="Steps">Number of all steps.</param>
/// <param name="Losses">Losses of this step; null before the first and outside training.</param>
/// <param name="Note">A separate line for the reader, such as a candidate's reading; usually null.</param>
public sealed record StageProgress(string Stage, int Step, int Steps, TrainingStep? Losses, string? Note = null);
