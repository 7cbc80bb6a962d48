using AdaptThenUnlearn.Torch.Training;

namespace AdaptThenUnlearn.Torch.Tests;

/// <summary>Keeps nothing: a run with it cannot be resumed.</summary>
internal sealed class NoJournal : ITrainingJournal
{
    public StageState? Load(string stage) => null;

    public void Save(string stage, StageState state)
    {
    }
}
