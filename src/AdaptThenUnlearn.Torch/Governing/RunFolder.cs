using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AdaptThenUnlearn.Attestation;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Sources;
using AdaptThenUnlearn.Torch.Unlearning;

namespace AdaptThenUnlearn.Torch.Governing;

/// <summary>
/// The folder that a run writes to. One run at a time uses it, and every file in it appears whole or not at all.
/// </summary>
public sealed class RunFolder : IDisposable
{
    private const string StateName = "state";
    private const string Earlier = ".earlier";
    private const long SpareBytes = 64 << 20;

    private readonly FolderLock _lock;
    private readonly List<OutputFile> _written = [];

    private RunFolder(string path, FolderLock @lock) => (Path, _lock) = (path, @lock);

    /// <summary>Path of the folder.</summary>
    public string Path { get; }

    /// <summary>The files that were written so far, with their digests.</summary>
    public IReadOnlyList<OutputFile> Outputs => _written;

    /// <summary>Path of the sub-folder in which stages keep their states.</summary>
    public string StateFolder => StateFolderOf(Path);

    /// <summary>Path of the sub-folder in which a run in a folder keeps its states.</summary>
    /// <param name="path">The folder; it may be missing.</param>
    public static string StateFolderOf(string path) => System.IO.Path.Combine(path, StateName);

    /// <summary>Names of all files that a run may write, relative to its folder.</summary>
    /// <param name="inputs">The run's; they decide the names of the artifact's files.</param>
    public static IReadOnlyList<string> NamesFor(InputFiles inputs) =>
    [
        inputs.ArtifactName,
        inputs.CopyName,
        inputs.RejectedName,
        .. inputs.GeneratorParts.Select(part => System.IO.Path.GetFileName(part)),
        .. inputs.IsCommand ? [GeneratorSource.CommandFile] : Array.Empty<string>(),
        .. ReportsAndPictures,
        .. inputs.AttackPictures,
    ];

    // Finished attacks are states: they stay where results are deleted.
    private static IEnumerable<string> NamesWithStates(InputFiles inputs) =>
        NamesFor(inputs).Concat(inputs.AttackCells.Select(name => $"{StateName}/{name}"));

    /// <summary>
    /// Refuses a folder in which a run would overwrite one of its inputs, or a file that atu did not make. Nothing is changed.
    /// </summary>
    /// <param name="path">The folder; it may be missing.</param>
    /// <param name="inputs">The run's.</param>
    /// <exception cref="RunException">A file is in the way; the message names it.</exception>
    public static void RefuseOverwriting(string path, InputFiles inputs)
    {
        var read = inputs.EnumerateFiles().Select(input => (input.Role, input.Path)).ToList();
        var made = WrittenFiles.Read(path);
        var isRunFolder = HasRecord(path);

        // Look at the files that a run may write, then at the lock, then at the states of stages.
        var obstacle = NamesWithStates(inputs).Select(OutputInTheWay).FirstOrDefault(found => found is not null)
            ?? WriteGuard.FindObstacle(System.IO.Path.Combine(path, FolderLock.FileName), read, _ => false)
            ?? StateInTheWay();
        if (obstacle is not null)
            throw new RunException(
                RunCodes.OutputFolder, $"{obstacle}; nothing was written: name another folder with --out, or move the file away");

        string? OutputInTheWay(string name) =>
            WriteGuard.FindObstacle(System.IO.Path.Combine(path, name), read, _ => isRunFolder || made.Contains(name));

        string? StateInTheWay() => FolderJournal.FindForeignFile(System.IO.Path.Combine(path, StateName), IsStage) is { } foreign
            ? $"{foreign} is there already, and is not a state that atu saved"
            : null;
    }

