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

    /// <summary>Whether it begins with fresh networks and needs the original's sizes alone, so that no discriminator has to be made for it.</summary>
    bool TrainsFromScratch => false;

    /// <summary>Makes a generator that has forgotten.</summary>
    /// <param name="context">What there is to work with.</param>
    /// <param name="cancel">Ends the work between two steps; what was done so far is in the journal.</param>
    /// <returns>Belongs to the caller.</returns>
    /// <exception cref="FeedbackException">The samples hold too little to learn from.</exception>
    /// <exception cref="TrainingDivergedException">A loss is not finite.</exception>
    UnlearnedGenerator Run(UnlearningContext context, CancellationToken cancel);
}

/// <summary>What a method has to work with.</summary>
/// <param name="Original">The GAN as it is; left alone.</param>
/// <param name="Options">From the policy.</param>
/// <param name="Annotation">Labels images.</param>
/// <param name="Feedback">The generator's own samples, sorted.</param>
/// <param name="Evaluator">Judges candidates.</param>
/// <param name="Journal">Where stages keep what they need to be resumed.</param>
/// <param name="Progress">Told of every step.</param>
/// <param name="Device">Where everything is.</param>
public sealed record UnlearningContext(
    GanPair Original,
    UnlearningOptions Options,
    Annotation Annotation,
    Feedback Feedback,
    ICandidateEvaluator Evaluator,
    ITrainingJournal Journal,
    IProgress<StageProgress> Progress,
    Device Device);

/// <summary>What came of unlearning.</summary>
/// <param name="Networks">The generator (in eval mode) and its discriminator; owned by this.</param>
/// <param name="Candidates">Every candidate that was judged, in order.</param>
/// <param name="SelectedStep">The step of the one that was kept.</param>
/// <param name="Curve">What was logged on the way, in order.</param>
/// <param name="Distances">Where the kept generator lies in parameter space.</param>
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
/// <param name="GeneratorLoss">Adversarial part.</param>
/// <param name="DiscriminatorLoss">Adversarial part.</param>
/// <param name="RepulsionLoss">Weighted.</param>
/// <param name="RetentionLoss">Weighted.</param>
/// <param name="SquaredDistance">Mean ‖θ − θN‖² over the adapted models; null where none was adapted.</param>
/// <param name="SquaredDistanceFromOriginal">‖θ − θG‖².</param>
public sealed record CurvePoint(
    int Step, double GeneratorLoss, double DiscriminatorLoss, double RepulsionLoss, double RetentionLoss, double? SquaredDistance, double SquaredDistanceFromOriginal);
