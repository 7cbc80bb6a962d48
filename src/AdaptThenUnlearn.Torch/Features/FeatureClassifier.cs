using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>
/// Classifies images: as <em>annotator</em> it labels training feedback, as <em>auditor</em> it measures for the gate.
/// </summary>
/// <remarks>The layer before its logits is a feature extractor for the Fréchet distance.</remarks>
public abstract class FeatureClassifier(
    string architecture, ImageShape shape, IReadOnlyList<string> classes) : nn.Module(architecture), IFeatureExtractor
{
    // From this probability on, one of several independent classes holds: it is then at least as likely as not.
    private const double AsLikelyAsNot = 0.5;

    /// <summary>Its name in <see cref="ClassifierArchitectures"/>, or the format of a program.</summary>
    public string Architecture { get; } = architecture;

    /// <summary>The images it takes.</summary>
    public ImageShape Shape { get; } = shape;

    /// <summary>Names of its outputs, in order.</summary>
    public IReadOnlyList<string> Classes { get; } = classes;

    /// <summary>Whether one class holds, or several may, and whether the outputs are logits or probabilities.</summary>
    public ClassifierOutputs Outputs { get; init; } = ClassifierOutputs.Softmax;

    /// <summary>Whether several classes may hold, or exactly one does.</summary>
    internal bool ClassesAreIndependent => Outputs is ClassifierOutputs.Sigmoid or ClassifierOutputs.IndependentProbabilities;

    /// <summary>
    /// Whether its architecture fixes its outputs as logits; false for a program, whose outputs only the policy describes.
    /// </summary>
    public virtual bool IsKnownToMakeLogits => true;

    /// <summary>
    /// Whether nobody trained it for its classes, so that it judges no feature before a person's labels choose its threshold.
    /// </summary>
    public virtual bool NeedsCalibration => false;

    /// <summary>What a checkpoint must say besides shape and classes to build it again, by key.</summary>
    public virtual IReadOnlyDictionary<string, string> Settings { get; } = new Dictionary<string, string>();

    /// <summary>
    /// What its weights do not say about its features, by key; stored beside them where they serve another classifier.
    /// </summary>
    public virtual IReadOnlyDictionary<string, string> FeatureAttributes { get; } = new Dictionary<string, string>();

    /// <summary>Length of a feature vector.</summary>
    public abstract int FeatureSize { get; }

    /// <inheritdoc/>
    public ImageShape InputShape => Shape;

    /// <inheritdoc/>
    public virtual Device Device => parameters().First().device;

    /// <summary>The activations before the last layer.</summary>
    /// <param name="images"><c>[N, Channels, Resolution, Resolution]</c>, nominally [-1, 1].</param>
    /// <returns><c>[N, FeatureSize]</c>; belongs to the caller's scope.</returns>
    public abstract Tensor Features(Tensor images);

    /// <summary>The last layer.</summary>
    /// <param name="features"><c>[N, FeatureSize]</c>.</param>
    /// <returns>Logits <c>[N, Classes]</c>; belong to the caller's scope.</returns>
    public abstract Tensor Logits(Tensor features);

    /// <summary>Class probabilities.</summary>
    /// <param name="images">As for <see cref="Features"/>.</param>
    /// <returns>
    /// <c>[N, Classes]</c>, each 0 to 1; of <see cref="ClassifierOutputs.Softmax"/> each row sums to 1. Belongs to the caller's
    /// scope.
    /// </returns>
    public Tensor Probabilities(Tensor images)
    {
        using var scope = NewDisposeScope();
        return ProbabilitiesOf(Logits(Features(images))).MoveToOuterDisposeScope();
    }

    /// <summary>Class probabilities from the logits of images.</summary>
    /// <param name="logits">
    /// <c>[N, Classes]</c>; of <see cref="ClassifierOutputs.Probabilities"/> and
    /// <see cref="ClassifierOutputs.IndependentProbabilities"/> these are probabilities already.
    /// </param>
    /// <returns>
    /// As of <see cref="Probabilities"/>; NaN in every class of an image that has an output which is not finite.
    /// </returns>
    public Tensor ProbabilitiesOf(Tensor logits)
    {
        using var scope = NewDisposeScope();
        var probabilities = Outputs switch
        {
            ClassifierOutputs.Sigmoid => logits.sigmoid(),
            ClassifierOutputs.Softmax => logits.softmax(1),
            _ => logits,
        };
        return probabilities.masked_fill(HasNonFinite(logits).unsqueeze(1), Scalars.Of(double.NaN)).MoveToOuterDisposeScope();
    }

    /// <summary>Which images have an output that is not finite; these count as showing every class.</summary>
    /// <param name="logits"><c>[N, Classes]</c>.</param>
    /// <returns><c>[N]</c>, bool; belongs to the caller's scope.</returns>
    internal static Tensor HasNonFinite(Tensor logits)
    {
        using var scope = NewDisposeScope();
        return logits.isfinite().all(1).logical_not().MoveToOuterDisposeScope();
    }

    /// <summary>Which classes hold.</summary>
    /// <param name="logits"><c>[N, Classes]</c>.</param>
    /// <returns>
    /// <c>[N, Classes]</c>, bool; belongs to the caller's scope. Of exclusive classes the likeliest holds, of independent ones
    /// each that is at least as likely as not. Of an image with an output that is not finite every class holds, so that it never
    /// passes.
    /// </returns>
    public Tensor DetectClasses(Tensor logits)
    {
        using var scope = NewDisposeScope();
        var holds = ClassesAreIndependent
            ? AtLeast(ProbabilitiesOf(logits), AsLikelyAsNot)
            : nn.functional.one_hot(logits.argmax(1), Classes.Count).to(@bool).logical_or(HasNonFinite(logits).unsqueeze(1));
        return holds.MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Which probabilities are at least a threshold; NaN counts as above it, so that a broken classifier never passes an image.
    /// </summary>
    /// <param name="probabilities">Any shape.</param>
    /// <param name="threshold">0 to 1.</param>
    /// <returns>The shape of <paramref name="probabilities"/>, bool; belongs to the caller's scope.</returns>
    internal static Tensor AtLeast(Tensor probabilities, double threshold)
    {
        using var below = probabilities.lt(Scalars.Of(threshold));
        return below.logical_not();
    }

    /// <summary>Counts the images for which each class holds.</summary>
    /// <param name="logits"><c>[N, Classes]</c>.</param>
    /// <returns>One number for each class.</returns>
    public long[] Count(Tensor logits)
    {
        using var scope = NewDisposeScope();
        return DetectClasses(logits).sum([0]).cpu().data<long>().ToArray();
    }

    /// <summary>The position of a class among <see cref="Classes"/>.</summary>
    /// <exception cref="ArgumentException">The name is unknown.</exception>
    public int IndexOf(string name)
    {
        var index = Classes.ToList().IndexOf(name);
        return index >= 0
            ? index
            : throw new ArgumentException($"the classifier has no class '{name}'; it has: {string.Join(", ", Classes)}");
    }
}

/// <summary>What the outputs of a classifier mean.</summary>
public enum ClassifierOutputs
{
    /// <summary>Logits of classes that exclude each other: the likeliest one holds.</summary>
    Softmax,

    /// <summary>Logits of independent classes: none, one or several hold.</summary>
    Sigmoid,

    /// <summary>As <see cref="Softmax"/>, but the outputs are probabilities: the program itself ends in a softmax.</summary>
    Probabilities,

    /// <summary>As <see cref="Sigmoid"/>, but the outputs are probabilities: the program itself ends in a sigmoid.</summary>
    IndependentProbabilities,
}
