namespace AdaptThenUnlearn.Torch.Training;

/// <summary>A learning rate that rises over the first steps, holds, and falls linearly towards zero over the last.</summary>
/// <remarks>
/// A GAN that is trained on has lost Adam's second moments: at full rate its first updates would move every parameter
/// equally far, whatever its gradient. The rise lets the moments form first.
/// </remarks>
/// <param name="Steps">All steps.</param>
/// <param name="DecaySteps">Number of last steps in which the rate falls; 0 keeps it constant.</param>
/// <param name="WarmupSteps">Number of first steps in which the rate rises; 0 starts at the full rate.</param>
public sealed record LearningRateSchedule(int Steps, int DecaySteps, int WarmupSteps = 0)
{
    // Adam's second moment averages over about 1/(1 − β₂) = 100 steps; half of these make it usable. A short stage warms up for a
    // quarter of its steps, so that most of them have the full rate.
    private const int MostWarmupSteps = 50;

    /// <summary>Steps in which the rate rises where a trained GAN is trained on: 50, or a quarter of a shorter stage.</summary>
    /// <param name="steps">All steps of the stage.</param>
    public static int WarmUpFor(int steps) => Math.Min(MostWarmupSteps, steps / 4);

    /// <summary>The factor on the learning rate at a step counted from 1: above 0, at most 1.</summary>
    public double FactorAt(int step) => Math.Min(
        step >= WarmupSteps ? 1 : step / (double)WarmupSteps,
        step <= Steps - DecaySteps ? 1 : (Steps - step + 1) / (DecaySteps + 1.0));
}
