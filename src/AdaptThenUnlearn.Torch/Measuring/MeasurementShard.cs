using System.Globalization;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>
/// Part of a measurement, taken on one of several machines: readings of every n-th batch, to be merged into the whole.
/// </summary>
/// <remarks>
/// Kept as safetensors: <c>batches</c> [B, 3] (number, offset, size), <c>hits</c> and <c>annotatorHits</c> [B, features],
/// <c>byClass</c> [B, classes], <c>retainedCounts</c> [B], <c>retainedAt</c> [R] (all int64) and <c>retained</c> [R, d]
/// (float32). Of the batches of the first look also <c>evidence</c> [E, n] (float64), <c>evidenceClasses</c> [classifiers] and
/// <c>imageKeys</c> [images] (int64); <c>evidenceOf</c> [B] says which those are.
/// </remarks>
/// <param name="Fingerprint">Of everything that decides the readings; shards of different measurements are never merged.</param>
/// <param name="GeneratorSha256">Digest of the generator's checkpoint.</param>
/// <param name="Readings">In order; their tensors belong to the caller's scope.</param>
public sealed record MeasurementShard(string Fingerprint, string GeneratorSha256, IReadOnlyList<BatchReading> Readings)
{
    /// <summary>What its metadata say it is.</summary>
    public const string Kind = "measurement-shard";


    /// <summary>Writes the shard.</summary>
    /// <exception cref="FileNotWrittenException">The file cannot be written.</exception>
    public void Save(string path)
    {
        using var scope = NewDisposeScope();
        var retained = Readings.Select(reading => reading.Retained).OfType<Tensor>().ToList();
        var evidence = Readings.Select(reading => reading.Evidence).OfType<ReadingEvidence>().ToList();
        var rows = evidence.Select(each => each.ToRow().ToArray()).ToList();
        SafetensorsFile.Write(
            path,
            new Dictionary<string, Tensor>
            {
                ["batches"] = Table(reading => [reading.Batch.Number, reading.Batch.Offset, reading.Batch.Size]),
                ["hits"] = Table(reading => reading.Hits),
                ["annotatorHits"] = Table(reading => reading.AnnotatorHits),
                ["byClass"] = Table(reading => reading.ByClass),
                ["retainedCounts"] = Table(reading => [reading.Retained?.shape[0] ?? -1]).flatten(),
                ["retainedAt"] = tensor(Readings.SelectMany(reading => reading.RetainedPositions).ToArray()),
                ["retained"] = retained.Count == 0 ? zeros(0, 0) : cat(retained).to(float32),
                ["evidence"] = tensor(rows.SelectMany(row => row).ToArray(), dtype: float64)
                    .view(rows.Count, rows.Count == 0 ? 0 : rows[0].Length),
                ["evidenceClasses"] = tensor(evidence.Count == 0 ? [] : evidence[0].Outputs.Select(
                    outputRange => (long)outputRange.Minimum.Count).ToArray(), dtype: int64),
                ["evidenceOf"] = tensor(Readings.Select(reading => reading.Evidence is null ? 0L : 1L).ToArray(), dtype: int64),
                ["imageKeys"] = tensor(evidence.SelectMany(each => each.Images.ImageHashes).ToArray(), dtype: int64),
            },
            new Dictionary<string, string>
            {
                ["kind"] = Kind,
                ["fingerprint"] = Fingerprint,
                ["generatorSha256"] = GeneratorSha256
            });

        Tensor Table(Func<BatchReading, IReadOnlyList<long>> row) =>
            tensor(Readings.SelectMany(row).ToArray()).view(Readings.Count, Readings.Count == 0 ? 0 : row(Readings[0]).Count);
    }

