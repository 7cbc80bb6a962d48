using System.Globalization;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Unlearning.Repulsion;

namespace AdaptThenUnlearn.Cli.Comparing;

/// <summary>A value of the policy's <c>unlearning</c> section that tuning may change.</summary>
/// <param name="Path">Path within <c>unlearning</c>.</param>
/// <param name="Description">What the value does, for the reader of the result.</param>
/// <param name="Alternatives">Values to try instead of the one in the policy; empty where the policy does not use it.</param>
public sealed record TuningKnob(string Path, string Description, Func<UnlearningOptions, IReadOnlyList<double>> Alternatives)
{
    /// <summary>The settings that try each alternative.</summary>
    public IEnumerable<string> Settings(UnlearningOptions options) =>
        Alternatives(options).Select(value => string.Create(CultureInfo.InvariantCulture, $"{Path}={value:G6}"));
}

/// <summary>Every knob. A new one: add its line.</summary>
/// <remarks>
/// The alternatives are coarse: a third and three times a weight, half and twice the learning rate. A search has few trials, and
/// a smaller change would be hard to tell from the differences between seeds.
/// </remarks>
public static class TuningKnobs
{
    /// <summary>All of them, the largest effect first, because a budget may end the search early.</summary>
    public static IReadOnlyList<TuningKnob> All { get; } =
    [
        new("guidance.weight", "how hard images are pushed away from what the annotators see",
            options => Around(options.Guidance?.Weight ?? 0, whenOff: 6)),
        new("negativesAsFakes.weight", "how hard the discriminator rejects labelled negatives",
            options => Around(options.NegativesAsFakes.Weight, whenOff: 3)),
        new(
            "feedbackSamples",
            "number of the generator's own images that are labelled",
            options => [options.FeedbackSamples * 4]),
        new(
            "cleanBelow",
            "how sure the annotator must be of the images that are trained on as clean",
            options => options.CleanBelow < 1
                ? [options.CleanBelow / 5, Math.Min(1, options.CleanBelow * 5)]
                : [options.CleanBelow / 5]),
        new("retention.weight", "how firmly clean images are held", options => Around(options.Retention.Weight, whenOff: 10)),
        new("classBalance.rate", "how fast positives of shrinking classes are drawn more often",
            options => [options.ClassBalance.Rate > 0 ? 0 : 0.3]),
        new("repulsion.weight", "γ, how hard θ is pushed away from θN", options => Around(options.Repulsion.Weight, whenOff: 10)),
        new("repulsion.alpha", $"α, how soon the push of {string.Join(", ", LossesWithAlpha())} fades",
            options => options.Repulsion.Weight > 0 && RepulsionLosses.Named(options.Repulsion.Loss).UsesAlpha
                ? Around(options.Repulsion.Alpha, whenOff: 0.5)
                : []),
        new("learningRate", "Adam's step size", options => [options.LearningRate / 2, options.LearningRate * 2]),
        new(
            "recoverySteps",
            "last steps, without push and with falling learning rate",
            options => [options.Steps / 4, options.Steps * 3 / 4]),
    ];

    private static IEnumerable<string> LossesWithAlpha() =>
        RepulsionLosses.All.Where(loss => loss.UsesAlpha).Select(loss => loss.Name);

    private static IReadOnlyList<double> Around(double value, double whenOff) => value > 0 ? [value / 3, value * 3] : [whenOff];
}
