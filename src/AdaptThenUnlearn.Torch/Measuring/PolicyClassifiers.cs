using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>
/// The classifiers that a policy names and the extractor of its quality, loaded once each and checked against the generator and
/// the policy.
/// </summary>
public sealed class PolicyClassifiers : IDisposable
{
    private readonly Dictionary<string, LoadedClassifier> _byName;

    private PolicyClassifiers(Dictionary<string, LoadedClassifier> byName) => _byName = byName;

    /// <summary>A classifier by its name in the policy.</summary>
    public FeatureClassifier this[string name] => _byName[name].Classifier;

    /// <summary>By whom and how a feature is found in training feedback.</summary>
    public FeatureRule Annotator(UndesiredFeature feature) => new(this[feature.Annotator], feature.Class, feature.Threshold);

    /// <summary>By whom and how a feature is found for the gate.</summary>
    public FeatureRule Auditor(UndesiredFeature feature) =>
        new(this[feature.Auditor ?? feature.Annotator], feature.Class, feature.AuditorThreshold ?? feature.Threshold);

    /// <summary>How a classifier did on images that it was not trained on; null where its checkpoint does not say.</summary>
    public HeldOutCounts? HeldOut(string name) => _byName[name].HeldOut;

    /// <summary>Digest of a classifier's checkpoint.</summary>
    public string Sha256(string name) => _byName[name].Sha256;

    /// <summary>
    /// How auditors did on images that the policy says show the feature, by the feature's name; empty where it names none.
    /// </summary>
    public IReadOnlyDictionary<string, DetectionCounts> Tried { get; private set; } = new Dictionary<string, DetectionCounts>();

    /// <summary>Has an auditor look at images that the policy says show its feature.</summary>
    /// <param name="feature">Of the policy.</param>
    /// <param name="images"><c>[N, C, H, W]</c>, nominally [-1, 1]; stay the caller's.</param>
    public void TestAuditor(UndesiredFeature feature, Tensor images)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var auditor = Auditor(feature);
        var found = auditor.Shows(FeaturePass.Run(auditor.Classifier, images).Logits).sum().item<long>();
        Tried = new Dictionary<string, DetectionCounts>(Tried)
        {
            [feature.Name] = new DetectionCounts(
                "of the policy's folder 'negatives'", images.shape[0], images.shape[0] - found, Without: 0, FalseAlarms: 0),
        };
    }

    /// <summary>Makes the features that quality is measured by; null where the policy asks for none.</summary>
    public LoadedExtractor? Extractor { get; private set; }

    /// <summary>Loads every classifier of the policy, and its extractor.</summary>
    /// <param name="policy">Names them.</param>
    /// <param name="resolve">Makes a full path of one that the policy says.</param>
    /// <param name="open">Opens a file by its full path.</param>
    /// <param name="images">What the generator makes.</param>
    /// <param name="device">Where they go.</param>
    /// <returns>Belongs to the caller.</returns>
    /// <exception cref="CheckpointException">
    /// A file is missing, damaged, not pinned so, or no classifier or extractor.
    /// </exception>
    /// <exception cref="PolicyMismatchException">
    /// A classifier takes other images, or lacks a class that the policy names.
    /// </exception>
    public static PolicyClassifiers Load(
        UnlearningPolicy policy,
        Func<string, string> resolve,
        Func<string, CheckpointFile> open,
        ImageShape images,
        Device device)
    {
        var loaded = new PolicyClassifiers([]);
        try
        {
            foreach (var (name, choice) in policy.Classifiers)
            {
                var classifier = ClassifierCheckpoint.Load(
                    open(resolve(choice.Checkpoint)),
                    choice.Sha256,
                    choice.Classes,
                    device,
                    choice.Outputs,
                    choice.Format ?? CheckpointFormats.Auto,
                    images,
                    CreatePreprocessor($"$.classifiers.{name}.preprocessing", choice.Preprocessing, images),
                    choice.Architecture,
                    choice.Output);
                loaded._byName.Add(name, classifier);
                if (classifier.Classifier.Shape != images)
                    throw new PolicyMismatchException(
                        $"$.classifiers.{name}.checkpoint",
                        $"the classifier takes {classifier.Classifier.Shape} images, the generator makes {images}; name a "
                            + "classifier trained on the generator's image size");
                if (WhyNotSo(classifier.Classifier) is { } problem)
                    throw new PolicyMismatchException($"$.classifiers.{name}.outputs", problem);
            }

            for (var number = 0; number < policy.UndesiredFeatures.Count; number++)
            {
                var feature = policy.UndesiredFeatures[number];
                foreach (var role in new[] { feature.Annotator, feature.Auditor ?? feature.Annotator })
                    if (!loaded[role].Classes.Contains(feature.Class))
                        throw new PolicyMismatchException(
                            $"$.undesiredFeatures[{number}].class",
                            $"classifier '{role}' has no class '{feature.Class}'; it has: "
                                + $"{string.Join(", ", loaded[role].Classes)}");
            }

            if (policy.Quality is { } quality)
                loaded.Extractor = WeightsExtractor.Find(quality.Extractor) is { } kind
                    ? LoadExtractor(kind, quality, resolve, open, images, device)
                    : LoadedExtractor.FromClassifier(loaded._byName[quality.Extractor]);
            return loaded;
        }
        catch
        {
            loaded.Dispose();
            throw;
        }
    }

    private static LoadedExtractor LoadExtractor(
        WeightsExtractor kind,
        QualityOptions quality,
        Func<string, string> resolve,
        Func<string, CheckpointFile> open,
        ImageShape images,
        Device device)
    {
        CreatePreprocessor("$.quality.preprocessing", quality.Preprocessing, images);
        return FeatureExtractors.Load(
            kind, resolve(quality.ExtractorWeights!), quality.ExtractorSha256, device, images, open, quality.ToUse());
    }

    private static Preprocessor? CreatePreprocessor(string path, ImagePreprocessing? steps, ImageShape images)
    {
        try
        {
            return steps is null ? null : new Preprocessor(steps, images);
        }
        catch (ArgumentException unfit)
        {
            throw new PolicyMismatchException(path, unfit.Message);
        }
    }

    private static string? WhyNotSo(FeatureClassifier classifier) => classifier.Outputs switch
    {
        ClassifierOutputs.Softmax => OutputKinds.SingleClassProblem(OutputKinds.Softmax, classifier.Classes.Count),
        ClassifierOutputs.Probabilities or ClassifierOutputs.IndependentProbabilities when classifier.IsKnownToMakeLogits =>
            $"'{classifier.Architecture}' ends in a layer of logits, and probabilities are for programs that do not: say "
                + $"\"{OutputKinds.Softmax}\" or \"{OutputKinds.Sigmoid}\", or leave this out where the checkpoint says it",
        _ => null,
    };

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var classifier in _byName.Values)
            classifier.Dispose();
        Extractor?.Dispose();
    }
}
