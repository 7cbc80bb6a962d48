using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Training;

namespace AdaptThenUnlearn.Torch.Adaptation;

/// <summary>Takes training settings from a policy.</summary>
public static class TrainingOptions
{
    /// <summary>The settings of one training stage.</summary>
    /// <param name="options">From the policy.</param>
    /// <param name="learningRate">The stage's learning rate.</param>
    /// <exception cref="ArgumentException">
    /// The training terms are those of the generator's training (<see cref="AdversarialOptions.AsTrained"/>), and nobody has
    /// filled them in.
    /// </exception>
    public static TrainingSettings TrainingSettings(this UnlearningOptions options, double learningRate) => new(
        options.Adversarial.IsAsTrained
            ? throw new ArgumentException("the values of 'as-trained' are not known", nameof(options))
            : options.BatchSize,
        learningRate,
        options.Adversarial.R1Weight,
        options.Adversarial.R1Every,
        options.Adversarial.PathLengthWeight,
        options.Adversarial.PathLengthEvery,
        options.Adversarial.StyleMixing,
        options.EmaHalfLife)
    {
        Accumulate = options.AccumulateOrDefault,
        AllowTf32 = options.PrecisionOrDefault == UnlearningOptions.Tf32,
    };
}
