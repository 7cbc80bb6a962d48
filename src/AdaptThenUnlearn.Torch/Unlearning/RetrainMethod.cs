using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using AdaptThenUnlearn.Torch.Pretraining;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>Baseline: train from scratch on real images without the undesired features, for whoever still has them.</summary>
/// <remarks>
/// The annotator sorts the real images (<c>unlearning.data</c>), so any labelled or unlabelled set serves; the policy's
/// steps, recovery steps (learning-rate decay) and adversarial terms hold.
/// </remarks>
public sealed class RetrainMethod : IUnlearningMethod
{
    private const int BatchSize = 100;

    /// <inheritdoc/>
    public string Name => "retrain";

    /// <inheritdoc/>
    public bool TrainsFromScratch => true;

    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">The folder holds no images that the generator could be trained on.</exception>
    public UnlearnedGenerator Run(UnlearningContext context, CancellationToken cancel)
    {
        var options = context.Options;
        if (context.Original is not { Generator: StyleGan2Generator { Settings: var model }, Discriminator: StyleGan2Discriminator { Settings: var critic } })
            throw new InvalidDataException($"method '{Name}' trains StyleGAN2 generators, not {context.Original.Generator.GetName()}");

        using var images = TrainingImages.Read(options.Data!);
        if (images.shape[1] != model.ImageChannels || images.shape[2] != model.Resolution)
            throw new InvalidDataException(FormattableString.Invariant(
                $"the images of {options.Data} are {images.shape[1]}×{images.shape[2]}×{images.shape[3]}, the generator makes {model.ImageChannels}×{model.Resolution}×{model.Resolution}"));

        using var reals = new InMemoryImages(CleanOf(images, context.Annotation, context.Device));
        using var training = new GeneratorPretraining(
            new PretrainingSettings(
                model, options.TrainingSettings(options.LearningRate), options.Steps, options.RecoverySteps,
                EarlyR1Weight: 4 * options.Adversarial.R1Weight, EarlySteps: options.Steps / 5, options.Seed) { DiscriminatorModel = critic },
            reals,
            context.Device);
        var networks = training.Run(context.Journal, context.Progress, cancel);
        using var original = new ParameterVector(context.Original.Generator);
        using var retrained = new ParameterVector(networks.Generator);
        return new UnlearnedGenerator(
            networks, [context.Evaluator.Evaluate(networks.Generator, options.Steps)], options.Steps, [], ParameterDistances.Compute(original.Values, retrained.Values, []));
    }

    private static Tensor CleanOf(Tensor images, Annotation annotation, Device device)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        List<Tensor> clean = [];
        for (var start = 0L; start < images.shape[0]; start += BatchSize)
        {
            using var batchScope = NewDisposeScope();
            var batch = images.narrow(0, start, Math.Min(BatchSize, images.shape[0] - start)).to(device);
            clean.Add(batch[annotation.Label(ImageQuantizer.FromBytes(batch)).Clean].MoveToOuterDisposeScope());
        }

        var all = cat(clean);
        return all.shape[0] > 0
            ? all.DetachFromDisposeScope()
            : throw new InvalidDataException($"none of the {images.shape[0]} real images is clean: the annotator sees an undesired feature in every one");
    }
}
