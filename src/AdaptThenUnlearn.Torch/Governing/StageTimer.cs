using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Torch.Governing;

/// <summary>Measures how long each stage of a run takes, for the record.</summary>
internal sealed class StageTimer
{
    private readonly List<StageTime> _stages = [];

    /// <summary>The stages that have ended, in their order; seconds, rounded to hundredths.</summary>
    public IReadOnlyList<StageTime> Stages => _stages;

    /// <summary>Does the work of a stage and notes its time.</summary>
    /// <param name="stage">Name of the stage.</param>
    /// <param name="work">What the stage does.</param>
    /// <param name="journal">
    /// From which the stage may resume; what an interrupted process had spent counts too. Null where it cannot.
    /// </param>
    public T Time<T>(string stage, Func<T> work, FolderJournal? journal = null)
    {
        var (begun, known) = (ProcessTimes.Now, journal?.TimeBeforeResume ?? default);
        var result = work();
        var spent = ProcessTimes.Now - begun + ((journal?.TimeBeforeResume ?? default) - known);
        _stages.Add(new StageTime(stage, Math.Round(spent.Seconds, 2), Math.Round(spent.ProcessorSeconds, 2)));
        return result;
    }
}
