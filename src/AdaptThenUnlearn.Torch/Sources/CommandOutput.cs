using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Sources;

/// <summary>What one call of a command wrote: pictures, or one array. It is read when it is needed.</summary>
internal sealed class CommandOutput
{
    private const string Expected = "it must write PNG, JPEG, WebP or BMP files, or one .npy file [N, C, H, W], into '{out}'";

    private readonly IReadOnlyList<PictureFile> _pictures;
    private readonly PictureReader? _reader;
    private readonly string? _array;
    private readonly CommandProgram _program;

    private CommandOutput(
        IReadOnlyList<PictureFile> pictures, PictureReader? reader, string? array, ImageShape shape, CommandProgram program) =>
        (_pictures, _reader, _array, Shape, _program) = (pictures, reader, array, shape, program);

    /// <summary>Shape of the images.</summary>
    public ImageShape Shape { get; }

    /// <summary>What is doubtful about the numbers of an array, in words that follow it; null where nothing is.</summary>
    public string? Doubt { get; private init; }

    /// <summary>Checks what a call wrote: that there are as many images as were asked for, of one size, and finite.</summary>
    /// <param name="folder">To which it wrote.</param>
    /// <param name="count">Images that it was asked for.</param>
    /// <param name="choice">Of the policy.</param>
    /// <param name="program">For messages.</param>
    /// <exception cref="RunException">It wrote something else; the message says what was expected.</exception>
    public static CommandOutput Find(string folder, int count, GeneratorChoice choice, CommandProgram program)
    {
        try
        {
            var files = PictureFolder.Listed(folder).Files;
            if (files.Count == 0)
                throw program.Failed($"wrote no file: {Expected}");

            var arrays = files.Where(file => Path.GetExtension(file).Equals(".npy", StringComparison.OrdinalIgnoreCase)).ToList();
            if (arrays.Count > 1 || (arrays.Count == 1 && files.Any(IsPicture)))
                throw program.Failed($"wrote {arrays.Count} arrays and {files.Count(IsPicture)} pictures: {Expected}");
            return arrays is [var array]
                ? FromArray(array, count, choice, program)
                : FromPictures(folder, count, choice, program);
        }
        catch (ImageFileException unlike)
        {
            throw WroteSomethingElse(unlike, program);
        }
    }

    /// <summary>Reads some of the images.</summary>
    /// <param name="first">From 0.</param>
    /// <param name="count">How many.</param>
    /// <returns><c>[count, C, H, H]</c>, float32, nominally [-1, 1]; belongs to the caller's scope.</returns>
    /// <exception cref="RunException">A picture is damaged.</exception>
    public Tensor Read(int first, int count)
    {
        using var scope = NewDisposeScope();
        try
        {
            var images = _reader is null
                ? ImageQuantizer.FromBytes(Parse(_array!).Images.narrow(0, first, count)).clone()
                : _reader.Read([.. _pictures.Skip(first).Take(count)], hashed: null);
            return images.MoveToOuterDisposeScope();
        }
        catch (ImageFileException damaged)
        {
            throw WroteSomethingElse(damaged, _program);
        }
    }

    private static RunException WroteSomethingElse(ImageFileException found, CommandProgram program) =>
        program.Failed($"wrote something else than was asked: {found.Message}", found);

    private static bool IsPicture(string file) => PictureKinds.IsRead(file, bitmaps: true);

    private static CommandOutput FromPictures(string folder, int count, GeneratorChoice choice, CommandProgram program)
    {
        var files = PictureFolder.List(folder, bitmaps: true).Files.Select(PictureFile.Open).ToList();
        if (files.Count != count)
            throw WrongCount(files.Count, count, program);

        var reader = PictureReader.For(folder, files, choice with { Resize = null });
        return new CommandOutput(files, reader, array: null, reader.Shape, program);
    }

    private static CommandOutput FromArray(string path, int count, GeneratorChoice choice, CommandProgram program)
    {
        using var scope = NewDisposeScope();
        var (images, doubt) = Parse(path);
        if (images.shape[0] != count)
            throw WrongCount(images.shape[0], count, program);
        if (images.shape[2] != images.shape[3])
            throw program.Failed($"wrote images of {images.shape[3]}×{images.shape[2]} pixels, and images are square");

        var shape = new ImageShape((int)images.shape[1], (int)images.shape[2]);
        if (choice.Channels is { } stated && shape.Channels != (stated == ImagePreprocessing.Grey ? 1 : 3))
            throw program.Failed($"wrote {shape} images, and generator.channels is '{stated}'");
        return new CommandOutput([], reader: null, path, shape, program) { Doubt = doubt };
    }

    private static (Tensor Images, string? Doubt) Parse(string path)
    {
        var array = NumpyFile.Read(path);
        return array.dim() == 4
            ? ImageArray.Parse(path, array)
            : throw new ImageFileException(
                path, $"has the shape [{string.Join(", ", array.shape)}], and images are [N, C, H, W]");
    }

    private static RunException WrongCount(long written, int asked, CommandProgram program) =>
        program.Failed(FormattableString.Invariant($"wrote {written} images, and was asked for {asked} ({{count}})"));
}
