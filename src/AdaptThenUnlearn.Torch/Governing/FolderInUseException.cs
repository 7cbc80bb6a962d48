using AdaptThenUnlearn.Diagnostics;

namespace AdaptThenUnlearn.Torch.Governing;

/// <summary>Another process is using the folder.</summary>
/// <param name="folder">The folder.</param>
/// <param name="user">What the other process is, e.g. <c>run</c>.</param>
/// <param name="cause">The failure to open the lock file.</param>
public sealed class FolderInUseException(string folder, string user, Exception cause)
    : RunException(
        RunCodes.OutputFolder,
        $"{folder}: another {user} is using the folder; wait until it ends, or name another folder",
        cause);
