using System.Text.Encodings.Web;
using System.Text.Json;

namespace AdaptThenUnlearn.Policies;

/// <summary>What a generator's command is known by.</summary>
public static class CommandDescription
{
    private static readonly JsonSerializerOptions _readable =
        new() { WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The description; its SHA-256 is the generator's digest.</summary>
    /// <remarks>
    /// The command line, how many images it is asked for, what they are, the names of the variables that it gets, and the path
    /// and SHA-256 of each of its files. Neither the program itself nor anything that it loads is in it, unless the files name
    /// it.
    /// </remarks>
    /// <param name="choice">With a command.</param>
    /// <param name="digestOf">The SHA-256 of a file, by its path in the policy; null where it cannot be read.</param>
    /// <returns>JSON in UTF-8; the same for the same command and files.</returns>
    public static ReadOnlyMemory<byte> Write(GeneratorChoice choice, Func<string, string?> digestOf) =>
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
}
