using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Torch.Backend;

/// <summary>The libtorch that <c>atu backend install</c> keeps for a user, apart from every program and from NuGet's cache.</summary>
public static class InstalledBackend
{
    /// <summary>The libtorch that this library works with.</summary>
    public const string LibtorchVersion = "2.10.0";

    /// <summary>The TorchSharp whose packages bring that libtorch.</summary>
    public const string TorchSharpVersion = "0.107.0";

    private const string ChoiceFile = "chosen";

    /// <summary>What can be installed: <c>cpu</c> and <c>cuda</c>.</summary>
    public static IReadOnlyList<string> Kinds { get; } = ["cpu", "cuda"];

    /// <summary>Where the kinds lie, one folder each; null for a user without a home.</summary>
    public static string? Root { get; } =
        Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify) is { Length: > 0 } data
            ? Path.Combine(data, "AdaptThenUnlearn", "libtorch-" + LibtorchVersion)
            : null;

    /// <summary>The folder of the kind chosen last; null when none is installed.</summary>
    public static string? Folder
    {
        get
        {
            try
            {
                return Root is null ? null : Kinds.Where(kind => kind == File.ReadAllText(Path.Combine(Root, ChoiceFile))).Select(FolderOf).FirstOrDefault();
            }
            catch (Exception none) when (none is IOException or UnauthorizedAccessException)
            {
                return null;
            }
        }
    }

    /// <summary>The folder of a kind.</summary>
    /// <exception cref="TorchBackendException">This user has no home.</exception>
    public static string FolderOf(string kind) =>
        Path.Combine(Root ?? throw new TorchBackendException($"this user has no folder for data (HOME or XDG_DATA_HOME); name a folder that holds libtorch in {TorchBackend.FolderVariable}"), kind);

    /// <summary>Makes a kind the one that is used from now on.</summary>
    /// <exception cref="FileNotWrittenException">The folder may not be written.</exception>
    public static void Choose(string kind) => AtomicFile.Write(Path.Combine(Path.GetDirectoryName(FolderOf(kind))!, ChoiceFile), kind);
}
