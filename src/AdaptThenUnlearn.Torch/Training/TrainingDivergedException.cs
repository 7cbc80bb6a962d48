namespace AdaptThenUnlearn.Torch.Training;

/// <summary>A loss became NaN or infinite, which ends the run.</summary>
/// <param name="stage">Name of the stage.</param>
/// <param name="step">The losses of the step.</param>
public sealed class TrainingDivergedException(string stage, TrainingStep step) : Exception(
    string.Create(System.Globalization.CultureInfo.InvariantCulture,
        $"{stage}, step {step.Step}: a loss is not finite (generator {step.GeneratorLoss}, discriminator "
            + $"{step.DiscriminatorLoss}, parameters {step.WeightLoss}, images {step.ImageLoss}); lower the learning rate or "
            + $"the weight of the term that grew"));
