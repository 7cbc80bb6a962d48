using System.Runtime.InteropServices;
using Cake.Core.IO;

namespace AdaptThenUnlearn.Cake;

/// <summary>Starts processes that do not outlive the build: a signal that ends the build ends them too.</summary>
/// <remarks>Ctrl-C reaches both, and <c>atu</c> then ends by itself; a cancelled pipeline often tells the build alone, and nothing would stop what it started.</remarks>
internal sealed class BoundProcessRunner(IProcessRunner runner) : IProcessRunner, IDisposable
{
    private const int GraceMilliseconds = 5_000;
    private static readonly PosixSignal[] _endings = [PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP];
    private readonly List<PosixSignalRegistration> _registrations = [];

    /// <inheritdoc/>
    public IProcess Start(FilePath filePath, ProcessSettings settings)
    {
        var process = runner.Start(filePath, settings);
        // The wait kills a process that is still there at its end; after that the signal does what it always does.
        foreach (var ending in _endings)
            _registrations.Add(PosixSignalRegistration.Create(ending, _ => process.WaitForExit(GraceMilliseconds)));
        return process;
    }

    /// <summary>Signals are the build's own again.</summary>
    public void Dispose() => _registrations.ForEach(registration => registration.Dispose());
}
