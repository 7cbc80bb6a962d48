using System.Collections.Concurrent;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Sources;

/// <summary>A folder of images in place of the generator that made them. They are read batch by batch.</summary>
/// <remarks>
/// The sample is drawn without replacement, in an order that follows from the evaluation seed, so that a larger folder gives a
/// random part of it.
/// </remarks>
internal sealed class FolderGenerator : ImageSequence
{
    /// <summary>What records call the format of such a generator.</summary>
    public const string FormatName = "images";

    private const string FairSample =
        "it cannot be asked for other images: those that were given are judged, in an order that follows from the evaluation "
            + "seed, and every bound assumes that they are a fair sample of what the generator makes, neither chosen nor sorted "
            + "out";

    private readonly PictureReader _reader;
    private readonly IReadOnlyList<PictureFile> _files;
    private readonly HashedFolder _hashed;
    private readonly ConcurrentDictionary<RandomStreams, long[]> _orders = [];

    private FolderGenerator(PictureReader reader, IReadOnlyList<PictureFile> files, HashedFolder hashed)
        : base("folder of images", reader.Shape) => (_reader, _files, _hashed) = (reader, files, hashed);

    /// <inheritdoc/>
    public override long? Count => _files.Count;

    /// <inheritdoc/>
    public override bool IsEightBit => _reader.IsEightBit;

    /// <summary>Lists a folder and reads the header of every picture; none is decoded yet.</summary>
    /// <param name="choice">Of the policy.</param>
    /// <param name="hashed">The folder, as it was hashed.</param>
    /// <returns>Belongs to the caller.</returns>
    /// <exception cref="ImageFileException">
    /// The folder holds no pictures, or pictures of another kind; a picture cannot be read; or sizes differ, or one is not
    /// square, and the policy does not say what is to be done.
    /// </exception>
    public static LoadedGenerator Load(GeneratorChoice choice, HashedFolder hashed)
    {
        var pictures = PictureFolder.List(hashed.Path, bitmaps: true);
        if (hashed.Names.Count(name => PictureKinds.IsRead(name, bitmaps: true)) != pictures.Files.Count)
            throw new ImageFileException(hashed.Path, "was changed while it was read; run again");
        var files = PictureFiles.LookAt(pictures.Files, file => file);
        var reader = PictureReader.For(hashed.Path, files, choice);
        var generator = new FolderGenerator(reader, files, hashed);
        return new LoadedGenerator(
            generator, Discriminator: null, FormatName, $"{pictures.Summary}, {reader.Description}", hashed.Sha256, FormatName,
            Section: null)
        {
            WhyNotTrainable = "is a folder of images, and has no weights",
            Notes = [$"it is a folder: {pictures.Summary}, {reader.Description}"],
            Cautions = choice.Resize is null
                ? [FairSample]
                : [FairSample, $"its images are judged as {reader.Description}, and not as they are stored"],
        };
    }

    /// <inheritdoc/>
    /// <exception cref="ImageFileException">
    /// A picture is damaged, has changed, or has colours where the policy says grey.
    /// </exception>
    public override Tensor Take(RandomStreams random, long first, int count)
    {
        using var scope = NewDisposeScope();
        var order = _orders.GetOrAdd(random, Order);
        List<PictureFile> some =
            [.. order.Skip((int)Math.Min(first, order.Length)).Take(count).Select(number => _files[(int)number])];
        return _reader.Read(some, _hashed).MoveToOuterDisposeScope();
    }

    private long[] Order(RandomStreams random)
    {
        using var scope = NewDisposeScope();
        using var source = random.At("files");
        return randperm(_files.Count, generator: source).data<long>().ToArray();
    }
}
