using System.Globalization;
using System.Text.Json;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Governing;

/// <summary>Keeps the state of each stage as one safetensors file in a folder. Saving replaces the file as a whole.</summary>
/// <remarks>
/// Each file has a fingerprint of everything that determines the run, so that a state is never resumed into a run with another
/// policy, generator or classifier. It also has a checksum, so that a damaged state is never resumed.
/// </remarks>
/// <param name="folder">Made when the first state is saved.</param>
/// <param name="fingerprint">Digest of everything that determines the run.</param>
/// <param name="resume">Whether states of an earlier process are used.</param>
/// <param name="discardOtherRuns">Whether a state of another run is ignored; otherwise it is an error.</param>
public sealed class FolderJournal(
    string folder, string fingerprint, bool resume, bool discardOtherRuns = false) : ITrainingJournal
{
    private const string FingerprintKey = "fingerprint";
    private const string ThreadsKey = "threads";
    private const string Ending = ".safetensors";
    private const int MaxThreads = 4096;           // more than any machine has: a damaged file asks for no more

    private readonly HashSet<string> _own = [];
    private readonly ProcessTimes _started = ProcessTimes.Now;

    /// <summary>
    /// Time that earlier processes had spent on the run when they saved the latest of the states that this process resumed from.
    /// </summary>
    public ProcessTimes TimeBeforeResume { get; private set; }

    /// <inheritdoc/>
    /// <exception cref="CheckpointException">The state is damaged, or belongs to another run.</exception>
    public StageState? Load(string stage)
    {
        var path = PathOf(stage);
        if ((!resume && !_own.Contains(stage)) || !File.Exists(path))
            return null;

        // Refuse or ignore a state of another run. The file is not hashed: its own checksum is compared below.
        var file = SafetensorsFile.Read(CheckpointFile.OpenUnhashed(path));
        var fits = file.Metadata.GetValueOrDefault(FingerprintKey) == fingerprint;
        if (!fits && discardOtherRuns)
            return null;
        if (!fits)
            throw new CheckpointException(
                path, "was left by a run with other inputs, settings or seed", "run again without --resume");

        try
        {
            // Add up the time that earlier processes spent; a later stage's state includes the earlier stages' time.
            var spent = new ProcessTimes(Number("seconds"), Number("processorSeconds"));
            if (!_own.Contains(stage) && spent.Seconds > TimeBeforeResume.Seconds)
                TimeBeforeResume = spent;

            // Load the vectors, and refuse them where they are not what was saved.
            var vectors = file.Tensors.ToDictionary(tensor => tensor.Name, tensor => tensor.Load());
            if (file.Metadata[TensorChecksum.Key] != TensorChecksum.Compute(vectors, file.Metadata))
            {
                foreach (var vector in vectors.Values)
                    vector.Dispose();
                throw new FormatException("its checksum does not match its content");
            }

            return new StageState(
                int.Parse(file.Metadata["step"], CultureInfo.InvariantCulture),
                vectors,
                JsonSerializer.Deserialize<Dictionary<string, double>>(file.Metadata["counters"])!,
                file.Metadata["notes"]);
        }
        catch (Exception damaged) when (damaged is KeyNotFoundException or FormatException or JsonException)
        {
            throw new CheckpointException(
                path,
                $"is not a saved state: {damaged.Message}",
                discardOtherRuns ? "delete it" : "run again without --resume",
                cause: damaged);
        }

        double Number(string name) => double.Parse(file.Metadata[name], CultureInfo.InvariantCulture);
    }

    /// <inheritdoc/>
    public void Save(string stage, StageState state)
    {
        var spent = TimeBeforeResume + (ProcessTimes.Now - _started);
        if (IsForeign(PathOf(stage)))
            throw new FileNotWrittenException(
                PathOf(stage),
                "is there already, and is not a state that atu saved",
                "move it away, or name another output folder");

        Directory.CreateDirectory(folder);
        var metadata = new Dictionary<string, string>
        {
            [FingerprintKey] = fingerprint,
            ["step"] = state.Step.ToString(CultureInfo.InvariantCulture),
            ["counters"] = JsonSerializer.Serialize(state.Counters),
            ["notes"] = state.Notes,
            [ThreadsKey] = get_num_threads().ToString(CultureInfo.InvariantCulture),
            ["seconds"] = spent.Seconds.ToString("R", CultureInfo.InvariantCulture),
            ["processorSeconds"] = spent.ProcessorSeconds.ToString("R", CultureInfo.InvariantCulture),
        };
        metadata[TensorChecksum.Key] = TensorChecksum.Compute(state.Vectors, metadata);
        SafetensorsFile.Write(PathOf(stage), state.Vectors, metadata);
        _own.Add(stage);
    }

    /// <summary>Deletes every saved state, and the folder where it is empty then. Other files in it stay.</summary>
    /// <exception cref="FileNotWrittenException">A state cannot be deleted.</exception>
    public void Clear()
    {
        _own.Clear();
        if (!Directory.Exists(folder))
            return;

        try
        {
            AtomicFile.DeleteTemporaryFiles(folder);
            foreach (var file in Directory.EnumerateFiles(folder, "*" + Ending).Where(IsState).ToList())
                File.Delete(file);
            if (!Directory.EnumerateFileSystemEntries(folder).Any())
                Directory.Delete(folder);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw new FileNotWrittenException(
                folder,
                $"saved states cannot be deleted: {refused.Message}",
                "check its folder, or name another output folder",
                refused);
        }
    }

    /// <summary>
    /// Number of CPU threads of the run that left states in a folder; null where there are none. With another number the run has
    /// another fingerprint, and cannot be resumed.
    /// </summary>
    /// <param name="folder">The folder of the states; it may be missing.</param>
    public static int? FindThreads(string folder) => !Directory.Exists(folder)
        ? null
        : Directory.EnumerateFiles(folder, "*" + Ending).Select(ReadThreads).FirstOrDefault(threads => threads is not null);

    private static int? ReadThreads(string file)
    {
        try
        {
            var metadata = SafetensorsFile.Read(CheckpointFile.OpenUnhashed(file)).Metadata;
            return int.TryParse(
                metadata.GetValueOrDefault(ThreadsKey), NumberStyles.None, CultureInfo.InvariantCulture, out var threads)
                && threads is > 0 and <= MaxThreads ? threads : null;
        }
        catch (CheckpointException)
        {
            return null;   // not a state
        }
    }

    /// <summary>Path of a file that has the name of a stage's state and is not one; null where there is no such file.</summary>
    /// <param name="folder">The folder of the states; it may be missing.</param>
    /// <param name="isStage">Whether a name is a stage's.</param>
    public static string? FindForeignFile(string folder, Func<string, bool> isStage) => !Directory.Exists(folder)
        ? null
        : Directory.EnumerateFileSystemEntries(folder, "*" + Ending)
            .FirstOrDefault(file => isStage(Path.GetFileNameWithoutExtension(file)) && IsForeign(file));

    private static bool IsForeign(string file) => Path.Exists(file) && !IsState(file) && new FileInfo(file).Length > 0;

    private static bool IsState(string file)
    {
        try
        {
            return SafetensorsFile.Read(CheckpointFile.OpenUnhashed(file)).Metadata.ContainsKey(FingerprintKey);
        }
        catch (CheckpointException)
        {
            return false;
        }
    }

    private string PathOf(string stage) => Path.Combine(folder, stage + Ending);
}
