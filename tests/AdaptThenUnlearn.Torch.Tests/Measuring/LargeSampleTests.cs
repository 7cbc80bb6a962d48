using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Measuring;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Measuring;

/// <summary>A measurement of ten million images keeps sums, and the features of as many images as are compared.</summary>
public sealed class LargeSampleTests : IDisposable
{
    private const int Images = 10_000_000;
    private const int HitsEach = 3;   // in every batch of 100

    private readonly string _folder = Directory.CreateTempSubdirectory("atu-large-").FullName;

    [Fact]
    public void Assemble_TenMillionImages_KeepsSumsAlone()
    {
        using var scope = NewDisposeScope();
        using var classifiers = AuditorCheckTests.Furnished(_folder);
        using var statistics = FeatureStatistics.FromFeatures(randn(100, 4));
        using var reference = new QualityReference(
            new string('b', 64), ["banned"], FeatureMoments.FromStatistics(statistics), zeros(0, 4));
        var policy = AuditorCheckTests.Policy with
        {
            Evaluation = AuditorCheckTests.Policy.Evaluation with { Samples = Images, MaxSamples = Images },
        };
        var evaluator =
            new GeneratorEvaluator(policy, classifiers, reference, EvaluationImages.FromOptions(policy.Evaluation, CPU));
        var (retained, batches) = (0L, 0);
        List<long> managed = [], tensors = [];

        var measured = evaluator.Assemble(new string('a', 64), (batch, needsRetained) =>
        {
            if (++batches is 2_000 or 50_000 or 99_999)
            {
                managed.Add(GC.GetTotalMemory(forceFullCollection: true));
                tensors.Add(Small.LiveTensors());
            }

            retained += needsRetained ? batch.Size : 0;
            return Reading(batch, needsRetained);
        });

        var feature = Assert.Single(measured.Features);
        Assert.Equal((Images, HitsEach * (long)batches), (feature.Looks[^1].Samples, feature.Looks[^1].Hits));
        Assert.Equal(Images / EvaluationImages.BatchSize, batches);
        Assert.Equal(EvaluationOptions.MostCompared, retained);
        Assert.Equal(DiversityStatistics.MostHashed, measured.Diversity!.Images);
        Assert.Equal(DiversityStatistics.MostHashed, measured.Diversity.Distinct);
        Assert.Equal(2, measured.Diversity.Deviation);
        Assert.All(managed[1..], bytes => Assert.InRange(bytes, 0, managed[0] + 1_000_000));
        Assert.All(tensors[1..], count => Assert.Equal(tensors[0], count));
    }

    // What a batch of different images says: each deviates by 2 levels.
    private static BatchReading Reading(EvaluationBatch batch, bool needsRetained) => new(
        batch,
        [HitsEach],
        [HitsEach],
        [],
        needsRetained ? ones(batch.Size, 4).DetachFromDisposeScope() : null,
        needsRetained ? [.. Enumerable.Range(0, batch.Size).Select(place => (long)place)] : [],
        new ReadingEvidence(
            [Range(batch), Range(batch)],
            [batch.Size],
            new DiversityStatistics(
                DiversityStatistics.IsHashed(batch)
                    ? [.. Enumerable.Range(0, batch.Size).Select(place => batch.First + place)]
                    : [],
                4.0 * (batch.Size - 1),
                batch.Size - 1)));

    private static OutputRange Range(EvaluationBatch batch) => new(batch.Size, 0, -3, 3, [-3, -3], [3, 3]);

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
