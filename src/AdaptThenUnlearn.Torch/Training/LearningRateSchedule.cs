namespace AdaptThenUnlearn.Torch.Training;

/// <summary>A constant learning rate that falls linearly towards zero over the last steps.</summary>
/// <param name="Steps">All steps.</param>
/// <param name="DecaySteps">The last of them, in which it falls; 0 keeps it constant.</param>
public sealed record LearningRateSchedule(int Steps, int DecaySteps)
{
    /// <summary>The factor on the learning rate at a step counted from 1: 1 before the decay, above 0 at the last step.</summary>
    public double FactorAt(int step) =>
        step <= Steps - DecaySteps ? 1 : (Steps - step + 1) / (DecaySteps + 1.0);
}
