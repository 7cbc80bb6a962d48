namespace AdaptThenUnlearn.Torch.Training;

/// <summary>A learning rate that rises over the first steps, holds, and falls linearly towards zero over the last.</summary>
/// <remarks>
/// A GAN that is trained on has lost Adam's second moments: at full rate its first updates would move every parameter
/// equally far, whatever its gradient. The rise lets the moments form first.
/// </remarks>
/// <param name="Steps">All steps.</param>
/// <param name="DecaySteps">The last of them, in which it falls; 0 keeps it constant.</param>
/// <param name="WarmupSteps">The first of them, in which it rises; 0 starts at the full rate.</param>
public sealed record LearningRateSchedule(int Steps, int DecaySteps, int WarmupSteps = 0)
{
    /// <summary>The factor on the learning rate at a step counted from 1: above 0, at most 1.</summary>
    public double FactorAt(int step) => Math.Min(
        step >= WarmupSteps ? 1 : step / (double)WarmupSteps,
        step <= Steps - DecaySteps ? 1 : (Steps - step + 1) / (DecaySteps + 1.0));
}
