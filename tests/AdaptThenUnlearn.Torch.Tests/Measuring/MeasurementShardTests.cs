using System.Text.Json;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Measuring;

/// <summary>
/// However a measurement is divided, and whatever happens to its parts on the way, the parts that are whole give the numbers of
/// one process.
/// </summary>
public sealed class MeasurementShardTests : IDisposable
{
    private const int Schedules = 100;
    private const string Fingerprint = "the same policy and files";
    private static readonly string _sha256 = new('a', 64);

    private readonly string _folder = Directory.CreateTempSubdirectory("atu-shards-").FullName;

    // One look of 250 images and another of 600: the last batch of the first look is not full.
    private static readonly UnlearningPolicy _policy = AuditorCheckTests.Policy with
    {
        UndesiredFeatures = [AuditorCheckTests.Policy.UndesiredFeatures[0] with { MaxRate = 0.3 }],
        Evaluation = AuditorCheckTests.Policy.Evaluation with { Samples = 250, MaxSamples = 600 },
    };

    [Fact]
    public void Merge_HundredRandomKillSchedules_IsTheMeasurementOfOneProcess()
    {
        using var scope = NewDisposeScope();
        using var classifiers = AuditorCheckTests.Furnished(_folder);
        using var networks = Small.Gan();
        var evaluator =
            new GeneratorEvaluator(_policy, classifiers, reference: null, EvaluationImages.FromOptions(_policy.Evaluation, CPU));
        var whole = Text(evaluator.Measure(networks.Generator, _sha256, new Progress<long>(), CancellationToken.None));
        var random = new Random(22);
        int[] divisions = [1, 2, 7, 16];
        var (kills, cuts) = (0, 0);

        for (var schedule = 0; schedule < Schedules; schedule++)
        {
            // Start the parts in any order, and again until each has finished.
            var parts = divisions[random.Next(divisions.Length)];
            var unfinished = Enumerable.Range(0, parts).ToList();
            List<MeasurementShard> read = [];
            while (unfinished.Count > 0)
            {
                var part = unfinished[random.Next(unfinished.Count)];
                var file = Path.Combine(_folder, $"{schedule}.{part}.safetensors");
                var batches = evaluator.AllBatches().Where((_, index) => index % parts == part).ToList();
                if (random.Next(3) == 0 && batches.Count > 0)
                {
                    // Killed while it measures: nothing is written.
                    KillWhileMeasuring(evaluator, networks.Generator, batches, after: random.Next(batches.Count));
                    Assert.False(File.Exists(file));
                    kills++;
                    continue;
                }

                var readings = ShardMeasurement.Read(evaluator, networks.Generator, batches, _ => { }, CancellationToken.None);
                new MeasurementShard(Origin(part + 1, parts), Fingerprint, _sha256, readings).Save(file);
                if (random.Next(4) == 0)
                {
                    // Its file is cut off on the way: it is refused, and measured again.
                    var bytes = File.ReadAllBytes(file);
                    File.WriteAllBytes(file, bytes[..random.Next(bytes.Length)]);
                    Assert.Throws<CheckpointException>(() => MeasurementShard.Load(file));
                    File.Delete(file);
                    cuts++;
                    continue;
                }

                read.Insert(random.Next(read.Count + 1), MeasurementShard.Load(file));
                unfinished.Remove(part);
            }

            Assert.Equal(whole, Text(MeasurementShard.Merge(read, Fingerprint, _sha256, evaluator)));
        }

        Assert.True(kills >= Schedules && cuts >= Schedules, $"{kills} kills and {cuts} cut files");
    }

    // A part cannot know how many retained images the others find: it has as many to give as are compared in all.
    [Fact]
    public void Read_MoreRetainedImagesThanAreCompared_KeepsNoMoreFeatures()
    {
        using var scope = NewDisposeScope();
        using var classifiers = AuditorCheckTests.Furnished(_folder);
        using var networks = Small.Gan();
        var policy = _policy with
        {
            Quality = new QualityOptions("auditor", "r.safetensors", null, MaxFrechetIncrease: 0.5, null),
        };
        var evaluator =
            new GeneratorEvaluator(policy, classifiers, reference: null, EvaluationImages.FromOptions(policy.Evaluation, CPU));

        var readings = ShardMeasurement.Read(
            evaluator, networks.Generator, [.. evaluator.AllBatches()], _ => { }, CancellationToken.None);

        var kept = readings.TakeWhile(reading => reading.Retained is not null).Sum(reading => reading.Retained!.shape[0]);
        Assert.InRange(kept, evaluator.ComparedImages, evaluator.ComparedImages + EvaluationImages.BatchSize);
        Assert.All(
            readings.SkipWhile(reading => reading.Retained is not null), reading => Assert.Null(reading.Retained));
    }

    private static void KillWhileMeasuring(
        GeneratorEvaluator evaluator, ImageGenerator generator, IReadOnlyList<EvaluationBatch> batches, int after)
    {
        using var scope = NewDisposeScope();
        using var killed = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => ShardMeasurement.Read(
            evaluator,
            generator,
            batches,
            read =>
            {
                if (read > after)
                    throw new OperationCanceledException(killed.Token);
            },
            killed.Token));
    }

    private static ShardOrigin Origin(int part, int parts) =>
        new(part, parts, "machine", "cpu", 1, DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch, "kernels");

    private static string Text(Measurement measured) => JsonSerializer.Serialize(measured);

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
