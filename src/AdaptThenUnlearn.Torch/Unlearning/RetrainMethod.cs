using System.Globalization;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Pretraining;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>
/// Baseline: train from scratch on real images without the undesired features, where the training data are still there.
/// </summary>
/// <remarks>
/// The annotator sorts the real images (<c>unlearning.data</c>), so they need no labels; or their true labels sort them, where
/// the policy says so (<c>unlearning.cleanBy</c>). The policy's steps, recovery steps (learning-rate decay) and adversarial terms
/// apply.
/// </remarks>
public sealed class RetrainMethod : IUnlearningMethod
{
    private const int LabelledBatch = 100;   // images that the annotator is shown at once; the number only bounds memory
    // a strong early penalty keeps a young GAN from collapsing; the embedded models had the same factor
    private const int EarlyR1Factor = 4;
    private const int EarlyPart = 5;         // the strong penalty lasts for a fifth of the steps

    /// <inheritdoc/>
    public string Name => "retrain";

    /// <inheritdoc/>
    public bool TrainsFromScratch => true;

    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">
    /// The networks are not trained from scratch, or the folder holds no images for them, or not the labels that the policy asks
    /// for.
    /// </exception>
    public UnlearnedGenerator Run(UnlearningContext context, CancellationToken cancel)
    {
        var options = context.Options;
        var shape = context.Original.Generator.Shape;
        var factory = context.Factory
            ?? throw new InvalidDataException(
                $"method '{Name}' cannot train a {context.Original.Generator.GetName()} from scratch");

        // Read the real images, without those whose labels are undesired, and check that they suit the generator.
        using var images = options.IsCleanByLabels
            ? TrainingImages.ReadWithout(options.Data!, context.Annotation.ClassNames)
            : TrainingImages.Read(options.Data!);
        if (images.shape[1] != shape.Channels || images.shape[2] != shape.Resolution)
            throw new InvalidDataException(string.Create(
                CultureInfo.InvariantCulture,
                $"the images of {options.Data} are {images.shape[1]}×{images.shape[2]}×{images.shape[3]}, "
                    + $"the generator makes {shape}"));

        // Train fresh networks on the images that show no undesired feature.
        using var reals = new InMemoryImages(options.IsCleanByLabels
            ? CopyTo(context.Device, images)
            : SelectClean(images, context.Annotation, context.Device));
        using var training = new GeneratorPretraining(
            new PretrainingSettings(
                factory, options.TrainingSettings(options.LearningRate), options.Steps, options.RecoverySteps,
                EarlyR1Weight: EarlyR1Factor * options.Adversarial.R1Weight, EarlySteps: options.Steps / EarlyPart, options.Seed),
            reals,
            context.Device);
        var networks = training.Run(context.Journal, context.Progress, cancel);

        // Judge the result once: there are no candidates on the way.
        using var original = new ParameterVector(context.Original.Generator);
        using var retrained = new ParameterVector(networks.Generator);
        return new UnlearnedGenerator(
            networks,
            [context.Evaluator.Evaluate(networks.Generator, options.Steps)],
            options.Steps,
            [],
            ParameterDistances.Compute(original.Values, retrained.Values, []));
    }

    private static Tensor CopyTo(Device device, Tensor images)
    {
        using var scope = NewDisposeScope();
        return images.to(device).alias().DetachFromDisposeScope();
    }

    private static Tensor SelectClean(Tensor images, Annotation annotation, Device device)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        List<Tensor> clean = [];
        for (var start = 0L; start < images.shape[0]; start += LabelledBatch)
        {
            using var batchScope = NewDisposeScope();
            var batch = images.narrow(0, start, Math.Min(LabelledBatch, images.shape[0] - start)).to(device);
            clean.Add(batch[annotation.Label(ImageQuantizer.FromBytes(batch)).Clean].MoveToOuterDisposeScope());
        }

        var all = cat(clean);
        return all.shape[0] > 0
            ? all.DetachFromDisposeScope()
            : throw new InvalidDataException(
                $"none of the {images.shape[0]} real images is clean: the annotator sees an undesired feature in every one");
    }
}
