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
    private readonly Dictionary<string, string> _identities = [];
    private readonly Dictionary<string, (ClassifierCalibration Calibration, string Sha256)> _calibrations = [];

    /// <summary>Takes classifiers without calibrations; they belong to this from here on.</summary>
    internal PolicyClassifiers(Dictionary<string, LoadedClassifier> byName) => _byName = byName;

    /// <summary>A classifier by its name in the policy.</summary>
    public FeatureClassifier this[string name] => _byName[name].Classifier;

    /// <summary>By whom and how a feature is found in training feedback.</summary>
    public FeatureRule Annotator(UndesiredFeature feature) => Rule(feature.Annotator, feature.Class, feature.Threshold);

    /// <summary>By whom and how a feature is found for the gate.</summary>
    public FeatureRule Auditor(UndesiredFeature feature) =>
        Rule(feature.Auditor ?? feature.Annotator, feature.Class, feature.AuditorThreshold ?? feature.Threshold);

    /// <summary>How a classifier finds a class: from its calibration's threshold on, where it has one.</summary>
    /// <param name="name">Of the classifier in the policy.</param>
    /// <param name="className">One of its classes.</param>
    /// <param name="threshold">The feature's own; null for none.</param>
    public FeatureRule Rule(string name, string className, double? threshold) =>
        new(this[name], className, Calibration(name, className)?.Calibration.Threshold ?? threshold);

    /// <summary>The calibration of a class of a classifier, and the digest of its file; null for none.</summary>
    /// <param name="name">Of the classifier in the policy.</param>
    /// <param name="className">One of its classes.</param>
    public (ClassifierCalibration Calibration, string Sha256)? Calibration(string name, string className) =>
        _calibrations.TryGetValue(name, out var found) && found.Calibration.Class == className ? found : null;

    /// <summary>Digest of the file of the calibration of a class of a classifier; null for none.</summary>
    /// <param name="name">Of the classifier in the policy.</param>
    /// <param name="className">One of its classes.</param>
    public string? CalibrationSha256(string name, string className) => Calibration(name, className)?.Sha256;

    /// <summary>Why a feature cannot be measured: a classifier of it needs a calibration. Null where none does.</summary>
    /// <param name="feature">Of the policy.</param>
    public string? WhyNotCalibrated(UndesiredFeature feature) =>
        new[] { feature.Auditor ?? feature.Annotator, feature.Annotator }
            .Where(name => this[name].NeedsCalibration
                && Calibration(name, feature.Class) is not { Calibration.HeldOut.With: > 0 })
            .Select(name => $"'{name}' was not trained to tell '{feature.Class}', and nothing says from which score on it sees "
                + $"it and how often it misses it; choose its threshold with `atu label POLICY --calibrate {name}`, and name the "
                + $"file as classifiers.{name}.calibration")
            .FirstOrDefault();

    /// <summary>Digest of everything that changes a classifier's answers.</summary>
    public string Identity(string name) => _identities[name];

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
    /// A classifier takes other images, or lacks a class that the policy names; or its calibration cannot be used.
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
                List<CheckpointFile> files =
                    [.. ClassifierFile.ListFor(name, choice).Select(file => open(resolve(file.Path)))];
                var preprocessor = CreatePreprocessor($"$.classifiers.{name}.preprocessing", choice.Preprocessing, images);
                var classifier = choice.IsImageText
                    ? LoadImageText(name, choice, path => open(resolve(path)), images, preprocessor, device)
                    : ClassifierCheckpoint.Load(
                        files[0],
                        choice.Sha256,
                        choice.Classes,
                        device,
                        choice.Outputs,
                        choice.Format ?? CheckpointFormats.Auto,
                        images,
                        preprocessor,
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
                loaded._identities.Add(name, ClassifierIdentity.Compute(files, choice));
                if (choice.Calibration is { } calibration)
                    loaded._calibrations.Add(
                        name, ReadCalibration(policy, name, loaded.Identity(name), () => open(resolve(calibration))));
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

    // A calibration is used with the very classifier that it was made for, and for the class that it was made for.
    private static (ClassifierCalibration Calibration, string Sha256) ReadCalibration(
        UnlearningPolicy policy, string name, string identity, Func<CheckpointFile> open)
    {
        var (at, pin) = ($"$.classifiers.{name}.calibration", policy.Classifiers[name].CalibrationSha256);
        try
        {
            var file = open();
            if (pin is not null && !pin.Equals(file.Sha256, StringComparison.OrdinalIgnoreCase))
                throw new PolicyMismatchException(
                    $"{at}Sha256",
                    $"pins {pin}, and the SHA-256 of {file.Path} is {file.Sha256}; restore the file, or pin this one");
            var calibration = ClassifierCalibrationFile.Parse(file.ReadAllBytes(ClassifierCalibrationFile.MaxBytes));
            return calibration.WhyNotOf(name, identity, policy.ClassesAskedOf(name)) is { } other
                ? throw new PolicyMismatchException(at, $"{file.Path} {other}")
                : (calibration, file.Sha256);
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException or CheckpointException
            or LabelException)
        {
            throw new PolicyMismatchException(
                at, $"'{policy.Classifiers[name].Calibration}' cannot be used: {unreadable.Message}");
        }
    }

    private static LoadedClassifier LoadImageText(
        string name, ClassifierChoice choice, Func<string, CheckpointFile> open, ImageShape images, Preprocessor? preprocessor,
        Device device)
    {
        try
        {
            return ImageTextCheckpoint.Load(choice, open, images, preprocessor, device);
        }
        catch (PromptException unfit)
        {
            throw new PolicyMismatchException(ClassifierChoice.PromptProperty(name, unfit.Class, unfit.Index), unfit.Message);
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
