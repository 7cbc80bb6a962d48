using AdaptThenUnlearn.Torch.Models;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>Every classifier architecture that can be built. A new one: write its file, add its name and its line.</summary>
public static class ClassifierArchitectures
{
    private static readonly Dictionary<string, string> _noAttributes = [];

    /// <summary>Their names.</summary>
    public static IReadOnlyList<string> Names { get; } = [LeNet5.Name, StridedConvNet.Name];

    /// <summary>Builds one with fresh weights from torch's default random source; belongs to the caller.</summary>
    /// <param name="architecture">One of <see cref="Names"/>.</param>
    /// <param name="shape">The images it takes.</param>
    /// <param name="classes">Names of its outputs, in order.</param>
    /// <param name="outputs">What its outputs say.</param>
    /// <param name="attributes">Its <see cref="FeatureClassifier.FeatureAttributes"/>; null where it has none.</param>
    /// <exception cref="ArgumentException">The name is unknown, or the architecture does not take such images.</exception>
    public static FeatureClassifier Build(
        string architecture, ImageShape shape, IReadOnlyList<string> classes,
        ClassifierOutputs outputs = ClassifierOutputs.Softmax, IReadOnlyDictionary<string, string>? attributes = null) =>
        architecture switch
        {
            LeNet5.Name => new LeNet5(shape, classes, LeNet5.IsUnitRange(attributes ?? _noAttributes)) { Outputs = outputs },
            StridedConvNet.Name => new StridedConvNet(shape, classes) { Outputs = outputs },
            _ => throw new ArgumentException(
                $"'{architecture}' is not a classifier architecture; use one of: {string.Join(", ", Names)}"),
        };
}
