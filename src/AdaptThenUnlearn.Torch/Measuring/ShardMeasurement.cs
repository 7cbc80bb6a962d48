using AdaptThenUnlearn.Torch.Models;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>Measures part of the evaluation batches, so that several processes can share one measurement.</summary>
public static class ShardMeasurement
{
    /// <summary>Reads some batches, and asks the generator a second time to check that it answers consistently.</summary>
    /// <param name="evaluator">Of the policy.</param>
    /// <param name="generator">In eval mode; stays the caller's.</param>
    /// <param name="batches">The batches of this shard.</param>
    /// <param name="report">Called after each batch with the number of batches read so far.</param>
    /// <param name="cancel">Ends it between two batches.</param>
    /// <returns>One reading per batch; their tensors belong to the caller's scope.</returns>
    public static IReadOnlyList<BatchReading> Read(
        GeneratorEvaluator evaluator, ImageGenerator generator, IReadOnlyList<EvaluationBatch> batches, Action<int> report,
        CancellationToken cancel)
    {
        List<BatchReading> readings = [];
        var retained = 0L;   // no shard has more to give than are compared in all
        using var questions = evaluator.StartConsistencyCheck(generator);
        foreach (var reading in evaluator.ReadInOrder(generator, batches, () => retained < evaluator.ComparedImages))
        {
            cancel.ThrowIfCancellationRequested();
            readings.Add(reading);
            retained += reading.Retained?.shape[0] ?? 0;
            report(readings.Count);
        }

        questions.ProbeAgain();
        return readings;
    }
}
