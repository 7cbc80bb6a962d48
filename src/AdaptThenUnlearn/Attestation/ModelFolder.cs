using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Attestation;

/// <summary>A model on the disk, file by file, against its signed list.</summary>
public static class ModelFolder
{
    /// <summary>What of a model does not fit its list, in sentences without a full stop; none where all of it fits.</summary>
    /// <param name="model">A file, or a folder with all that is in it.</param>
    /// <param name="signature">The bundle's file, which is no part of the model.</param>
    /// <param name="manifest">The signed list.</param>
    /// <param name="allowMore">Whether the folder may hold files that nobody signed.</param>
    /// <param name="cancel">Ends hashing soon, also of a large file.</param>
    /// <exception cref="IOException">The model is not there or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The model may not be read.</exception>
    public static IReadOnlyList<string> FindProblems(
        string model, string signature, ModelManifest manifest, bool allowMore, CancellationToken cancel)
    {
        List<string> problems = [];
        var found = new Dictionary<string, string>(StringComparer.Ordinal);   // a name's letters are large or small
        if (Directory.Exists(model))
            Walk(new DirectoryInfo(model), "");
        else if (IsLink(new FileInfo(model)))
            problems.Add($"{Path.GetFileName(model)} is a symbolic link, which no signature covers");
        else
            found[Path.GetFileName(model)] = Sha256Digest.ComputeFile(model, cancel);

        foreach (var file in manifest.Files)
        {
            if (!found.Remove(file.Name, out var sha256))
                problems.Add($"{file.Name} is signed and missing");
            else if (sha256 != file.Sha256)
                problems.Add($"{file.Name} is not the file that was signed");
        }

        if (!allowMore)
            problems.AddRange(found.Keys.Order(ModelManifest.NameOrder).Select(name => $"{name} is not signed"));
        return problems;

        // A link is never followed: it may lead out of the model, or back into it. Only signed files are read.
        void Walk(DirectoryInfo folder, string prefix)
        {
            foreach (var entry in folder.EnumerateFileSystemInfos().OrderBy(entry => entry.Name, StringComparer.Ordinal))
            {
                var name = prefix + entry.Name;
                if (IsIgnored(name))
                    continue;
                if (IsLink(entry))
                    problems.Add($"{name} is a symbolic link, which no signature covers");
                else if (entry is DirectoryInfo inner)
                    Walk(inner, name + "/");
                else if (!IsSame(entry.FullName, signature))
                    found[name] = manifest.Files.Any(file => file.Name == name)
                        ? Sha256Digest.ComputeFile(entry.FullName, cancel)
                        : "";
            }
        }

        bool IsIgnored(string name) =>
            ModelManifest.DefaultIgnored.Concat(manifest.IgnoredPaths).Contains(name, StringComparer.Ordinal);
    }

    private static bool IsLink(FileSystemInfo entry) => entry.LinkTarget is not null;

    private static bool IsSame(string path, string other) =>
        Path.GetFullPath(path).Equals(Path.GetFullPath(other), StringComparison.Ordinal);
}
