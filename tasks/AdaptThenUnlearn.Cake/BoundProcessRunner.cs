using System.Runtime.InteropServices;
using Cake.Core.IO;

namespace AdaptThenUnlearn.Cake;

/// <summary>Starts a process that does not outlive the build: a signal that ends the build ends it too.</summary>
/// <remarks>Ctrl-C reaches both, and <c>atu</c> then ends by itself; a cancelled pipeline often tells the build alone, and nothing would stop what it started.</remarks>
internal sealed class BoundProcessRunner : IProcessRunner, IDisposable
{
    private const int GraceMilliseconds = 5_000;
    private readonly IProcessRunner _runner;
    private readonly Lock _starting = new();
    private readonly List<PosixSignalRegistration> _registrations;
    private IProcess? _process;

    /// <summary>Listens before there is a process, so that no signal falls between the two.</summary>
    public BoundProcessRunner(IProcessRunner runner)
    {
        _runner = runner;
        _registrations = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP }.Select(signal => PosixSignalRegistration.Create(signal, _ => End()))];
    }

    /// <inheritdoc/>
    public IProcess Start(FilePath filePath, ProcessSettings settings)
    {
        lock (_starting)
            return _process = _runner.Start(filePath, settings);
    }

    /// <summary>Signals are the build's own again.</summary>
    public void Dispose() => _registrations.ForEach(registration => registration.Dispose());

    private void End()
    {
        lock (_starting)
            _process?.WaitForExit(GraceMilliseconds);   // kills one that is still there at its end; after that the signal does what it always does
    }
}
