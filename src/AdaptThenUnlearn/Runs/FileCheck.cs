using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Runs;

/// <summary>
/// Whether a file that a record names is the one that the run read or wrote, or a report is the one that was stated.
/// </summary>
/// <param name="Role">As recorded; <see cref="OutputRoles.Report"/> for a report.</param>
/// <param name="Path">As recorded: relative to the run's folder where that is possible.</param>
/// <param name="State">What the check found.</param>
/// <param name="Problem">One sentence; null where the file fits.</param>
public sealed record FileCheck(string Role, string Path, FileState State, string? Problem)
{
    /// <summary>Checks every file of a record, outputs first.</summary>
    /// <remarks>
    /// A record may come from anyone: outputs must be files in its folder, and only images are read from folders.
    /// </remarks>
    /// <param name="folder">The run's folder, against which the record's paths are resolved.</param>
    /// <param name="record">As read.</param>
    /// <param name="cancel">Ends hashing soon, also of a large file.</param>
    internal static IEnumerable<FileCheck> CheckAll(string folder, RunRecord record, CancellationToken cancel)
    {
        foreach (var output in record.Outputs)
            yield return Verification.IsWithin(output.Path)
                ? Check(output.Role, output.Path, output.Sha256, mayBeFolder: false)
                : new(
                    output.Role,
                    output.Path,
                    FileState.Differs,
                    $"{output.Role} {output.Path} does not lie in the run's folder, where a run writes");
        var isFolder = record.Policy.Generator.Images is not null;
        foreach (var input in record.Inputs)
            yield return Check(
                input.Role, input.Path, input.Sha256,
                InputRoles.MayBeFolder(input.Role) || (isFolder && input.Role == InputRoles.Generator));
        foreach (var part in record.Parts ?? [])
            yield return Check(part.Role, part.Path, part.Sha256, mayBeFolder: false);

        FileCheck Check(string role, string path, string expected, bool mayBeFolder)
        {
            var full = System.IO.Path.Combine(folder, path);
            var (state, why) = !mayBeFolder && Directory.Exists(full)
                ? (FileState.Differs, "is a folder, and must be a file")
                : Compare(full, expected, "record", cancel);
            return new(role, path, state, why is null ? null : $"{role} {path} {why}");
        }
    }

    /// <summary>Checks the reports that a statement names.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="stated">By file name and digest.</param>
    /// <param name="cancel">Ends hashing soon.</param>
    public static IEnumerable<FileCheck> CheckReports(
        string folder, IEnumerable<OutputFile> stated, CancellationToken cancel = default)
    {
        foreach (var (role, name, sha256) in stated)
        {
            var (state, why) = Compare(System.IO.Path.Combine(folder, name), sha256, "statement", cancel);
            yield return new(role, name, state, why is null ? null : $"{role} {name} {why}");
        }
    }

    // What is there and cannot be read counts as different: nothing shows that it fits.
    private static (FileState State, string? Why) Compare(
        string path, string expected, string source, CancellationToken cancel) =>
        Sha256Digest.FindAt(path, cancel) switch
        {
            null => System.IO.Path.Exists(path)
                ? (FileState.Differs, "is there, and cannot be read")
                : (FileState.NotHere, "is missing"),
            var actual when actual != expected =>
                (FileState.Differs, $"has changed: its SHA-256 is {actual}, the {source} says {expected}"),
            _ => (FileState.Fits, null),
        };
}

/// <summary>What the check of a file found.</summary>
public enum FileState
{
    /// <summary>It has the recorded SHA-256.</summary>
    Fits,

    /// <summary>It is there and is another file, or not one that a run reads or writes.</summary>
    Differs,

    /// <summary>There is no file of that name: whether it would fit is unknown.</summary>
    NotHere,
}
