using System.Text;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Unlearning;

namespace AdaptThenUnlearn.Torch.Governing;

/// <summary>The folder a run writes to. One run at a time; everything in it appears whole or not at all.</summary>
public sealed class RunFolder : IDisposable
{
    private const string StateName = "state";
    private const long SpareBytes = 64 << 20;

    private readonly FolderLock _lock;
    private readonly List<OutputFile> _written = [];

    private RunFolder(string path, FolderLock @lock) => (Path, _lock) = (path, @lock);

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>What was written so far, with digests.</summary>
    public IReadOnlyList<OutputFile> Outputs => _written;

    /// <summary>Where stages keep their states.</summary>
    public string StateFolder => System.IO.Path.Combine(Path, StateName);

    /// <summary>Names of all files that a run may write, relative to its folder.</summary>
    /// <param name="inputs">Say what its artifact is called.</param>
    public static IReadOnlyList<string> NamesFor(InputFiles inputs) =>
    [
        inputs.ArtifactName, inputs.CopyName, .. inputs.GeneratorParts.Select(part => System.IO.Path.GetFileName(part)), .. ReportFormats.All.Select(report => report.FileName), .. RunPictures.Names,
    ];

    /// <summary>Refuses a folder in which a run would write over one of its inputs, or over a file that atu did not make. Nothing is changed.</summary>
    /// <param name="path">Need not be there.</param>
    /// <param name="inputs">The run's.</param>
    /// <exception cref="RunException">Something is in the way; the message names it.</exception>
    public static void RequireUsable(string path, InputFiles inputs)
    {
        var read = inputs.EnumerateFiles().Select(input => (input.Role, input.Path)).ToList();
        var made = WrittenFiles.Read(path);
        var isRunFolder = HasRecord(path);
        var obstacle = NamesFor(inputs).Select(name => WriteGuard.FindObstacle(System.IO.Path.Combine(path, name), read, _ => isRunFolder || made.Contains(name))).FirstOrDefault(found => found is not null)
            ?? WriteGuard.FindObstacle(System.IO.Path.Combine(path, FolderLock.FileName), read, _ => false)
            ?? (FolderJournal.FindForeignFile(System.IO.Path.Combine(path, StateName), IsStage) is { } foreign ? $"{foreign} is there already, and is no state that atu saved" : null);
        if (obstacle is not null)
            throw new RunException(RunCodes.OutputFolder, $"{obstacle}; nothing was written: name another folder with --out, or move the file away");
    }

    /// <summary>Opens a folder for one run and removes what an earlier run concluded, so that nobody mistakes it for this one's.</summary>
    /// <param name="path">Made if it is not there.</param>
    /// <param name="inputs">The run's; none of them, and no file that atu did not make, is written over.</param>
    /// <exception cref="RunException">It cannot be written, another run writes to it, something in it would be lost, or its disk is nearly full.</exception>
    public static RunFolder Open(string path, InputFiles inputs) => Open(path, inputs.GeneratorBytes, inputs);

