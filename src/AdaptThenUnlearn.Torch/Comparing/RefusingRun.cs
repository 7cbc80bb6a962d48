using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Governing;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Comparing;

/// <summary>
/// A run of the row that refuses: the original generator is measured as it is, and then only by the images that the policy's
/// annotator finds clean. Nothing is trained, and no generator is made.
/// </summary>
/// <param name="request">The run.</param>
/// <param name="device">Where tensors are.</param>
/// <param name="progress">Receives how many images were measured.</param>
/// <param name="clock">For the time that measuring takes.</param>
internal sealed class RefusingRun(
    ComparisonRequest request, Device device, IProgress<StageProgress> progress, TimeProvider clock)
{
    /// <summary>Measures all of the original's images, and then as many clean ones.</summary>
    /// <param name="cancel">Ends the run between two batches.</param>
    /// <exception cref="TooFewCleanException">Hardly any of the original's images is clean.</exception>
    /// <exception cref="Checkpoints.Tensors.CheckpointException">A file cannot be read.</exception>
    /// <exception cref="PolicyMismatchException">A file does not fit the policy.</exception>
    public CellOutcome Execute(CancellationToken cancel)
    {
        // Load what the policy names, with the same requirements as a run that trains.
        var (policy, started) = (request.Policy, clock.GetTimestamp());
        if (device.type == TorchSharp.DeviceType.CUDA)
            TorchBackend.KeepFloat32();
        GeneratorRequirements.RequireCalibratedAnnotators(policy);
        using var original = request.Inputs.LoadGenerator(device, cancel);
        GeneratorRequirements.RequireStatedLayers(original);
        GeneratorRequirements.RequireTruncation(policy.Evaluation, original);
        using var classifiers = request.Inputs.LoadClassifiers(original.Generator.Shape, device);
        var images = EvaluationImages.FromOptions(policy.Evaluation, device);
        using var reference = request.Inputs.LoadReference(classifiers, original, images, progress, cancel);

        // Measure before and after on the same stream of latents.
        var evaluator = new GeneratorEvaluator(policy, classifiers, reference, images);
        var before = evaluator.Measure(original.Generator, original.Sha256, SamplesOf("measuring before"), cancel);
        using var clean = CleanImagesOf(original, classifiers, images);
        using var consistency = evaluator.StartConsistencyCheck(original.Generator);
        var after = clean.Measure(evaluator, original.Sha256, SamplesOf("measuring clean images"), cancel, before);
        consistency.ProbeAgain();
        return CellOutcome.FromRefusing(before, after, clean.Made, clock.GetElapsedTime(started).TotalSeconds);
    }

    /// <summary>Distance of the clean images to those of a retrained generator; null where it could not be measured.</summary>
    /// <param name="retrained">The retrained generator's images.</param>
    /// <param name="cancel">Ends the measurement between two batches.</param>
    /// <exception cref="TooFewCleanException">Hardly any of the original's images is clean.</exception>
    public double? MeasureDistanceTo(RetrainedReference retrained, CancellationToken cancel)
    {
        using var original = request.Inputs.LoadGenerator(device, cancel);
        using var classifiers = request.Inputs.LoadClassifiers(original.Generator.Shape, device);
        using var clean =
            CleanImagesOf(original, classifiers, EvaluationImages.FromOptions(request.Policy.Evaluation, device));
        return retrained.MeasureDistance(clean, original.Sha256, cancel);
    }

    /// <summary>Number of clean images with the class, of as many as are measured.</summary>
    /// <param name="third">Counts them.</param>
    /// <param name="cancel">Ends counting between two batches.</param>
    /// <exception cref="TooFewCleanException">Hardly any of the original's images is clean.</exception>
    public long Count(ThirdClassifier third, CancellationToken cancel)
    {
        using var original = request.Inputs.LoadGenerator(device, cancel);
        using var classifiers = request.Inputs.LoadClassifiers(original.Generator.Shape, device);
        using var clean =
            CleanImagesOf(original, classifiers, EvaluationImages.FromOptions(request.Policy.Evaluation, device));
        return third.Count(clean, request, cancel);
    }

    private CleanImages CleanImagesOf(LoadedGenerator original, PolicyClassifiers classifiers, EvaluationImages images)
    {
        var policy = request.Policy;
        var annotation = new Annotation(
            [.. policy.UndesiredFeatures.Select(
                feature => new AnnotatedFeature(feature.Name, classifiers.Annotator(feature)))],
            policy.Unlearning.CleanBelow,
            policy.Evaluation.IsRaw);
        return new CleanImages(original.Generator, annotation, images, policy.ProgramRoles().Count > 0);
    }

    private SampleProgress SamplesOf(string stage) => new(count =>
        progress.Report(new StageProgress(stage, (int)count, request.Policy.Evaluation.Samples, Losses: null)));

    private sealed class SampleProgress(Action<long> report) : IProgress<long>
    {
        public void Report(long value) => report(value);
    }
}
