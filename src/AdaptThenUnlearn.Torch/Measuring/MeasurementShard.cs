using System.Text.Json;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
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
/// <c>imageKeys</c> [images] (int64); <c>evidenceOf</c> [B] says which those are. For a folder of images or a command
/// also <c>copies</c> [images · 256] (uint8). A checksum in the metadata covers all of it. It
/// shows that the file is whole, and not who made it.
/// </remarks>
/// <param name="Origin">Which part it is, and where and when it was measured.</param>
/// <param name="Fingerprint">Of everything that decides the readings; shards of different measurements are never merged.</param>
/// <param name="GeneratorSha256">Digest of the generator's checkpoint.</param>
/// <param name="Readings">In order; their tensors belong to the caller's scope.</param>
public sealed record MeasurementShard(
    ShardOrigin Origin, string Fingerprint, string GeneratorSha256, IReadOnlyList<BatchReading> Readings)
{
    /// <summary>What its metadata say it is.</summary>
    public const string Kind = "measurement-shard";

    private const int MostNamed = 10;
    private const string CopiesTable = "copies";
    private const string AgainRemedy = "measure this part again";

    /// <summary>The file it was read from, as it was hashed; null for one that was measured by this process.</summary>
    public CheckpointFile? File { get; private init; }

    private string Name => File?.Path ?? Origin.ToString();

    /// <summary>Identifies a measurement by everything that decides its readings.</summary>
    /// <param name="tool">Name and version of the tool.</param>
    /// <param name="policySha256">Digest of the policy in effect.</param>
    /// <param name="policy">The policy.</param>
    /// <param name="inputs">Role and SHA-256 of every file; the policy's own file does not count.</param>
    public static string FingerprintOf(
        string tool, string policySha256, UnlearningPolicy policy, IEnumerable<(string Role, string Sha256)> inputs) =>
        Sha256Digest.Compute(string.Join('\n',
        [
            tool, policySha256, policy.Evaluation.RangeOrDefault,
            .. inputs.Where(input => input.Role != InputRoles.Policy).Select(input => input.Sha256),
        ]));

    /// <summary>Writes the shard.</summary>
    /// <exception cref="FileNotWrittenException">The file cannot be written.</exception>
    public void Save(string path)
    {
        using var scope = NewDisposeScope();
        var retained = Readings.Select(reading => reading.Retained).OfType<Tensor>().ToList();
        var evidence = Readings.Select(reading => reading.Evidence).OfType<ReadingEvidence>().ToList();
        var rows = evidence.Select(each => each.ToRow().ToArray()).ToList();
        var tables = new Dictionary<string, Tensor>
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
        };
        if (Readings.Any(reading => !reading.Copies.IsEmpty))
            tables[CopiesTable] = tensor(Readings.SelectMany(reading => reading.Copies.ToArray()).ToArray(), dtype: uint8);
        var metadata = new Dictionary<string, string>
        {
            ["kind"] = Kind,
            ["fingerprint"] = Fingerprint,
            ["generatorSha256"] = GeneratorSha256,
            ["origin"] = JsonSerializer.Serialize(Origin),
        };
        metadata[TensorChecksum.Key] = TensorChecksum.Compute(tables, metadata);
        SafetensorsFile.Write(path, tables, metadata);

        Tensor Table(Func<BatchReading, IReadOnlyList<long>> row) =>
            tensor(Readings.SelectMany(row).ToArray()).view(Readings.Count, Readings.Count == 0 ? 0 : row(Readings[0]).Count);
    }

    /// <summary>Reads a shard; its tensors belong to the caller's scope.</summary>
    /// <param name="path">The file.</param>
    /// <param name="cancel">Ends hashing soon, also in a large file.</param>
    /// <exception cref="CheckpointException">The file is missing, damaged, changed, or not a shard.</exception>
    public static MeasurementShard Load(string path, CancellationToken cancel = default)
    {
        using var scope = NewDisposeScope();
        var opened = CheckpointFile.Open(path, cancel);
        var file = CheckpointFormats.Read(opened, SafetensorsFormat.FormatName);
        if (file.Metadata.GetValueOrDefault("kind") != Kind)
            throw new CheckpointException(
                path, "is not a part of a measurement", "make it with `atu measure POLICY --shard i/n`");
        var tables = file.Tensors.ToDictionary(tensor => tensor.Name, tensor => tensor.Load());
        if (file.Metadata.GetValueOrDefault(TensorChecksum.Key) != TensorChecksum.Compute(tables, file.Metadata))
            throw new CheckpointException(
                path, "was changed after it was measured: its checksum does not match its content", AgainRemedy);

        // Read the tables, one row a batch, and check that they fit each other.
        var (batches, hits, annotatorHits, byClass) = (Rows("batches"), Rows("hits"), Rows("annotatorHits"), Rows("byClass"));
        var (counts, places) = (Numbers("retainedCounts"), Numbers("retainedAt"));
        var retained = Table("retained", float32);
        var evidence = ReadEvidence(hits.Count == 0 ? 0 : hits[0].Length);
        var copies = tables.ContainsKey(CopiesTable) ? Values<byte>(Table(CopiesTable, uint8)) : [];
        if (new[] { hits.Count, annotatorHits.Count, byClass.Count, counts.Length, evidence.Count }
            .Any(count => count != batches.Count)
            || batches.Any(batch => batch.Length != 3)
            || counts.Where(count => count > 0).Sum() != retained.shape[0]
            || places.Length != retained.shape[0]
            || (copies.Length > 0
                && (batches.Any(batch => batch[2] is < 0 or > EvaluationImages.BatchSize)
                    || copies.Length != batches.Sum(batch => batch[2]) * SmallCopies.Bytes)))
            throw new CheckpointException(path, "is damaged: its tables do not fit each other", AgainRemedy);

        // Cut the features into those of each batch.
        var (start, copied) = (0L, 0);
        List<BatchReading> readings = [];
        for (var number = 0; number < batches.Count; number++)
        {
            Tensor? own = null;
            var count = Math.Max(0, counts[number]);
            if (counts[number] >= 0)
                own = retained.narrow(0, start, count).clone().MoveToOuterDisposeScope();
            long[] at = places[(int)start..(int)(start + count)];
            start += count;
            var copyBytes = copies.Length == 0 ? 0 : (int)batches[number][2] * SmallCopies.Bytes;
            readings.Add(new BatchReading(
                new EvaluationBatch(batches[number][0], (int)batches[number][1], (int)batches[number][2]),
                hits[number],
                annotatorHits[number],
                byClass[number],
                own,
                at,
                evidence[number])
            {
                Copies = copies.AsMemory(copied, copyBytes),
            });
            copied += copyBytes;
        }

        return new MeasurementShard(
            ReadOrigin(file), file.Metadata.GetValueOrDefault("fingerprint", ""),
            file.Metadata.GetValueOrDefault("generatorSha256", ""), readings)
        {
            File = opened,
        };

        Tensor Table(string name, ScalarType type) => tables.TryGetValue(name, out var table) && table.dtype == type
            ? table
            : throw new CheckpointException(path, $"is damaged: it has no '{name}' of type {type}", AgainRemedy);

        long[] Numbers(string name) => Values<long>(Table(name, int64));

        IReadOnlyList<long[]> Rows(string name)
        {
            var table = Table(name, int64);
            if (table.dim() != 2)
                throw new CheckpointException(path, $"is damaged: '{name}' is not a table", AgainRemedy);
            var values = Values<long>(table);
            var width = (int)table.shape[1];
            return [.. Enumerable.Range(0, (int)table.shape[0]).Select(row => values[(row * width)..((row + 1) * width)])];
        }

        // One entry a batch; null for those beyond the first look.
        List<ReadingEvidence?> ReadEvidence(int features)
        {
            var table = Table("evidence", float64);
            var (values, there, keys) = (Values<double>(table), Numbers("evidenceOf"), Numbers("imageKeys"));
            int[] classes = [.. Numbers("evidenceClasses").Select(count => (int)Math.Clamp(count, 0, int.MaxValue))];
            var width = table.dim() == 2 ? (int)table.shape[1] : -1;
            var wanted = there.Sum() == 0 ? 0 : 2 + features + classes.Sum(OutputRange.RowLength);
            int[] hashed = [.. batches.Zip(there, HashedImages)];
            if (width != wanted
                || table.shape[0] != there.Count(flag => flag != 0)
                || there.Length != batches.Count
                || keys.Length != hashed.Sum())
                throw new CheckpointException(path, "is damaged: its tables do not fit each other", AgainRemedy);

            List<ReadingEvidence?> read = [];
            var (row, key) = (0, 0);
            foreach (var (flag, images) in there.Zip(hashed))
            {
                if (flag == 0)
                {
                    read.Add(null);
                    continue;
                }

                read.Add(ReadingEvidence.FromRow(
                    values.AsSpan(row++ * width, width), keys[key..(key + images)], features, classes));
                key += images;
            }

            return read;
        }

        // How many images of a batch have a key in the table; the batch is a row of the table of batches.
        static int HashedImages(long[] batch, long hasEvidence) =>
            hasEvidence != 0 && batch is [var number, var offset, >= 0 and <= EvaluationImages.BatchSize]
                && DiversityStatistics.IsHashed(new EvaluationBatch(number, (int)offset, (int)batch[2]))
                ? (int)batch[2]
                : 0;
    }

    // A part beyond the first look has empty tables, whose data TorchSharp cannot give.
    private static T[] Values<T>(Tensor table) where T : unmanaged =>
        table.NumberOfElements == 0 ? [] : table.data<T>().ToArray();

    private static ShardOrigin ReadOrigin(TensorFile file)
    {
        try
        {
            var origin = JsonSerializer.Deserialize<ShardOrigin>(
                file.Metadata.GetValueOrDefault("origin", ""), JsonSerializerOptions.Strict);
            if (origin is { Part: >= 1 } && origin.Part <= origin.Parts)
                return origin;
        }
        catch (JsonException)
        {
        }

        throw new CheckpointException(file.Path, "is damaged: it does not say which part it is", AgainRemedy);
    }

    /// <summary>Puts all shards of one measurement together; the numbers are those of a measurement by one process.</summary>
    /// <param name="shards">In any order.</param>
    /// <param name="fingerprint">That they must have, see <see cref="FingerprintOf"/>.</param>
    /// <param name="generatorSha256">Digest of the checkpoint that they must have measured.</param>
    /// <param name="evaluator">Of the same policy and files.</param>
    /// <exception cref="MeasurementPartsException">
    /// A shard is of another measurement, is missing, or is there twice; the message says which.
    /// </exception>
    /// <exception cref="PolicyMismatchException">A classifier's outputs are not what the policy says.</exception>
    public static Measurement Merge(
        IReadOnlyList<MeasurementShard> shards, string fingerprint, string generatorSha256, GeneratorEvaluator evaluator)
    {
        if (FindProblem(shards, fingerprint, generatorSha256) is { } problem)
            throw new MeasurementPartsException(problem);

        // Each shard holds the batches of its part and no others.
        var all = evaluator.AllBatches().Index().ToLookup(batch => batch.Index % shards.Count, batch => batch.Item);
        var readings = new Dictionary<EvaluationBatch, BatchReading>();
        foreach (var shard in shards)
        {
            if (!shard.Readings.Select(reading => reading.Batch).SequenceEqual(all[shard.Origin.Part - 1]))
                throw new MeasurementPartsException($"{shard.Name} does not hold the images of {shard.Origin}");
            foreach (var reading in shard.Readings)
                readings.Add(reading.Batch, reading);
        }

        return evaluator.Assemble(generatorSha256, (batch, _) => readings[batch]);
    }

    private static string? FindProblem(IReadOnlyList<MeasurementShard> shards, string fingerprint, string generatorSha256)
    {
        if (shards.Count == 0)
            return "there is no part of a measurement";
        if (shards.FirstOrDefault(shard =>
            shard.Fingerprint != fingerprint || shard.GeneratorSha256 != generatorSha256) is { } foreign)
            return $"{foreign.Name} was measured with another policy, generator, classifier, reference or version of atu";

        if (shards.FirstOrDefault(shard => string.IsNullOrEmpty(shard.Origin.Torch)) is { } unknown)
            return $"{unknown.Name} does not say which kernels computed it, and they may have been wrong; {AgainRemedy}";

        var parts = shards[0].Origin.Parts;
        if (shards.FirstOrDefault(shard => shard.Origin.Parts != parts) is { } other)
            return $"{other.Name} is {other.Origin}, and {shards[0].Name} is {shards[0].Origin}: they were divided differently";
        if (shards.GroupBy(shard => shard.Origin.Part).FirstOrDefault(group => group.Count() > 1) is { } doubled)
            return $"{string.Join(" and ", doubled.Take(2).Select(shard => shard.Name))} are both {doubled.First().Origin}";
        var missing = Enumerable.Range(1, parts).Except(shards.Select(shard => shard.Origin.Part)).ToList();
        return missing.Count == 0
            ? null
            : FormattableString.Invariant($"of {parts} parts {missing.Count} {(missing.Count == 1 ? "is" : "are")} missing: ")
                + string.Join(", ", missing.Take(MostNamed)) + (missing.Count > MostNamed ? " …" : "");
    }
}
