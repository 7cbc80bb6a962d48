using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Models;

/// <summary>Makes images from latent vectors; the base of every generator.</summary>
/// <remarks>A plain <c>Generator</c> is torch's source of random numbers.</remarks>
/// <param name="name">Name of the module.</param>
/// <param name="shape">The images it makes.</param>
/// <param name="latentSize">Length of a latent vector.</param>
public abstract class ImageGenerator(string name, ImageShape shape, int latentSize) : nn.Module(name)
{
    /// <summary>The images it makes.</summary>
    public ImageShape Shape { get; } = shape;

    /// <summary>Length of a latent vector.</summary>
    public int LatentSize { get; } = latentSize;

    /// <summary>
    /// Whether it supports truncation, which gives more typical and less varied images; see <see cref="Generate"/>.
    /// </summary>
    public abstract bool SupportsTruncation { get; }

    /// <summary>Sizes of the noise maps that one image takes, pixels a side, in order; empty where it takes none.</summary>
    public abstract IReadOnlyList<int> NoiseSizes { get; }

    /// <summary>Generates one image per latent vector.</summary>
    /// <param name="latents"><c>[N, LatentSize]</c>, standard normal.</param>
    /// <param name="noise">
    /// One map <c>[N or 1, 1, size, size]</c> for each of <see cref="NoiseSizes"/>; null leaves noise out.
    /// </param>
    /// <param name="truncation">
    /// 1 switches it off; towards 0 images come nearer to the mean image. Other than 1 only where
    /// <see cref="SupportsTruncation"/>.
    /// </param>
    /// <returns>
    /// <c>[N, Channels, Resolution, Resolution]</c>, raw network output: nominally [-1, 1], not clipped; belongs to the caller's
    /// scope.
    /// </returns>
    public abstract Tensor Generate(Tensor latents, IReadOnlyList<Tensor>? noise, double truncation = 1);

    /// <summary>Converts images back to the range of the network's own output, where <see cref="Generate"/> changes it.</summary>
    /// <param name="images">As from <see cref="Generate"/>.</param>
    /// <returns>The same images in the network's own range; belongs to the caller's scope.</returns>
    public virtual Tensor ToNetworkRange(Tensor images) => images;

    /// <summary>
    /// Number of classes of a conditional generator, whose latents end in one number for each class; 0 where it is not
    /// conditional.
    /// </summary>
    public virtual int Classes => 0;

    /// <summary>
    /// Whether an image depends on its own latent alone, also in training; then the parts of a batch may be made apart.
    /// </summary>
    public virtual bool MakesImagesApart => false;

    /// <summary>
    /// Noise maps stored with the weights, <c>[1, 1, size, size]</c> for each of <see cref="NoiseSizes"/>; empty where the
    /// checkpoint holds none.
    /// </summary>
    public abstract IReadOnlyList<Tensor> StoredNoise { get; }

    /// <summary>A generator of the same size and weights that shares no tensor with this one; belongs to the caller.</summary>
    public abstract ImageGenerator Copy();
}

/// <summary>Scores how real an image looks; the base of every discriminator.</summary>
/// <param name="name">Name of the module.</param>
/// <param name="shape">The images it takes.</param>
public abstract class ImageDiscriminator(string name, ImageShape shape) : nn.Module(name)
{
    /// <summary>The images it takes.</summary>
    public ImageShape Shape { get; } = shape;

    /// <summary>Scores images.</summary>
    /// <param name="images"><c>[N, Channels, Resolution, Resolution]</c>, nominally [-1, 1].</param>
    /// <returns>Logits <c>[N, 1]</c>: positive is real; belongs to the caller's scope.</returns>
    public abstract Tensor Score(Tensor images);

    /// <summary>
    /// Scores several sets of images, each as if it were alone: no image is compared with those of another set.
    /// </summary>
    /// <param name="sets">As for <see cref="Score"/>.</param>
    /// <returns>The scores of each set; they belong to the caller's scope.</returns>
    public virtual IReadOnlyList<Tensor> ScoreSets(IReadOnlyList<Tensor> sets) => [.. sets.Select(Score)];

    /// <summary>Length of a feature vector.</summary>
    public abstract int FeatureSize { get; }

    /// <summary>
    /// Images that are compared with one another in training. A batch may be scored in parts that are a multiple of it; null
    /// where a batch must be scored as a whole.
    /// </summary>
    public virtual int? ComparedImages => null;

    /// <summary>
    /// What was assumed about it because its weights do not say it, in a sentence; null where they say everything.
    /// </summary>
    public virtual string? Assumption => null;

    /// <summary>
    /// What checkpoints call its features, by which its architecture builds it again; null where its features are not known.
    /// </summary>
    public virtual string? FeatureKind => null;

    /// <summary>What its weights do not say about its features, by key; stored beside them.</summary>
    public virtual IReadOnlyDictionary<string, string> FeatureAttributes { get; } = new Dictionary<string, string>();

    /// <summary>
    /// The input of the last layer, for each image by itself: the other images of the batch make no difference.
    /// </summary>
    /// <param name="images">As for <see cref="Score"/>.</param>
    /// <returns><c>[N, FeatureSize]</c>; belongs to the caller's scope.</returns>
    public abstract Tensor Features(Tensor images);

    /// <summary>
    /// A discriminator of the same size and weights that shares no tensor with this one; belongs to the caller.
    /// </summary>
    public abstract ImageDiscriminator Copy();

    /// <summary>A copy with the same features, without what only scores need; belongs to the caller.</summary>
    public virtual ImageDiscriminator CopyForFeatures() => Copy();
}

/// <summary>Shape of an image; images are square.</summary>
/// <param name="Channels">1 (grey) or 3 (RGB).</param>
/// <param name="Resolution">Pixels a side.</param>
public sealed record ImageShape(int Channels, int Resolution)
{
    /// <summary>The shape in messages: <c>1×32×32</c>.</summary>
    public override string ToString() => $"{Channels}×{Resolution}×{Resolution}";
}