    /// <inheritdoc cref="Open(string, InputFiles)"/>
    /// <param name="path">Made if it is not there.</param>
    /// <param name="checkpointBytes">Size of the generator's checkpoint, from which the space needed is estimated.</param>
    /// <param name="inputs">The run's; null where nothing is known of them.</param>
    internal static RunFolder Open(string path, long checkpointBytes, InputFiles? inputs = null)
    {
        if (inputs is not null)
            RequireUsable(path, inputs);
        var opened = FolderLock.Acquire(path, "run");
        try
        {
            if (inputs is not null)
                WrittenFiles.Add(path, NamesFor(inputs));
            DeleteReports(path);
            foreach (var folder in new[] { path, System.IO.Path.Combine(path, "images"), System.IO.Path.Combine(path, StateName) })
                AtomicFile.DeleteTemporaryFiles(folder);

            // Artifact, candidates and two stages' states: each at most a few times the checkpoint.
            RequireUsable(path, AvailableBytes(path), 12 * checkpointBytes + SpareBytes);
            return new RunFolder(path, opened);
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>Removes what an earlier run concluded, where no run may come to do it; what can be resumed stays. A folder that another run writes to is left to that.</summary>
    /// <param name="path">Need not be there.</param>
    /// <param name="inputs">The run's that may come, which then knows the folder as its own although the record is gone; null where none may.</param>
    /// <exception cref="RunException">The folder cannot be written.</exception>
    public static void DeleteStaleReports(string path, InputFiles? inputs = null)
    {
        if (!ReportPaths(path).Any(File.Exists))
            return;

        try
        {
            using var held = FolderLock.Acquire(path, "run");
            if (inputs is not null && HasRecord(path))
                WrittenFiles.Add(path, NamesFor(inputs));
            DeleteReports(path);
        }
        catch (FolderInUseException)
        {
            // It has removed them itself.
        }
    }

    // The record is one of the reports.
    private static IEnumerable<string> ReportPaths(string path) => ReportFormats.All.Select(report => System.IO.Path.Combine(path, report.FileName));

    // Those of a run: what somebody else calls so is left, and refuses the run.
    private static void DeleteReports(string path)
    {
        var isRunFolder = HasRecord(path);
        var made = WrittenFiles.Read(path);
        try
        {
            foreach (var report in ReportPaths(path).Where(File.Exists).Where(report => isRunFolder || made.Contains(System.IO.Path.GetFileName(report)) || new FileInfo(report).Length == 0))
                File.Delete(report);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw new RunException(RunCodes.OutputFolder, $"{path}: what an earlier run concluded cannot be removed: {refused.Message}; delete it, or choose another folder", refused);
        }
    }

    // Whatever its version: one that cannot be read any more is still a record of a run.
    private static bool HasRecord(string path)
    {
        try
        {
            var text = RegularFile.ReadAllText(System.IO.Path.Combine(path, RunRecord.FileName), RunRecordFile.MaxBytes);
            return text.Contains("\"schemaVersion\"", StringComparison.Ordinal) && text.Contains("\"policySource\"", StringComparison.Ordinal);
        }
        catch (Exception none) when (none is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static bool IsStage(string name) => name is UnlearningStage.Name or DiscriminatorWarmUp.Name || name.StartsWith(AdaptationStage.NamePrefix, StringComparison.Ordinal);

    /// <summary>Ends the run when there is too little space for it.</summary>
    /// <exception cref="RunException">There is.</exception>
    internal static void RequireUsable(string path, long available, long needed)
    {
        if (available < needed)
            throw new RunException(RunCodes.DiskSpace, FormattableString.Invariant(
                $"{path}: there is not enough disk space for this run: {needed >> 20} MB are needed, {available >> 20} MB are free; free some, or name a folder on another disk with --out"));
    }

    /// <summary>Writes a file of bytes.</summary>
    /// <param name="role">What it is.</param>
    /// <param name="name">Relative to the folder, with forward slashes.</param>
    /// <param name="content">Its bytes.</param>
    /// <exception cref="FileNotWrittenException">It cannot be written.</exception>
    public void Write(string role, string name, ReadOnlyMemory<byte> content)
    {
        AtomicFile.Write(GetPath(name), content);
        RecordOutput(role, name);
    }

    /// <summary>Writes a text file.</summary>
    /// <inheritdoc cref="Write(string, string, ReadOnlyMemory{byte})"/>
    public void Write(string role, string name, string content) => Write(role, name, Encoding.UTF8.GetBytes(content));

    /// <summary>Copies a file, byte for byte as it was hashed.</summary>
    /// <inheritdoc cref="Write(string, string, ReadOnlyMemory{byte})"/>
    /// <param name="role">What it is.</param>
    /// <param name="name">Relative to the folder, with forward slashes.</param>
    /// <param name="from">The file.</param>
    /// <exception cref="IOException">The file has changed or cannot be read.</exception>
    public void Copy(string role, string name, HashedFile from)
    {
        using (var source = from.OpenRead())
            AtomicFile.Write(GetPath(name), source.Length, source.CopyTo);
        RecordOutput(role, name);
    }

    /// <summary>Notes a file that somebody else wrote into the folder.</summary>
    /// <inheritdoc cref="Write(string, string, ReadOnlyMemory{byte})"/>
    public void RecordOutput(string role, string name) => _written.Add(new OutputFile(role, name, Sha256Digest.FindAt(GetPath(name))!));

    /// <summary>A file's path.</summary>
    public string GetPath(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>A path as the record keeps it: relative to this folder where that is possible, with forward slashes.</summary>
    public string Relative(string path) => System.IO.Path.GetRelativePath(Path, path).Replace('\\', '/');

    /// <inheritdoc/>
    public void Dispose() => _lock.Dispose();

    private static long AvailableBytes(string path)
    {
        try
        {
            return new DriveInfo(System.IO.Path.GetFullPath(path)).AvailableFreeSpace;
        }
        catch (Exception unknown) when (unknown is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return long.MaxValue;   // a file system that does not tell; a full disk will still show at the first file
        }
    }
}
