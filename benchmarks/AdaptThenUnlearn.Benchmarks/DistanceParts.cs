using System.Globalization;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Benchmarks;

/// <summary>
/// Where the growth of the Fréchet distance comes from, on the embedded digits: from other shares of the classes, or from other
/// images of each class.
/// </summary>
/// <remarks>
/// The images of one generator are taken in the other's shares: as many of each class as the other has, in proportion, by the
/// auditor's answers. All distances are in the auditor's features, to the reference's real images without the undesired digit.
/// </remarks>
internal static class DistanceParts
{
    private const int Samples = 10_000;
    private const int Batch = 100;
    private const double CleanBelow = 0.001;   // as the presets'

    public static void Run(string digit, string before, string after)
    {
        using var _ = no_grad();
        var models = Path.GetDirectoryName(Path.GetFullPath(before))!;   // models/mnist
        using var auditor = Classifier(Path.Combine(models, "auditor.safetensors"));
        using var annotator = Classifier(Path.Combine(models, "lenet5.safetensors"));
        using var reference = ReferenceStatistics.Load(Path.Combine(models, "reference.safetensors"));
        using var real = reference.MergeExcept([digit]);
        var undesired = auditor.Classes.ToList().IndexOf(digit);

        var (first, clean) = Describe(before);
        var (second, _) = Describe(after);
        Terminal.WriteLine("| images | before | after |");
        Terminal.WriteLine("| --- | --- | --- |");
        Row("all without the digit", Retained(first), Retained(second));
        Row("in the shares of the generator before", Retained(first), InSharesOf(second, first));
        Row("in the shares of the generator after", InSharesOf(first, second), Retained(second));
        Row("of latents whose image was clean before", first.Of(clean), second.Of(clean));
        Row("the same, in the shares before", first.Of(clean), InSharesOf(second.Of(clean), first.Of(clean)));
        var changed = clean.logical_and(first.Classes.ne(second.Classes)).sum().item<long>();
        Terminal.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"\nOf {clean.sum().item<long>()} latents whose image was clean before, {changed} show another digit after."));

        void Row(string images, Described ofFirst, Described ofSecond) => Terminal.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"| {images} | {Distance(ofFirst):F3} | {Distance(ofSecond):F3} |"));

        double Distance(Described described)
        {
            using var statistics = FeatureStatistics.FromFeatures(Retained(described).Features);
            return FrechetDistance.Between(statistics, real).Value!.Value;
        }

        Described Retained(Described described) => described.Of(described.Classes.ne(undesired));

        Described InSharesOf(Described described, Described other)
        {
            var wanted = Enumerable.Range(0, auditor.Classes.Count).Where(number => number != undesired)
                .Select(number => (Class: number, Own: Count(described, number), Other: Count(other, number)))
                .Where(one => one.Other > 0)
                .ToList();
            var scale = wanted.Min(one => one.Own / (double)one.Other);
            var rows = cat([.. wanted.Select(one =>
                described.Classes.eq(one.Class).nonzero().squeeze(1).narrow(0, 0, (long)(one.Other * scale)))]);
            return new Described(described.Features[rows], described.Classes[rows]);
        }

        static long Count(Described described, int number) => described.Classes.eq(number).sum().item<long>();

        (Described Described, Tensor Clean) Describe(string path)
        {
            var generator = GeneratorCheckpoint.Load(path, CheckpointFormats.Auto, null, null, CPU).Generator;
            var random = new RandomStreams(7, "distance parts");
            List<Tensor> features = [], classes = [], undesiredProbabilities = [];
            for (var batch = 0; batch < Samples / Batch; batch++)
            {
                using var scope = NewDisposeScope();
                using var source = random.At("latents", batch);
                var images = ImageQuantizer.Quantize(LatentDraw.Sample(generator, Batch, source, CPU).Images(generator));
                var described = auditor.Features(images);
                features.Add(described.DetachFromDisposeScope());
                classes.Add(auditor.Logits(described).argmax(1).DetachFromDisposeScope());
                undesiredProbabilities.Add(annotator.Probabilities(images).select(1, undesired).DetachFromDisposeScope());
            }

            return (new Described(cat(features), cat(classes)), cat(undesiredProbabilities).lt(CleanBelow));
        }
    }

    private static FeatureClassifier Classifier(string path) => ClassifierCheckpoint.Load(path, null, null, CPU).Classifier;

    private sealed record Described(Tensor Features, Tensor Classes)
    {
        public Described Of(Tensor rows) => new(Features[rows], Classes[rows]);
    }
}
