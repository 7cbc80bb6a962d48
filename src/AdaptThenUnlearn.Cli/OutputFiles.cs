using System.CommandLine;
using AdaptThenUnlearn.Attestation;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;

namespace AdaptThenUnlearn.Cli;

/// <summary>Checks output files before any work is done, so that no input and no file of the user is overwritten.</summary>
internal static class OutputFiles
{
    /// <summary><c>--overwrite</c>.</summary>
    public static Option<bool> Overwrite { get; } = new("--overwrite")
    {
        Description = "Replace an existing file that atu did not write. Files that atu wrote are always replaced, inputs never",
    };

    /// <summary>Refuses to overwrite an input, or a file that atu did not write.</summary>
    /// <param name="parsed">With <see cref="Overwrite"/> or without.</param>
    /// <param name="outputs">Files to write; null for one that was not requested.</param>
    /// <param name="inputs">Files and folders that are read, and what each is; null for one that was not given.</param>
    /// <param name="isOwn">Whether this command wrote a file.</param>
    /// <exception cref="BadArgumentException">An existing file must not be overwritten.</exception>
    public static void Require(
        ParseResult parsed, IEnumerable<string?> outputs, IEnumerable<(string What, string? Path)> inputs,
        Func<string, bool> isOwn)
    {
        var written = outputs.OfType<string>().ToList();
        if (written.GroupBy(Path.GetFullPath).FirstOrDefault(same => same.Count() > 1) is { } twice)
            throw new BadArgumentException($"{twice.Key} would be written twice; name two different files");

        var read = inputs.Where(input => input.Path is not null).Select(input => (input.What, input.Path!)).ToList();
        var obstacle = written.Select(output => WriteGuard.FindObstacle(output, read, isOwn, parsed.GetValue(Overwrite)))
            .FirstOrDefault(found => found is not null);
        if (obstacle is not null)
            throw new BadArgumentException(
                $"{obstacle}; nothing was written: name another file, or add --overwrite to replace a file that is not an input");
    }

    /// <summary>Does the same for an output folder, which keeps a list of the files that atu wrote.</summary>
    /// <param name="folder">Need not exist.</param>
    /// <param name="names">Relative to the folder, with forward slashes.</param>
    /// <param name="inputs">Files and folders that are read, and what each is; null for one that was not given.</param>
    /// <param name="isOwn">Whether atu wrote a file that is not in the list.</param>
    /// <exception cref="RunException">An existing file must not be overwritten.</exception>
    public static void RequireIn(
        string folder, IEnumerable<string> names, IEnumerable<(string What, string? Path)> inputs, Func<string, bool> isOwn)
    {
        var made = WrittenFiles.Read(folder);
        var read = inputs.Where(input => input.Path is not null).Select(input => (input.What, input.Path!)).ToList();
        var obstacle = names
            .Select(name => WriteGuard.FindObstacle(Path.Combine(folder, name), read, path => made.Contains(name) || isOwn(path)))
            .FirstOrDefault(found => found is not null);
        if (obstacle is not null)
            throw new RunException(
                RunCodes.OutputFolder, $"{obstacle}; nothing was written: name another folder with --out, or move the file away");
    }

    /// <summary>Whether <c>atu reference</c> wrote a file.</summary>
    public static bool IsReference(string path) =>
        FeatureMoments.IsFile(path)
            ? NpzFile.IsWrittenByAtu(path)
            : SafetensorsFile.IsWrittenByAtu(path, ReferenceStatistics.Kind);

    /// <summary>Whether <c>atu sample</c> wrote a file.</summary>
    public static bool IsSample(string path) => ImageGrid.IsWrittenByAtu(path) || NumpyFile.IsWrittenByAtu(path);

    /// <summary>Whether <c>atu attest</c> wrote a file.</summary>
    public static bool IsAttestation(string path)
    {
        try
        {
            _ = AttestationFile.Read(path);
            return true;
        }
        catch (AttestationException)
        {
            return false;
        }
    }

    /// <summary>Whether a page was written by a command.</summary>
    /// <param name="path">The page.</param>
    /// <param name="words">Words that the command writes near the beginning.</param>
    public static bool IsPage(string path, string words)
    {
        try
        {
            const int Beginning = 2000;
            var text = RegularFile.ReadAllText(path, 64 << 20);
            return text.AsSpan(0, Math.Min(text.Length, Beginning)).Contains(words, StringComparison.Ordinal);
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
