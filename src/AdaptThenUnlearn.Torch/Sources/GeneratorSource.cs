using System.Text.Encodings.Web;
using System.Text.Json;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;

namespace AdaptThenUnlearn.Torch.Sources;

/// <summary>What makes images and is no checkpoint: a folder of images, or a command.</summary>
public static class GeneratorSource
{
    /// <summary>Name of the file, in a run's folder, that says which command was run.</summary>
    public const string CommandFile = "command.json";

    private static readonly JsonSerializerOptions _readable =
        new() { WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>
    /// Ending of the file that stands for the generator in a run's folder: the names and digests of the images, or the command
    /// and the digests of its files; null for a checkpoint, which is copied.
    /// </summary>
    /// <param name="choice">Of the policy.</param>
    public static string? EndingFor(GeneratorChoice choice) =>
        choice.Images is not null ? ".images.txt" : choice.Command is not null ? ".command.json" : null;

    /// <summary>What a command is known by: its SHA-256 is the generator's digest.</summary>
    /// <remarks>
    /// The command line, how many images it is asked for, what they are, the names of the variables that it gets, and the path
    /// and SHA-256 of each of its files. Neither the program itself nor anything that it loads is in it, unless
    /// the files name it.
    /// </remarks>
    /// <param name="choice">With a command.</param>
    /// <param name="digestOf">The SHA-256 of a file, by its path in the policy; null where it cannot be read.</param>
    /// <returns>JSON in UTF-8; the same for the same command and files.</returns>
    public static ReadOnlyMemory<byte> DescribeCommand(GeneratorChoice choice, Func<string, string?> digestOf) =>
        JsonSerializer.SerializeToUtf8Bytes(
            new
            {
                command = choice.Command,
                imagesPerCall = choice.ImagesPerCall ?? GeneratorChoice.UsualImagesPerCall,
                channels = choice.Channels,
                environment = choice.Environment ?? [],
                files = (choice.Files ?? []).Select(path => new { path, sha256 = digestOf(path) }),
            },
            _readable);

    /// <summary>Loads a folder of images.</summary>
    /// <param name="choice">With <see cref="GeneratorChoice.Images"/>.</param>
    /// <param name="hashed">The folder, as it was hashed.</param>
    /// <returns>Belongs to the caller.</returns>
    /// <exception cref="Images.ImageFileException">
    /// There are no images, one cannot be read, or their sizes differ and the policy does not say what is to be done.
    /// </exception>
    public static LoadedGenerator LoadFolder(GeneratorChoice choice, HashedFolder hashed) => FolderGenerator.Load(choice, hashed);

    /// <summary>Tries a command, and loads it as a generator. This runs it.</summary>
    /// <param name="choice">With <see cref="GeneratorChoice.Command"/>.</param>
    /// <param name="folder">The policy's folder, in which it works.</param>
    /// <param name="sha256">Digest of what <see cref="DescribeCommand"/> gives.</param>
    /// <param name="cancel">Ends the command, whenever it runs.</param>
    /// <returns>Belongs to the caller.</returns>
    /// <exception cref="Measuring.PolicyMismatchException">The program is not there, or makes the same images of every seed.
    /// </exception>
    /// <exception cref="Diagnostics.RunException">The command fails, or writes something else than was asked.</exception>
    public static LoadedGenerator LoadCommand(
        GeneratorChoice choice, string folder, string sha256, CancellationToken cancel) =>
        CommandGenerator.Load(choice, folder, sha256, cancel);
}
