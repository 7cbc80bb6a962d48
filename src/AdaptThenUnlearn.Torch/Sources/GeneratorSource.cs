using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;

namespace AdaptThenUnlearn.Torch.Sources;

/// <summary>What makes images and is no checkpoint: a folder of images, or a command.</summary>
public static class GeneratorSource
{
    /// <summary>Name of the file, in a run's folder, that says which command was run.</summary>
    public const string CommandFile = "command.json";

    /// <summary>
    /// Ending of the file that stands for the generator in a run's folder: the names and digests of the images, or the command
    /// and the digests of its files; null for a checkpoint, which is copied.
    /// </summary>
    /// <param name="choice">Of the policy.</param>
    public static string? EndingFor(GeneratorChoice choice) =>
        choice.Images is not null ? ".images.txt" : choice.Command is not null ? ".command.json" : null;

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
    /// <param name="sha256">Digest of what <see cref="CommandDescription"/> gives.</param>
    /// <param name="cancel">Ends the command, whenever it runs.</param>
    /// <returns>Belongs to the caller.</returns>
    /// <exception cref="Measuring.PolicyMismatchException">The program is not there, or makes the same images of every seed.
    /// </exception>
    /// <exception cref="Diagnostics.RunException">The command fails, or writes something else than was asked.</exception>
    public static LoadedGenerator LoadCommand(
        GeneratorChoice choice, string folder, string sha256, CancellationToken cancel) =>
        CommandGenerator.Load(choice, folder, sha256, cancel);
}
