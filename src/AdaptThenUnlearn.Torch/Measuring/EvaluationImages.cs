using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>
/// Images for measuring: batch number n is always made of the same latents and noise, whichever generator makes it.
/// </summary>
/// <param name="Random">Of the evaluation, apart from training's.</param>
/// <param name="Truncation">1 is none.</param>
/// <param name="Device">Where the generators are.</param>
/// <param name="Raw">
/// Whether images are the network's output as it is; otherwise, as users get them, clipped and rounded to 8 bits.
/// </param>
public sealed record EvaluationImages(RandomStreams Random, double Truncation, Device Device, bool Raw = false)
{
    /// <summary>The images that a policy is judged by.</summary>
    /// <param name="evaluation">Of the policy.</param>
    /// <param name="device">Where the generators are.</param>
    public static EvaluationImages FromOptions(EvaluationOptions evaluation, Device device) =>
        new(new RandomStreams(evaluation.Seed, "evaluation"), evaluation.Truncation, device, evaluation.IsRaw);

    /// <summary>
    /// The images of a generator that serves as reference: from the same seed, and other latents than those it is judged by.
    /// </summary>
    public EvaluationImages ForReference() => this with { Random = Random with { Scope = "reference" } };

    /// <summary>Images in a full batch: large enough to be fast, small enough not to fill the memory.</summary>
    public const int BatchSize = 100;

    /// <summary>The batches that complete a sample.</summary>
    /// <param name="samples">Images in all.</param>
    /// <param name="from">Images there are already; a multiple of the batch size or a former <paramref name="samples"/>.</param>
    public static IEnumerable<EvaluationBatch> EnumerateBatches(long samples, long from = 0)
    {
        for (var start = from; start < samples;)
        {
            var within = start % BatchSize;
            var size = (int)Math.Min(BatchSize - within, samples - start);
            yield return new EvaluationBatch(start / BatchSize, (int)within, size);
            start += size;
        }
    }

    /// <summary>Makes one batch.</summary>
    /// <param name="generator">In eval mode.</param>
    /// <param name="batch">Which.</param>
    /// <returns>
    /// <c>[N, C, H, W]</c>, without gradient; belongs to the caller's scope. Fewer images where an <see cref="ImageSequence"/>
    /// ends before.
    /// </returns>
    public Tensor Draw(ImageGenerator generator, EvaluationBatch batch)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        if (generator is ImageSequence sequence)
        {
            var taken = sequence.Take(Random, batch.First, batch.Size).to(Device);
            return (sequence.IsEightBit ? taken : AsMeasured(taken)).alias().MoveToOuterDisposeScope();
        }

        using var source = Random.At("images", batch.Number);
        var draw = LatentDraw.Sample(generator, BatchSize, source, Device);
        var latents = draw.Latents.narrow(0, batch.Offset, batch.Size);
        IReadOnlyList<Tensor> noise = [.. draw.Noise.Select(map => map.narrow(0, batch.Offset, batch.Size))];
        var images = generator.Generate(latents, noise, Truncation);
        return AsMeasured(images).MoveToOuterDisposeScope();
    }

    private Tensor AsMeasured(Tensor images) => Raw ? images : ImageQuantizer.Quantize(images);
}

/// <summary>Part of a numbered batch.</summary>
/// <param name="Number">Of the batch.</param>
/// <param name="Offset">First image of it.</param>
/// <param name="Size">Images.</param>
public sealed record EvaluationBatch(long Number, int Offset, int Size)
{
    /// <summary>Position of its first image in the whole sample.</summary>
    public long First => Number * EvaluationImages.BatchSize + Offset;
}
