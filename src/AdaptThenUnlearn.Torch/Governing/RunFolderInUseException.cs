using AdaptThenUnlearn.Diagnostics;

namespace AdaptThenUnlearn.Torch.Governing;

/// <summary>Another run is writing to the folder.</summary>
/// <param name="path">The folder.</param>
/// <param name="cause">What opening its lock said.</param>
public sealed class RunFolderInUseException(string path, Exception cause)
    : RunException(RunCodes.OutputFolder, $"{path}: another run is writing to the output folder; wait for it, or choose another folder", cause);
