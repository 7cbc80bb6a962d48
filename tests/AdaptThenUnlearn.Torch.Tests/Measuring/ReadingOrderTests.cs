using AdaptThenUnlearn.Torch.Measuring;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Measuring;

/// <summary>Batches that several threads look at: the readings and their order are those of one thread.</summary>
public sealed class ReadingOrderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-order-").FullName;
    private readonly int _threads = get_num_threads();

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void ReadInOrder_BySeveralThreads_GivesTheReadingsOfOne(int threads)
    {
        using var scope = NewDisposeScope();
        var one = Read(threads: 1);

        var several = Read(threads);

        Assert.Equal(7, several.Count);
        Assert.Equal(one, several);
    }

    [Fact]
    public void Measure_BySeveralThreads_LeavesNoTensorBehind()
    {
        set_num_threads(3);
        using var classifiers = AuditorCheckTests.Furnished(_folder);
        using var networks = Small.Gan();
        List<long> live = [];

        for (var time = 0; time < 3; time++)
        {
            Evaluator(classifiers)
                .Measure(networks.Generator, new string('a', 64), new Progress<long>(), CancellationToken.None);
            live.Add(Small.LiveTensors());
        }

        Assert.All(live[1..], count => Assert.Equal(live[0], count));
    }

    // Texts, in which two readings are equal only if all their numbers are.
    private List<string> Read(int threads)
    {
        set_num_threads(threads);
        using var classifiers = AuditorCheckTests.Furnished(_folder);
        using var networks = Small.Gan();
        return [.. Evaluator(classifiers)
            .ReadInOrder(networks.Generator, EvaluationImages.EnumerateBatches(650), () => true)
            .Select(reading => System.Text.Json.JsonSerializer.Serialize(new
            {
                reading.Batch,
                reading.Hits,
                reading.AnnotatorHits,
                Outputs = reading.Evidence is null ? null : string.Join(" ", reading.Evidence.Outputs),
            }))];
    }

    private static GeneratorEvaluator Evaluator(PolicyClassifiers classifiers) => new(
        AuditorCheckTests.Policy,
        classifiers,
        reference: null,
        EvaluationImages.FromOptions(AuditorCheckTests.Policy.Evaluation, CPU));

    public void Dispose()
    {
        set_num_threads(_threads);
        Directory.Delete(_folder, recursive: true);
    }
}
