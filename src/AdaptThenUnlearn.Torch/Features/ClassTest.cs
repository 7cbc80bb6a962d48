using AdaptThenUnlearn.Labelling;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>How a classifier did on labelled images, for one of its classes.</summary>
/// <param name="Class">Name of the class.</param>
/// <param name="Error">Its errors without a threshold, as <see cref="FeatureClassifier.DetectClasses"/> decides.</param>
/// <param name="Scores">Its probability of the class in each image, to count errors at a threshold.</param>
public sealed record ClassTest(string Class, HeldOutError Error, DetectionScores Scores)
{
    /// <summary>Tests some of a classifier's classes.</summary>
    /// <param name="classifier">In eval mode.</param>
    /// <param name="logits">The classifier's, of every image, <c>[N, Classes]</c>, on the CPU.</param>
    /// <param name="labels">For each class to test its name, and which images show it: <c>[N]</c>, bool, on the CPU.</param>
    /// <exception cref="ArgumentException">The classifier has no such class.</exception>
    public static IReadOnlyList<ClassTest> Run(
        FeatureClassifier classifier, Tensor logits, IEnumerable<(string Class, Tensor Shows)> labels)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var probabilities = classifier.ProbabilitiesOf(logits);
        var detections = classifier.DetectClasses(logits);
        return [.. labels.Select(label => Test(label.Class, classifier.IndexOf(label.Class), label.Shows))];

        ClassTest Test(string name, int index, Tensor shows)
        {
            using var inner = NewDisposeScope();
            var (sees, isAbsent) = (detections.select(1, index), shows.logical_not());
            var scores = probabilities.select(1, index).to(float32);
            return new ClassTest(
                name,
                new HeldOutError(
                    Number(shows), Number(shows.logical_and(sees.logical_not())), Number(isAbsent),
                    Number(isAbsent.logical_and(sees))),
                new DetectionScores(Values(scores[shows]), Values(scores[isAbsent])));
        }
    }

    private static int Number(Tensor mask) => (int)mask.sum().item<long>();

    private static float[] Values(Tensor scores) => scores.contiguous().data<float>().ToArray();
}
