using AdaptThenUnlearn.Torch.Features;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>Images, and what classifiers say of them: each looks at them once.</summary>
/// <param name="images"><c>[N, C, H, W]</c>, as they are measured; stay the caller's.</param>
/// <remarks>Its tensors belong to the scope in which they were first asked for, which must outlive this.</remarks>
internal sealed class SeenImages(Tensor images)
{
    private readonly Dictionary<FeatureClassifier, (Tensor Features, Tensor Logits)> _outputs = [];

    /// <summary>The images.</summary>
    public Tensor Images => images;

    /// <summary>A classifier's features and logits.</summary>
    /// <param name="classifier">Of the policy.</param>
    public (Tensor Features, Tensor Logits) Classify(FeatureClassifier classifier)
    {
        if (!_outputs.TryGetValue(classifier, out var outputs))
        {
            var features = classifier.Features(images);
            _outputs[classifier] = outputs = (features, classifier.Logits(features));
        }

        return outputs;
    }

    /// <summary>Which images show a feature, bool <c>[N]</c>.</summary>
    /// <param name="rule">Of the feature's auditor or annotator.</param>
    public Tensor Show(FeatureRule rule) => rule.Shows(Classify(rule.Classifier).Logits);
}
