using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>What the batches of the first look add up to: sums alone, and the features of the images that are compared.</summary>
/// <param name="features">Number of undesired features.</param>
internal sealed class FirstLook(int features)
{
    private readonly List<Tensor> _retained = [];
    private readonly List<long> _latents = [];

    /// <summary>For each undesired feature: images that show it, to its annotator.</summary>
    public long[] AnnotatorHits { get; } = new long[features];

    /// <summary>
    /// For each class of the classifier that counts them: images of it; empty where the policy asks for no quality.
    /// </summary>
    public long[] ByClass { get; private set; } = [];

    /// <summary>Images whose features were kept.</summary>
    public long Retained => _latents.Count;

    /// <summary>Where in the sample each of them is, ascending from 0.</summary>
    public IReadOnlyList<long> Latents => _latents;

    /// <summary>What the images showed about the classifiers and about themselves; null before the first batch.</summary>
    public ReadingEvidence? Evidence { get; private set; }

    /// <summary>Adds a batch; they come in order.</summary>
    /// <param name="reading">Its tensor must outlive this.</param>
    public void Add(BatchReading reading)
    {
        AddTo(AnnotatorHits, reading.AnnotatorHits);
        if (ByClass.Length == 0)
            ByClass = new long[reading.ByClass.Count];
        AddTo(ByClass, reading.ByClass);
        if (reading.Evidence is { } evidence)
            Evidence = Evidence?.Merge(evidence) ?? evidence;
        if (reading.Retained is { } retained)
        {
            _retained.Add(retained);
            _latents.AddRange(reading.RetainedPositions.Select(place => reading.Batch.First + place));
        }
    }

    /// <summary>Features of the first of these images, <c>[count, d]</c>; belongs to the caller's scope.</summary>
    /// <param name="count">At most <see cref="Retained"/>.</param>
    public Tensor Features(int count) => cat(_retained).narrow(0, 0, count);

    private static void AddTo(long[] sums, IReadOnlyList<long> counts)
    {
        for (var number = 0; number < sums.Length; number++)
            sums[number] += counts[number];
    }
}
