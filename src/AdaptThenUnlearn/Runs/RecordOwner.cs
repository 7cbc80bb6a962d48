using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Runs;

/// <summary>Whether somebody else than this process's user could have written a record that lies in a folder.</summary>
/// <remarks>
/// A record is not signed. Who may write it decides what it says, so owners and modes are asked where the system has them: not on
/// Windows.
/// </remarks>
public static class RecordOwner
{
    private const uint Superuser = 0;

    /// <summary>Why the record may be somebody else's; null where it is this user's, or there is none.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="name">File name of the record.</param>
    public static string? FindProblem(string folder, string name = RunRecord.FileName)
    {
        var record = Path.Combine(folder, name);
        if (OperatingSystem.IsWindows() || !File.Exists(record))
            return null;

        try
        {
            var above = Path.GetDirectoryName(Path.GetFullPath(folder));
            if (new FileInfo(record).LinkTarget is not null)
                return $"{record} is a link";
            return FindProblemOf(record, mayBeSuperusers: false)
                ?? FindProblemOf(Resolved(folder), mayBeSuperusers: false)
                ?? (above is null ? null : FindProblemOf(Resolved(above), mayBeSuperusers: true));
        }
        catch (Exception unknown) when (unknown is IOException or UnauthorizedAccessException)
        {
            return $"its owner cannot be found out: {unknown.Message}";
        }
    }

    private static string? FindProblemOf(string path, bool mayBeSuperusers)
    {
#pragma warning disable CA1416 // not on Windows, as the caller has seen to
        var mode = File.GetUnixFileMode(path);
#pragma warning restore CA1416
        if (mode.HasFlag(UnixFileMode.OtherWrite) && !mode.HasFlag(UnixFileMode.StickyBit))
            return $"anybody may write {path}";
        return NativeFiles.FindIdentity(path)?.Owner is { } owner
            && owner != NativeFiles.User()
            && !(mayBeSuperusers && owner == Superuser)
                ? $"{path} belongs to another user"
                : null;
    }

    private static string Resolved(string folder) =>
        Directory.ResolveLinkTarget(folder, returnFinalTarget: true)?.FullName ?? folder;
}
