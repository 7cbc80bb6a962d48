using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using TorchSharp;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Pretraining;

/// <summary>Settings for training a classifier.</summary>
/// <param name="Architecture">Name of an architecture in the classifier catalogue.</param>
/// <param name="Epochs">Number of passes over the images.</param>
/// <param name="BatchSize">Number of images for each update.</param>
/// <param name="LearningRate">Adam's learning rate at the start; it falls to zero along a half cosine.</param>
/// <param name="Seed">Seed of weights, order and distortion.</param>
public sealed record ClassifierSettings(string Architecture, int Epochs, int BatchSize, double LearningRate, long Seed);

/// <summary>Figures of one epoch.</summary>
/// <param name="Epoch">Number of the epoch, counted from 1.</param>
/// <param name="Loss">
/// Mean cross-entropy over the distorted training images; for independent labels also the mean over the labels.
/// </param>
/// <param name="TestAccuracy">
/// Share of test images that are classified correctly, 0 to 1; for independent labels the share of all labels of all images.
/// </param>
public sealed record ClassifierEpoch(int Epoch, double Loss, double TestAccuracy);

/// <summary>
/// Trains a classifier on labelled images, which are rotated, scaled and shifted a little, differently in each epoch.
/// </summary>
public static class ClassifierTraining
{
    private const double AsLikelyAsNot = 0.5;
    private const double MaxTurn = 0.2;        // radians
    private const double MaxScale = 0.12;      // share by which an image is enlarged or reduced
    private const double MaxShift = 0.12;      // share of half the image's side

    /// <summary>Trains a classifier from scratch.</summary>
    /// <param name="settings">Architecture, length and seed of the training.</param>
    /// <param name="train">Images to train on.</param>
    /// <param name="test">Images to test with, which are never trained on.</param>
    /// <param name="device">Where the classifier is.</param>
    /// <param name="progress">Receives the figures of every epoch.</param>
    /// <param name="cancel">Ends training between two updates.</param>
    /// <returns>The classifier in eval mode; belongs to the caller.</returns>
    public static FeatureClassifier Run(
        ClassifierSettings settings,
        LabelledImages train,
        LabelledImages test,
        Device device,
        IProgress<ClassifierEpoch> progress,
        CancellationToken cancel)
    {
        // Build the classifier and its optimiser. A last batch that is not full is left out.
        var random = new RandomStreams(settings.Seed, "classifier");
        var shape = new ImageShape((int)train.Images.shape[1], (int)train.Images.shape[2]);
        var classifier = random.Seeded(
            "weights", () => ClassifierArchitectures.Build(settings.Architecture, shape, train.Classes, train.Outputs));
        classifier.to(device);
        using var optimizer = optim.Adam(classifier.parameters(), settings.LearningRate, weight_decay: 1e-4);
        var batchSize = (int)Math.Min(settings.BatchSize, train.Images.shape[0]);
        var batches = (int)(train.Images.shape[0] / batchSize);

        // Train on all images in a new order in each epoch, then test.
        for (var epoch = 1; epoch <= settings.Epochs; epoch++)
        {
            using var epochScope = NewDisposeScope();
            using var source = random.At("epoch", epoch);
            var order = randperm(train.Images.shape[0], generator: source);
            var loss = zeros(1, device: device);
            classifier.train();
            for (var batch = 0; batch < batches; batch++)
            {
                // Draw a batch, and distort it.
                cancel.ThrowIfCancellationRequested();
                SetLearningRate(
                    optimizer,
                    settings.LearningRate * HalfCosine(((epoch - 1.0) * batches + batch) / (settings.Epochs * batches)));
                using var scope = NewDisposeScope();
                var rows = order.narrow(0, batch * batchSize, batchSize);
                var images = Distort(ImageQuantizer.FromBytes(train.Images.index_select(0, rows)), source).to(device);

                // Minimise the cross-entropy.
                optimizer.zero_grad();
                var batchLoss = Loss(
                    classifier, classifier.Logits(classifier.Features(images)), train.Labels.index_select(0, rows).to(device));
                batchLoss.backward();
                optimizer.step();
                loss.add_(batchLoss.detach());
            }

            progress.Report(new ClassifierEpoch(epoch, loss.item<float>() / batches, Accuracy(classifier, test, device)));
        }

        classifier.eval();
        return classifier;
    }

