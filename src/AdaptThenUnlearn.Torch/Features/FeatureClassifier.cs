using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>Says which class an image shows: as <em>annotator</em> it labels training feedback, as <em>auditor</em> it measures for the gate.</summary>
/// <remarks>The layer before its logits serves as feature extractor for the Fréchet distance.</remarks>
public abstract class FeatureClassifier(string architecture, ImageShape shape, IReadOnlyList<string> classes) : nn.Module(architecture), IFeatureExtractor
{
    // From this probability on, one of several independent classes holds.
    private const double AsLikelyAsNot = 0.5;

    /// <summary>A name of the classifier catalogue.</summary>
    public string Architecture { get; } = architecture;

    /// <summary>Images it takes.</summary>
    public ImageShape Shape { get; } = shape;

    /// <summary>Names of its outputs, in order.</summary>
    public IReadOnlyList<string> Classes { get; } = classes;

    /// <summary>Whether one class holds, or several may, and whether the outputs are logits or probabilities.</summary>
    public ClassifierOutputs Outputs { get; init; } = ClassifierOutputs.Softmax;

    /// <summary>Whether its architecture says that its outputs are logits; false for a program, of which only the policy says what it puts out.</summary>
    public virtual bool IsKnownToMakeLogits => true;

    /// <summary>What else a checkpoint must say of it, by key, so that it can be built again; empty where shape and classes are all.</summary>
    public virtual IReadOnlyDictionary<string, string> Settings { get; } = new Dictionary<string, string>();

    /// <summary>What its weights do not say about its features, by key; stored beside them where they serve another classifier.</summary>
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
    /// <returns><c>[N, Classes]</c>, each 0 to 1; of <see cref="ClassifierOutputs.Softmax"/> each row sums to 1. Belongs to the caller's scope.</returns>
    public Tensor Probabilities(Tensor images)
    {
        using var scope = NewDisposeScope();
        return ProbabilitiesOf(Logits(Features(images))).MoveToOuterDisposeScope();
    }

    /// <summary>Class probabilities of images that were looked at already.</summary>
    /// <param name="logits"><c>[N, Classes]</c>; of <see cref="ClassifierOutputs.Probabilities"/> and <see cref="ClassifierOutputs.IndependentProbabilities"/> these are probabilities already.</param>
    /// <returns>As of <see cref="Probabilities"/>; NaN in every class of an image of which one output is no finite number.</returns>
    public Tensor ProbabilitiesOf(Tensor logits)
    {
        using var scope = NewDisposeScope();
        var probabilities = Outputs switch
        {
            ClassifierOutputs.Sigmoid => logits.sigmoid(),
            ClassifierOutputs.Softmax => logits.softmax(1),
            _ => logits,
        };
        return probabilities.masked_fill(HasNonFinite(logits).unsqueeze(1), double.NaN).MoveToOuterDisposeScope();
    }

    /// <summary>Of which images an output is no finite number: what they show cannot be told, so they count as showing everything.</summary>
    /// <param name="logits"><c>[N, Classes]</c>.</param>
    /// <returns><c>[N]</c>, bool; belongs to the caller's scope.</returns>
    internal static Tensor HasNonFinite(Tensor logits)
    {
        using var scope = NewDisposeScope();
        return logits.isfinite().all(1).logical_not().MoveToOuterDisposeScope();
    }

    /// <summary>Which classes hold.</summary>
    /// <param name="logits"><c>[N, Classes]</c>.</param>
    /// <returns><c>[N, Classes]</c>, bool: the likeliest alone, or each that is at least as likely as not; of an image of which an output is no finite number every one, so that it never passes for free of something. Belongs to the caller's scope.</returns>
    public Tensor DetectClasses(Tensor logits)
    {
        using var scope = NewDisposeScope();
        var holds = Outputs is ClassifierOutputs.Sigmoid or ClassifierOutputs.IndependentProbabilities
            ? AtLeast(ProbabilitiesOf(logits), AsLikelyAsNot)
            : nn.functional.one_hot(logits.argmax(1), Classes.Count).to(@bool).logical_or(HasNonFinite(logits).unsqueeze(1));
        return holds.MoveToOuterDisposeScope();
    }

    /// <summary>Which probabilities are at least a threshold; one that is no number is, so that nothing passes for being broken.</summary>
    /// <param name="probabilities">Any shape.</param>
    /// <param name="threshold">0 to 1.</param>
    /// <returns>Likewise, bool; belongs to the caller's scope.</returns>
    internal static Tensor AtLeast(Tensor probabilities, double threshold)
    {
        using var below = probabilities.lt(threshold);
        return below.logical_not();
    }

    /// <summary>For how many images each class holds.</summary>
    /// <param name="logits"><c>[N, Classes]</c>.</param>
    /// <returns>One number a class.</returns>
    public long[] Count(Tensor logits)
    {
        using var scope = NewDisposeScope();
        return DetectClasses(logits).sum([0]).cpu().data<long>().ToArray();
    }

    /// <summary>The position of a class among <see cref="Classes"/>.</summary>
    /// <exception cref="ArgumentException">It is not one of them.</exception>
    public int IndexOf(string name)
    {
        var index = Classes.ToList().IndexOf(name);
        return index >= 0 ? index : throw new ArgumentException($"the classifier has no class '{name}'; it has: {string.Join(", ", Classes)}");
    }
}

/// <summary>What the outputs of a classifier say of an image.</summary>
public enum ClassifierOutputs
{
    /// <summary>The classes exclude each other: one holds, the likeliest.</summary>
    Softmax,

    /// <summary>The classes have nothing to do with each other: none, one or several hold.</summary>
    Sigmoid,

    /// <summary>As <see cref="Softmax"/>, and the outputs are probabilities already: a program that ends in a softmax of its own.</summary>
    Probabilities,

    /// <summary>As <see cref="Sigmoid"/>, and the outputs are probabilities already: a program that ends in a sigmoid of its own.</summary>
    IndependentProbabilities,
}
