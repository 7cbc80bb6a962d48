using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Torch.Backend;

/// <summary>
/// The libtorch that <c>atu backend install</c> keeps for a user, outside of every program and of NuGet's cache.
/// </summary>
public static class InstalledBackend
{
    /// <summary>Version of the libtorch that this library works with.</summary>
    public const string LibtorchVersion = "2.10.0";

    /// <summary>Version of the TorchSharp whose packages bring that libtorch.</summary>
    public const string TorchSharpVersion = "0.107.0";

    private const string ChoiceFile = "chosen";

    /// <summary>The kinds that can be installed: <c>cpu</c> and <c>cuda</c>.</summary>
    public static IReadOnlyList<string> Kinds { get; } = ["cpu", "cuda"];

    /// <summary>Folder that holds one folder for each kind; null for a user without a home folder.</summary>
    public static string? Root { get; } =
        Environment.GetFolderPath(
            Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify) is { Length: > 0 } data
            ? Path.Combine(data, "AdaptThenUnlearn", "libtorch-" + LibtorchVersion)
            : null;

    /// <summary>The folder of the kind that was chosen last; null where none is installed.</summary>
    public static string? Folder
    {
        get
        {
            try
            {
                return Root is null ? null : Kinds.Where(kind => kind == File.ReadAllText(Path.Combine(Root, ChoiceFile)))
                    .Select(FolderOf)
                    .FirstOrDefault();
            }
            catch (Exception none) when (none is IOException or UnauthorizedAccessException)
            {
                return null;
            }
        }
    }

    /// <summary>The folder of a kind.</summary>
    /// <exception cref="TorchBackendException">This user has no home folder.</exception>
    public static string FolderOf(string kind) =>
        Path.Combine(
            Root
                ?? throw new TorchBackendException(
                    $"this user has no folder for data (HOME or XDG_DATA_HOME); name a folder that holds libtorch in "
                        + $"{TorchBackend.FolderVariable}"),
            kind);

    /// <summary>Chooses the kind that is used from now on.</summary>
    /// <exception cref="FileNotWrittenException">The folder may not be written.</exception>
    public static void Choose(string kind) =>
        AtomicFile.Write(Path.Combine(Path.GetDirectoryName(FolderOf(kind))!, ChoiceFile), kind);
}