    /// <summary>Refuses a folder whose disk has too little space for a run.</summary>
    /// <param name="path">The folder, for the message.</param>
    /// <param name="available">Bytes.</param>
    /// <param name="needed">Bytes.</param>
    /// <exception cref="RunException">There is less space than needed.</exception>
    internal static void RequireSpace(string path, long available, long needed)
    {
        if (available < needed)
            throw new RunException(RunCodes.DiskSpace, string.Create(
                CultureInfo.InvariantCulture,
                $"{path}: there is not enough disk space for this run: {needed >> 20} MB are needed, {available >> 20} MB are "
                    + $"free; free some, or name a folder on another disk with --out"));
    }

    /// <summary>
    /// Opens a folder for one run, and deletes an earlier run's reports so that nobody mistakes them for this one's.
    /// </summary>
    /// <param name="path">The folder; made where it is missing.</param>
    /// <param name="inputs">The run's; none of them is overwritten, nor any file that atu did not make.</param>
    /// <exception cref="RunException">
    /// The folder cannot be written, another run writes to it, a file in it would be overwritten, or its disk has too little
    /// space.
    /// </exception>
    public static RunFolder Open(string path, InputFiles inputs) => Open(path, inputs.GeneratorBytes, inputs);

    /// <inheritdoc cref="Open(string, InputFiles)"/>
    /// <param name="path">The folder; made where it is missing.</param>
    /// <param name="checkpointBytes">Size of the generator's checkpoint, from which the space needed is estimated.</param>
    /// <param name="inputs">The run's; null to check no file.</param>
    internal static RunFolder Open(string path, long checkpointBytes, InputFiles? inputs = null)
    {
        if (inputs is not null)
            RefuseOverwriting(path, inputs);
        var opened = FolderLock.Acquire(path, "run");
        try
        {
            // Note which files the run may write, so that a later run knows them as atu's.
            if (inputs is not null)
                WrittenFiles.Add(path, [.. NamesWithStates(inputs)]);

            // Delete what earlier runs left: their reports, and the temporary files of interrupted ones.
            Remove(path, FindResults(path, inputs).Where(IsReport), newName: _ => null);
            foreach (var folder in new[]
            {
                path,
                System.IO.Path.Combine(path, "images"),
                System.IO.Path.Combine(path, StateName)
            })
                AtomicFile.DeleteTemporaryFiles(folder);

            // Require space for artifact, candidates and two stages' states: each is at most a few times the checkpoint's size.
            RequireSpace(path, AvailableBytes(path), 12 * checkpointBytes + SpareBytes);
            return new RunFolder(path, opened);
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Deletes an earlier run's reports and pictures before anything can fail, and takes the released name from its generator.
    /// States to resume from stay.
    /// </summary>
    /// <remarks>
    /// The generator is kept as <c>NAME.EXT.earlier</c>, because training it may have taken hours and the next run may never
    /// begin; a run that begins deletes it. A folder that another run writes to is left alone: that run has deleted them itself.
    /// </remarks>
    /// <param name="path">The folder; it may be missing.</param>
    /// <param name="inputs">
    /// Of the run that may follow: it then knows the folder's files as atu's, although the record is gone. Null where the policy
    /// cannot be read; the folder then bears its name.
    /// </param>
    /// <exception cref="RunException">The folder cannot be written.</exception>
    public static void DeleteStaleResults(string path, InputFiles? inputs = null)
    {
        if (FindResults(path, inputs).Count == 0)
            return;

        try
        {
            using var held = FolderLock.Acquire(path, "run");
            if (inputs is not null && HasRecord(path))
                WrittenFiles.Add(path, NamesFor(inputs));
            var policy = PolicyName(path, inputs);
            Remove(path, FindResults(path, inputs), name => NameOfEarlier(name, policy, inputs));
        }
        catch (FolderInUseException)
        {
            // The other run has deleted them itself.
        }
    }

    /// <summary>
    /// Deletes everything that earlier runs made except states, so that nothing of it is taken for this run's, whatever becomes
    /// of it.
    /// </summary>
    /// <remarks>Opening the folder has refused to overwrite an input, and any file that atu did not make.</remarks>
    /// <param name="inputs">The run's; they decide the names of the generator's files.</param>
    /// <exception cref="RunException">A file cannot be deleted.</exception>
    public void DeleteEarlierResults(InputFiles inputs) => Remove(Path, FindResults(Path, inputs), newName: _ => null);

    /// <summary>The folders whose runs a policy file has asked for, as their records say.</summary>
    /// <param name="output">The folder above them; it may be missing.</param>
    /// <param name="policyFile">The policy's file; it may be missing, or unreadable.</param>
    public static IReadOnlyList<string> FindByPolicyFile(string output, string policyFile)
    {
        var wanted = System.IO.Path.GetFullPath(policyFile);
        var options = new EnumerationOptions { IgnoreInaccessible = true };
        return Directory.Exists(output)
            ? [.. Directory.EnumerateDirectories(output, "*", options).Where(folder => PolicyFileOf(folder) == wanted)]
            : [];
    }

    // Names of a run's own results: a file of such a name that somebody else made stays, and refuses the run.
    private static List<string> FindResults(string path, InputFiles? inputs)
    {
        var isRunFolder = HasRecord(path);
        var made = WrittenFiles.Read(path);
        var read = inputs?.EnumerateFiles().ToList() ?? [];

        // The generator of an earlier run may have had another ending, and so another name, been a command, or had several parts;
        // its attacks may have been others.
        var generators = made.Where(name => IsNamedAfter(PolicyName(path, inputs), name) || IsPart(name)
            || name == GeneratorSource.CommandFile || AuditAttacks.IsPicture(name));
        return [.. ReportsAndPictures.Union(inputs is null ? [] : NamesFor(inputs)).Union(generators).Where(IsOwn)];

        bool IsOwn(string name) => new FileInfo(System.IO.Path.Combine(path, name)) is { Exists: true } file
            && (isRunFolder || made.Contains(name) || file.Length == 0)
            && WriteGuard.FindObstacle(file.FullName, read, _ => true) is null;
    }

    // Deletes results, or renames those that have a new name.
    private static void Remove(string path, IEnumerable<string> names, Func<string, string?> newName)
    {
        try
        {
            foreach (var name in names)
            {
                var file = System.IO.Path.Combine(path, name);
                if (newName(name) is not { } other)
                    File.Delete(file);
                else if (other != name)
                    Rename(file, other);
            }
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw new RunException(
                RunCodes.OutputFolder,
                $"{path}: what an earlier run concluded cannot be removed: {refused.Message}; delete it, "
                    + "or choose another folder",
                refused);
        }

        void Rename(string file, string other)
        {
            var target = System.IO.Path.Combine(path, other);
            var made = WrittenFiles.Read(path);
            if (WriteGuard.FindObstacle(target, [], _ => made.Contains(other)) is { } obstacle)
                throw new IOException(obstacle);
            WrittenFiles.Add(path, [other]);
            File.Move(file, target, overwrite: true);
        }
    }

    // A released generator is set aside. The parts of one in several files keep their names, since its index names them.
    private static string? NameOfEarlier(string name, string policy, InputFiles? inputs)
    {
        var isReleased = IsNamedAfter(policy, name) && !ReportsAndPictures.Contains(name)
            && !name.StartsWith(policy + InputFiles.Rejected, StringComparison.Ordinal);
        var isPart = inputs?.GeneratorParts.Any(part => System.IO.Path.GetFileName(part) == name) ?? false;
        return isPart || (IsPart(name) && !IsNamedAfter(policy, name)) || name.EndsWith(Earlier, StringComparison.Ordinal) ? name
            : isReleased ? name + Earlier
            : null;
    }

    // The record is among the reports.
    private static bool IsReport(string name) => ReportFormats.All.Any(report => report.FileName == name);

    // With the attestations of a record, which are about it alone.
    private static IEnumerable<string> ReportsAndPictures =>
    [
        .. ReportFormats.All.Select(report => report.FileName), .. AttestationFormats.FileNames,
        .. RunPictures.Names,
    ];

    private static string PolicyName(string path, InputFiles? inputs) =>
        inputs?.PolicyName ?? System.IO.Path.GetFileName(System.IO.Path.GetFullPath(path));

    private static bool IsNamedAfter(string policy, string file) =>
        file.StartsWith(policy + ".", StringComparison.Ordinal) && file.IndexOfAny(['/', '\\']) < 0;

    // Of the files that atu made beside a record, only weights end so. Those in several files keep the names of their parts.
    private static bool IsPart(string name) =>
        name.EndsWith(".safetensors", StringComparison.Ordinal) && name.IndexOfAny(['/', '\\']) < 0;

    // A record of any version counts, also one that this version cannot read.
    private static bool HasRecord(string path) =>
        ReadRecord(path) is { } text
        && text.Contains("\"schemaVersion\"", StringComparison.Ordinal)
        && text.Contains("\"policySource\"", StringComparison.Ordinal);

    // Full path of the policy's file in the folder's record; null where there is none.
    private static string? PolicyFileOf(string path)
    {
        try
        {
            var file = ReadRecord(path) is { } text ? JsonNode.Parse(text)?["policySource"]?["file"]?.GetValue<string>() : null;
            return file is null ? null : System.IO.Path.GetFullPath(System.IO.Path.Combine(path, file));
        }
        catch (Exception unreadable) when (unreadable is JsonException or InvalidOperationException or FormatException
            or ArgumentException)
        {
            return null;   // not a record
        }
    }

    private static string? ReadRecord(string path)
    {
        try
        {
            return RegularFile.ReadAllText(System.IO.Path.Combine(path, RunRecord.FileName), RunRecordFile.MaxBytes);
        }
        catch (Exception none) when (none is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static bool IsStage(string name) => name is UnlearningStage.Name or DiscriminatorWarmUp.Name
        || name.StartsWith(AdaptationStage.NamePrefix, StringComparison.Ordinal);

    /// <summary>Writes a file of bytes.</summary>
    /// <param name="role">What the file is; one of <see cref="OutputRoles"/>.</param>
    /// <param name="name">Relative to the folder, with forward slashes.</param>
    /// <param name="content">All bytes of the file.</param>
    /// <exception cref="FileNotWrittenException">The file cannot be written.</exception>
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
    /// <param name="role">What the file is; one of <see cref="OutputRoles"/>.</param>
    /// <param name="name">Relative to the folder, with forward slashes.</param>
    /// <param name="from">The file to copy.</param>
    /// <exception cref="IOException">The file has changed or cannot be read.</exception>
    public void Copy(string role, string name, HashedFile from)
    {
        using (var source = from.OpenRead())
            AtomicFile.Write(GetPath(name), source.Length, source.CopyTo);
        RecordOutput(role, name);
    }

    /// <summary>Gives a file another name, all at once.</summary>
    /// <param name="name">Its name, relative to the folder.</param>
    /// <param name="newName">Its new name, relative to the folder.</param>
    /// <exception cref="FileNotWrittenException">The folder cannot be written.</exception>
    public void Rename(string name, string newName) => AtomicFile.Rename(GetPath(name), GetPath(newName));

    /// <summary>Notes a file that was written into the folder by other code.</summary>
    /// <inheritdoc cref="Write(string, string, ReadOnlyMemory{byte})"/>
    public void RecordOutput(string role, string name) =>
        _written.Add(new OutputFile(role, name, Sha256Digest.FindAt(GetPath(name))!));

    /// <summary>Path of a file in the folder.</summary>
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
            return long.MaxValue;   // unknown for this file system; on a full disk, writing the first file fails
        }
    }
}