    /// <summary>Reads a shard; its tensors belong to the caller's scope.</summary>
    /// <exception cref="CheckpointException">The file is missing, damaged, or not a shard.</exception>
    public static MeasurementShard Load(string path)
    {
        using var scope = NewDisposeScope();
        var file = CheckpointFormats.Read(path, SafetensorsFormat.FormatName);
        if (file.Metadata.GetValueOrDefault("kind") != Kind)
            throw new CheckpointException(
                path, "is not a part of a measurement", "make it with `atu measure POLICY --shard i/n`");

        // Read the tables, one row a batch, and check that they fit each other.
        var (batches, hits, annotatorHits, byClass) = (Rows("batches"), Rows("hits"), Rows("annotatorHits"), Rows("byClass"));
        var counts = file["retainedCounts"].Load(int64).data<long>().ToArray();
        var (retained, places) = (file["retained"].Load(float32), file["retainedAt"].Load(int64).data<long>().ToArray());
        var evidence = EvidenceIn(file, batches, hits.Count == 0 ? 0 : hits[0].Length);
        if (new[] { hits.Count, annotatorHits.Count, byClass.Count, counts.Length, evidence.Count }
            .Any(count => count != batches.Count)
            || batches.Any(batch => batch.Length != 3)
            || counts.Where(count => count > 0).Sum() != retained.shape[0]
            || places.Length != retained.shape[0])
            throw new CheckpointException(path, "is damaged: its tables do not fit each other", "measure this part again");

        // Cut the features into those of each batch.
        var start = 0L;
        List<BatchReading> readings = [];
        for (var number = 0; number < batches.Count; number++)
        {
            Tensor? own = null;
            var count = Math.Max(0, counts[number]);
            if (counts[number] >= 0)
                own = retained.narrow(0, start, count).clone().MoveToOuterDisposeScope();
            long[] at = places[(int)start..(int)(start + count)];
            start += count;
            readings.Add(new BatchReading(
                new EvaluationBatch(batches[number][0], (int)batches[number][1], (int)batches[number][2]),
                hits[number],
                annotatorHits[number],
                byClass[number],
                own,
                at,
                evidence[number]));
        }

        return new MeasurementShard(
            file.Metadata.GetValueOrDefault("fingerprint", ""), file.Metadata.GetValueOrDefault("generatorSha256", ""), readings);

        IReadOnlyList<long[]> Rows(string name)
        {
            var table = file[name].Load(int64);
            if (table.dim() != 2)
                throw new CheckpointException(path, $"is damaged: '{name}' is not a table", "measure this part again");
            var values = table.data<long>().ToArray();
            var width = (int)table.shape[1];
            return [.. Enumerable.Range(0, (int)table.shape[0]).Select(row => values[(row * width)..((row + 1) * width)])];
        }
    }

    // One entry a batch; null for those beyond the first look.
    private static List<ReadingEvidence?> EvidenceIn(TensorFile file, IReadOnlyList<long[]> batches, int features)
    {
        var table = file["evidence"].Load(float64);
        var (values, there, keys) = (table.data<double>().ToArray(), Numbers("evidenceOf"), Numbers("imageKeys"));
        int[] classes = [.. Numbers("evidenceClasses").Select(count => (int)Math.Clamp(count, 0, int.MaxValue))];
        var width = table.dim() == 2 ? (int)table.shape[1] : -1;
        var wanted = there.Sum() == 0 ? 0 : 2 + features + classes.Sum(OutputRange.RowLength);
        var images = batches.Zip(there).Where(pair => pair.Second != 0).Sum(pair => pair.First.ElementAtOrDefault(2));
        if (width != wanted
            || table.shape[0] != there.Count(flag => flag != 0)
            || there.Length != batches.Count
            || keys.Length != images)
            throw new CheckpointException(file.Path, "is damaged: its tables do not fit each other", "measure this part again");

        List<ReadingEvidence?> read = [];
        var (row, key) = (0, 0);
        foreach (var (batch, flag) in batches.Zip(there))
        {
            if (flag == 0)
            {
                read.Add(null);
                continue;
            }

            read.Add(ReadingEvidence.FromRow(
                values.AsSpan(row++ * width, width), keys[key..(key + (int)batch[2])], features, classes));
            key += (int)batch[2];
        }

        return read;

        long[] Numbers(string name) => file[name].Load(int64).data<long>().ToArray();
    }

    /// <summary>Puts all shards of one measurement together.</summary>
    /// <param name="shards">In any order.</param>
    /// <param name="fingerprint">That they must have.</param>
    /// <param name="evaluator">Of the same policy and files.</param>
    /// <exception cref="ArgumentException">A shard is of another measurement, or a batch is missing or there twice.</exception>
    /// <exception cref="PolicyMismatchException">A classifier's outputs are not what the policy says.</exception>
    public static Measurements.Measurement Merge(
        IReadOnlyList<MeasurementShard> shards, string fingerprint, GeneratorEvaluator evaluator)
    {
        if (shards.Any(shard => shard.Fingerprint != fingerprint || shard.GeneratorSha256 != shards[0].GeneratorSha256))
            throw new ArgumentException("a part was measured with another policy, generator, classifier or reference");

        var readings = shards.SelectMany(shard => shard.Readings).ToLookup(reading => reading.Batch);
        if (readings.FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new ArgumentException(string.Create(
                CultureInfo.InvariantCulture, $"batch {twice.Key.Number} is there twice: the same part was given two times"));

        return evaluator.Assemble(shards[0].GeneratorSha256, (batch, _) => readings[batch].SingleOrDefault()
            ?? throw new ArgumentException(
                string.Create(CultureInfo.InvariantCulture, $"batch {batch.Number} is in none of the parts: one is missing")));
    }
}
