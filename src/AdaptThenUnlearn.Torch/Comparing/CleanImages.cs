using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Threading;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Comparing;

/// <summary>
/// Those of a generator's evaluation images that an annotator finds clean, in the order in which they are drawn. The first
/// images come from the latents and noise that every other generator is measured on; batch after batch of the same stream
/// follows until enough are clean.
/// </summary>
/// <remarks>The same images are kept for any number of threads, and whatever the sizes in which they are taken.</remarks>
internal sealed class CleanImages : IDisposable
{
    /// <summary>Most images that may have to be made, on average, for one that is clean.</summary>
    public const int MostForEach = 100;

    /// <summary>Images that are drawn at least before too few of them can be clean.</summary>
    public const int FewestDrawn = 2000;

    private readonly Annotation _annotation;
    private readonly WorkerThreads _workers;
    private readonly IEnumerator<CleanBatch> _batches;
    private CleanBatch? _current;
    private int _taken;     // of the current batch
    private long _drawn;
    private long _clean;

    /// <param name="generator">In eval mode; stays the caller's.</param>
    /// <param name="annotation">Finds the clean images.</param>
    /// <param name="images">Draws the evaluation images.</param>
    /// <param name="runsProgram">Whether drawing or labelling runs a program, which one thread alone may ask.</param>
    public CleanImages(ImageGenerator generator, Annotation annotation, EvaluationImages images, bool runsProgram = false)
    {
        _annotation = annotation;
        _workers = WorkerThreads.For(images.Device, runsProgram || annotation.RunsProgram);
        _batches = _workers.InOrder(
            EvaluationImages.EnumerateBatches(long.MaxValue), batch => Draw(generator, images, batch),
            batch => batch.Images.Dispose()).GetEnumerator();
    }

    /// <summary>
    /// Images that had to be made for those that were taken: all from the stream's first to the last that was taken.
    /// </summary>
    public long Made { get; private set; }

    /// <summary>Takes the next clean images.</summary>
    /// <param name="count">How many; at least 1.</param>
    /// <param name="cancel">Ends drawing between two batches.</param>
    /// <returns><c>[count, C, H, W]</c>, as they are measured; belongs to the caller's scope.</returns>
    /// <exception cref="TooFewCleanException">
    /// Fewer than 1 in <see cref="MostForEach"/> are clean, of at least <see cref="FewestDrawn"/> images.
    /// </exception>
    public Tensor Take(int count, CancellationToken cancel)
    {
        using var scope = NewDisposeScope();
        List<Tensor> parts = [];
        for (var missing = count; missing > 0;)
        {
            cancel.ThrowIfCancellationRequested();
            if (_current is null || _taken == _current.Positions.Count)
            {
                Advance();
                continue;
            }

            var size = Math.Min(missing, _current.Positions.Count - _taken);
            parts.Add(_current.Images.narrow(0, _taken, size));
            _taken += size;
            missing -= size;
            Made = _current.First + _current.Positions[_taken - 1] + 1;
        }

        return cat(parts).MoveToOuterDisposeScope();
    }

    /// <summary>Measures the next clean images: as many as an evaluator measures of any generator.</summary>
    /// <param name="evaluator">Counts with the auditor; its sample is made of clean images alone.</param>
    /// <param name="sha256">Digest of the generator's checkpoint.</param>
    /// <param name="progress">Receives how many were measured so far.</param>
    /// <param name="cancel">Ends the measurement between two batches.</param>
    /// <param name="before">Readings of all of the generator's images; null where the reference is another.</param>
    /// <exception cref="TooFewCleanException">As for <see cref="Take"/>.</exception>
    /// <exception cref="PolicyMismatchException">A classifier's outputs are not what the policy says.</exception>
    public Measurement Measure(
        GeneratorEvaluator evaluator, string sha256, IProgress<long> progress, CancellationToken cancel,
        Measurement? before = null)
    {
        return evaluator.Assemble(sha256, Read, before);

        BatchReading Read(EvaluationBatch batch, bool needsRetained)
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            var reading = evaluator.Read(new SeenImages(Take(batch.Size, cancel)), batch, needsRetained);
            progress.Report(batch.First + batch.Size);
            reading.Retained?.MoveToOuterDisposeScope();
            return reading;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _current?.Images.Dispose();
        _batches.Dispose();
        _workers.Dispose();
    }

    private void Advance()
    {
        // Give up on a generator of whose images hardly any is clean, once enough were drawn to know.
        if (_drawn >= FewestDrawn && _clean * MostForEach < _drawn)
            throw new TooFewCleanException(_clean, _drawn, _annotation.CleanBelow);

        _ = _batches.MoveNext();   // the stream has no end
        _current?.Images.Dispose();
        (_current, _taken) = (_batches.Current, 0);
        _drawn += EvaluationImages.BatchSize;
        _clean += _current.Positions.Count;
    }

    private CleanBatch Draw(ImageGenerator generator, EvaluationImages images, EvaluationBatch batch)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var drawn = images.Draw(generator, batch);
        var positions = _annotation.Label(drawn).Clean.nonzero().flatten();   // [clean], ascending
        return new CleanBatch(
            batch.First, drawn.index_select(0, positions).DetachFromDisposeScope(), positions.cpu().data<long>().ToArray());
    }

    /// <summary>The clean images of one batch.</summary>
    /// <param name="First">Position in the stream of the batch's first image, clean or not.</param>
    /// <param name="Images"><c>[clean, C, H, W]</c>.</param>
    /// <param name="Positions">Place in the batch of each clean image, ascending from 0.</param>
    private sealed record CleanBatch(long First, Tensor Images, IReadOnlyList<long> Positions);
}