    /// <summary>
    /// Counts a classifier's errors for each class, on images that it was not trained on, and keeps its scores.
    /// </summary>
    /// <param name="classifier">In eval mode.</param>
    /// <param name="train">The images that it was trained on; their labels are part of the digest.</param>
    /// <param name="test">The images to count on.</param>
    /// <param name="device">Where the classifier is.</param>
    public static HeldOutCounts HeldOut(FeatureClassifier classifier, LabelledImages train, LabelledImages test, Device device)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();

        // Classify all images, a batch at a time.
        List<Tensor> logits = [];
        foreach (var (images, labels) in Batches(test))
        {
            using var batchScope = NewDisposeScope();
            logits.Add(classifier.Logits(classifier.Features(ImageQuantizer.FromBytes(images).to(device))).cpu()
                .MoveToOuterDisposeScope());
            images.Dispose();
            labels.Dispose();
        }

        // Count for each class, and identify the images by the digest of their labels.
        var shows = classifier.Outputs is ClassifierOutputs.Sigmoid
            ? test.Labels.gt(Scalars.Of(0.5))
            : nn.functional.one_hot(test.Labels, classifier.Classes.Count).to(@bool);
        var tests = ClassTest.Run(
            classifier, cat(logits), classifier.Classes.Select((name, number) => (name, shows.select(1, number))));
        return new HeldOutCounts(
            tests.ToDictionary(each => each.Class, each => each.Error),
            Sha256Digest.Compute([.. train.Labels.contiguous().bytes, .. test.Labels.contiguous().bytes]))
        { Scores = tests.ToDictionary(each => each.Class, each => each.Scores) };
    }

    private static Tensor Loss(FeatureClassifier classifier, Tensor logits, Tensor labels) =>
        classifier.Outputs is ClassifierOutputs.Sigmoid
            ? nn.functional.binary_cross_entropy_with_logits(logits, labels)
            : nn.functional.cross_entropy(logits, labels);

    private static double Accuracy(FeatureClassifier classifier, LabelledImages labelled, Device device)
    {
        using var _ = no_grad();
        classifier.eval();
        var right = 0L;
        foreach (var (images, labels) in Batches(labelled))
        {
            using var scope = NewDisposeScope();
            var logits = classifier.Logits(classifier.Features(ImageQuantizer.FromBytes(images).to(device)));
            right += classifier.Outputs is ClassifierOutputs.Sigmoid
                ? classifier.DetectClasses(logits).cpu().eq(labels.ge(Scalars.Of(AsLikelyAsNot))).sum().item<long>()
                : logits.argmax(1).cpu().eq(labels.dim() == 1 ? labels : labels.argmax(1)).sum().item<long>();
            images.Dispose();
            labels.Dispose();
        }

        var answers = labelled.Outputs is ClassifierOutputs.Sigmoid ? labelled.Labels.numel() : labelled.Labels.shape[0];
        return right / (double)answers;
    }

    // In file order; each pair belongs to the caller.
    private static IEnumerable<(Tensor Images, Tensor Labels)> Batches(LabelledImages labelled, int size = 250)
    {
        var count = labelled.Images.shape[0];
        for (var start = 0L; start < count; start += size)
        {
            var length = Math.Min(size, count - start);
            yield return (labelled.Images.narrow(0, start, length), labelled.Labels.narrow(0, start, length));
        }
    }

    private static Tensor Distort(Tensor images, Generator source)
    {
        using var scope = NewDisposeScope();
        var count = images.shape[0];
        Tensor Uniform(double reach) => (rand([count], generator: source) * 2 - 1) * reach;
        var turn = Uniform(MaxTurn);
        var scale = 1 + Uniform(MaxScale);
        var row1 = stack([scale * turn.cos(), -scale * turn.sin(), Uniform(MaxShift)], dim: 1);
        var row2 = stack([scale * turn.sin(), scale * turn.cos(), Uniform(MaxShift)], dim: 1);
        var grid = nn.functional.affine_grid(stack([row1, row2], dim: 1), images.shape, align_corners: false);

        // Sampling gives 0 outside of the image, and black is -1: add 1 before sampling, so that the outside becomes black.
        return (nn.functional.grid_sample(images + 1, grid, align_corners: false) - 1).MoveToOuterDisposeScope();
    }

    private static double HalfCosine(double progress) => (1 + Math.Cos(Math.PI * progress)) / 2;

    private static void SetLearningRate(optim.Optimizer optimizer, double rate)
    {
        foreach (var group in optimizer.ParamGroups)
            group.LearningRate = rate;
    }
}
