using System.CommandLine;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;

namespace AdaptThenUnlearn.Cli;

/// <summary>The files that an argument says to write: checked before any work is done, so that no input and no file of somebody else is lost.</summary>
internal static class OutputFiles
{
    /// <summary><c>--overwrite</c>.</summary>
    public static Option<bool> Overwrite { get; } = new("--overwrite") { Description = "Replace a file that is there and that atu did not make; its own are replaced anyway, and inputs never" };

    /// <summary>Refuses to write over what is read, or over what atu did not make.</summary>
    /// <param name="parsed">With <see cref="Overwrite"/> or without.</param>
    /// <param name="outputs">Files to write; null for one that is not asked for.</param>
    /// <param name="inputs">Files and folders that are read, and what each is; null for one that is not given.</param>
    /// <param name="isOwn">Whether a file is one that this command wrote.</param>
    /// <exception cref="BadArgumentException">One is in the way.</exception>
    public static void Require(ParseResult parsed, IEnumerable<string?> outputs, IEnumerable<(string What, string? Path)> inputs, Func<string, bool> isOwn)
    {
        var written = outputs.OfType<string>().ToList();
        if (written.GroupBy(Path.GetFullPath).FirstOrDefault(same => same.Count() > 1) is { } twice)
            throw new BadArgumentException($"{twice.Key} is to be written twice; name two files");

        var read = inputs.Where(input => input.Path is not null).Select(input => (input.What, input.Path!)).ToList();
        if (written.Select(output => WriteGuard.FindObstacle(output, read, isOwn, parsed.GetValue(Overwrite))).FirstOrDefault(found => found is not null) is { } obstacle)
            throw new BadArgumentException($"{obstacle}; nothing was written: name another file, or say --overwrite where a file that is no input may be replaced");
    }

    /// <summary>Likewise for files in an output folder, which has a mark of those that are atu's.</summary>
    /// <param name="folder">Need not be there.</param>
    /// <param name="names">Relative to it, with forward slashes.</param>
    /// <param name="inputs">Files and folders that are read, and what each is; null for one that is not given.</param>
    /// <param name="isOwn">Whether a file without a mark is one of atu's all the same.</param>
    /// <exception cref="RunException">Something is in the way.</exception>
    public static void RequireIn(string folder, IEnumerable<string> names, IEnumerable<(string What, string? Path)> inputs, Func<string, bool> isOwn)
    {
        var made = WrittenFiles.Read(folder);
        var read = inputs.Where(input => input.Path is not null).Select(input => (input.What, input.Path!)).ToList();
        if (names.Select(name => WriteGuard.FindObstacle(Path.Combine(folder, name), read, path => made.Contains(name) || isOwn(path))).FirstOrDefault(found => found is not null) is { } obstacle)
            throw new RunException(RunCodes.OutputFolder, $"{obstacle}; nothing was written: name another folder with --out, or move the file away");
    }

    /// <summary>Whether a file is statistics of <c>atu reference</c>.</summary>
    public static bool IsReference(string path) => FeatureMoments.IsFile(path) ? NpzFile.IsWrittenByAtu(path) : SafetensorsFile.IsWrittenByAtu(path, ReferenceStatistics.Kind);

    /// <summary>Whether a file is a picture or an array of <c>atu sample</c>.</summary>
    public static bool IsSample(string path) => ImageGrid.IsWrittenByAtu(path) || NumpyFile.IsWrittenByAtu(path);

    /// <summary>Whether a page begins as those of a command do.</summary>
    /// <param name="path">The page.</param>
    /// <param name="words">Among its first ones.</param>
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
