using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>A way to make a generator forget; the baselines have the same shape as the method itself.</summary>
public interface IUnlearningMethod
{
    /// <summary>Name in the policy.</summary>
    string Name { get; }

    /// <summary>
    /// Whether it begins with fresh networks (<see cref="UnlearningContext.Factory"/>), so that a missing discriminator needs no
    /// training.
    /// </summary>
    bool TrainsFromScratch => false;

    /// <summary>
    /// Whether it follows the features and answers of annotators, so that students of the annotators
    /// (<c>unlearning.students</c>) serve it. No baseline does.
    /// </summary>
    bool FollowsAnnotators => false;

    /// <summary>Makes a generator that has forgotten.</summary>
    /// <remarks>The same context gives the same weights, bit for bit: every random number comes from the policy's seed.</remarks>
    /// <param name="context">Networks, options and data; left as they are.</param>
    /// <param name="cancel">Ends the work between two steps; the journal then holds what was done so far.</param>
    /// <returns>Networks in eval mode that share no tensor with the original; belongs to the caller.</returns>
    /// <exception cref="FeedbackException">The samples hold too little to learn from.</exception>
    /// <exception cref="TrainingDivergedException">A loss is not finite.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancel"/> was requested.</exception>
    UnlearnedGenerator Run(UnlearningContext context, CancellationToken cancel);
}

/// <summary>What a method has to work with.</summary>
/// <param name="Original">The GAN as it was loaded; methods work on copies.</param>
/// <param name="Options">The policy's <c>unlearning</c> section.</param>
/// <param name="Annotation">Labels images.</param>
/// <param name="Feedback">The generator's own samples, sorted into positives and negatives.</param>
/// <param name="Evaluator">Judges candidates.</param>
/// <param name="Journal">Keeps the state from which an interrupted stage is resumed.</param>
/// <param name="Progress">Receives a report after every step.</param>
/// <param name="Device">Device of all networks and images.</param>
public sealed record UnlearningContext(
    GanPair Original,
    UnlearningOptions Options,
    Annotation Annotation,
    Feedback Feedback,
    ICandidateEvaluator Evaluator,
    ITrainingJournal Journal,
    IProgress<StageProgress> Progress,
    Device Device)
{
    /// <summary>
    /// Creates networks like the original's with fresh weights; null where its architecture is not trained from scratch.
    /// </summary>
    public IGanFactory? Factory { get; init; }

    /// <summary>Adapts copies of the original to the negatives.</summary>
    /// <param name="cancel">Cancels between two steps.</param>
    /// <returns>Belongs to the caller.</returns>
    internal AdaptedGenerators Adapt(CancellationToken cancel) =>
        new AdaptationStage(Options, Options.Seed, Journal, Progress).Run(Original, Feedback.Negatives, cancel);
}

/// <summary>The result of unlearning.</summary>
/// <param name="Networks">The generator (in eval mode) and its discriminator; owned by this.</param>
/// <param name="Candidates">Every candidate that was judged, in order.</param>
/// <param name="SelectedStep">The step of the candidate that was kept.</param>
/// <param name="Curve">Losses and distances during training, in order.</param>
/// <param name="Distances">Distances of the kept generator in parameter space.</param>
public sealed record UnlearnedGenerator(
    GanPair Networks,
    IReadOnlyList<Candidate> Candidates,
    int SelectedStep,
    IReadOnlyList<CurvePoint> Curve,
    ParameterDistances Distances) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose() => Networks.Dispose();
}

/// <summary>One row of the curves.</summary>
/// <param name="Step">Counted from 1.</param>
/// <param name="GeneratorLoss">Adversarial loss of the generator.</param>
/// <param name="DiscriminatorLoss">Adversarial loss of the discriminator.</param>
/// <param name="RepulsionLoss">Repulsion loss times its weight.</param>
/// <param name="ImageLoss">Sum of the terms on images, each times its weight.</param>
/// <param name="SquaredDistance">Mean ‖θ − θN‖² over the adapted models; null where none was adapted.</param>
/// <param name="SquaredDistanceFromOriginal">‖θ − θG‖².</param>
public sealed record CurvePoint(
    int Step,
    double GeneratorLoss,
    double DiscriminatorLoss,
    double RepulsionLoss,
    double ImageLoss,
    double? SquaredDistance,
    double SquaredDistanceFromOriginal);
