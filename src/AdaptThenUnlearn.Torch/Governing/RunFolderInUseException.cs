using AdaptThenUnlearn.Diagnostics;

namespace AdaptThenUnlearn.Torch.Governing;

/// <summary>Another run is writing to the folder.</summary>
/// <param name="path">The folder.</param>
/// <param name="cause">Why its lock could not be opened.</param>
public sealed class RunFolderInUseException(string path, Exception cause)
    : RunException("ATU2003", $"{path}: another run is writing to the output folder; wait for it, or choose another folder", cause);
