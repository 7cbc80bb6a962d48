using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Governing;

/// <summary>Keeps the state of each stage as one safetensors file in a folder, replaced all at once.</summary>
/// <remarks>
/// A fingerprint of everything that went into the run stands in each file: a state is never resumed into a run with
/// another policy, generator or classifier. A checksum of what is saved stands there too: a state of which a
/// single bit has changed is not gone on from.
/// </remarks>
/// <param name="folder">Made when the first state is saved.</param>
/// <param name="fingerprint">Of everything that determines the run.</param>
/// <param name="resume">Whether states left by an earlier process are used.</param>
/// <param name="discardOtherRuns">Whether a state that another run left counts as none; otherwise it is refused.</param>
public sealed class FolderJournal(string folder, string fingerprint, bool resume, bool discardOtherRuns = false) : ITrainingJournal
{
    private const string FingerprintKey = "fingerprint";
    private const string ChecksumKey = "checksum";
    private const string Ending = ".safetensors";
    private const long HashedElements = 1 << 24;   // at a time

    private readonly HashSet<string> _own = [];
    private readonly ProcessTimes _started = ProcessTimes.Now;

    /// <summary>What earlier processes had spent when they saved the latest of the states that this one went on from.</summary>
    public ProcessTimes TimeBeforeResume { get; private set; }

    /// <inheritdoc/>
    /// <exception cref="CheckpointException">The state is damaged, or belongs to another run.</exception>
    public StageState? Load(string stage)
    {
        var path = PathOf(stage);
        if ((!resume && !_own.Contains(stage)) || !File.Exists(path))
            return null;

        var file = SafetensorsFile.Read(CheckpointFile.OpenUnhashed(path));   // the checksum in it is what it is held against
        var fits = file.Metadata.GetValueOrDefault(FingerprintKey) == fingerprint;
        if (!fits && discardOtherRuns)
            return null;
        if (!fits)
            throw new CheckpointException(path, "was left by a run with another policy, generator, classifier or seed", "start anew without --resume");

        try
        {
            // Later stages' states count the earlier stages in.
            var spent = new ProcessTimes(Number("seconds"), Number("processorSeconds"));
            if (!_own.Contains(stage) && spent.Seconds > TimeBeforeResume.Seconds)
                TimeBeforeResume = spent;
            var vectors = file.Tensors.ToDictionary(tensor => tensor.Name, tensor => tensor.Load());
            if (file.Metadata[ChecksumKey] != Checksum(vectors, file.Metadata))
            {
                foreach (var vector in vectors.Values)
                    vector.Dispose();
                throw new FormatException("it is not what was saved, for its checksum is another one");
            }

            return new StageState(
                int.Parse(file.Metadata["step"], CultureInfo.InvariantCulture),
                vectors,
                JsonSerializer.Deserialize<Dictionary<string, double>>(file.Metadata["counters"])!,
                file.Metadata["notes"]);
        }
        catch (Exception damaged) when (damaged is KeyNotFoundException or FormatException or JsonException)
        {
            throw new CheckpointException(path, $"is not a saved state: {damaged.Message}", discardOtherRuns ? "delete it" : "start anew without --resume", cause: damaged);
        }

        double Number(string name) => double.Parse(file.Metadata[name], CultureInfo.InvariantCulture);
    }

    /// <inheritdoc/>
    public void Save(string stage, StageState state)
    {
        var spent = TimeBeforeResume + (ProcessTimes.Now - _started);
        if (Foreign(PathOf(stage)))
            throw new FileNotWrittenException(PathOf(stage), "is there already, and is no state that atu saved", "move it away, or name another output folder");

        Directory.CreateDirectory(folder);
        var metadata = new Dictionary<string, string>
        {
            [FingerprintKey] = fingerprint,
            ["step"] = state.Step.ToString(CultureInfo.InvariantCulture),
            ["counters"] = JsonSerializer.Serialize(state.Counters),
            ["notes"] = state.Notes,
            ["seconds"] = spent.Seconds.ToString("R", CultureInfo.InvariantCulture),
            ["processorSeconds"] = spent.ProcessorSeconds.ToString("R", CultureInfo.InvariantCulture),
        };
        metadata[ChecksumKey] = Checksum(state.Vectors, metadata);
        SafetensorsFile.Write(PathOf(stage), state.Vectors, metadata);
        _own.Add(stage);
    }

    /// <summary>Deletes every saved state, and the folder where nothing else is left in it. What anyone else put there stays.</summary>
    /// <exception cref="FileNotWrittenException">One cannot be deleted.</exception>
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
            throw new FileNotWrittenException(folder, $"saved states cannot be deleted: {refused.Message}", "check its folder, or name another output folder", refused);
        }
    }

    /// <summary>A file that stands where a stage's state would be saved and is none; null where there is no such file.</summary>
    /// <param name="folder">Need not be there.</param>
    /// <param name="isStage">Whether a name is a stage's.</param>
    public static string? FindForeignFile(string folder, Func<string, bool> isStage) => !Directory.Exists(folder)
        ? null
        : Directory.EnumerateFileSystemEntries(folder, "*" + Ending).FirstOrDefault(file => isStage(Path.GetFileNameWithoutExtension(file)) && Foreign(file));

    private static bool Foreign(string file) => Path.Exists(file) && !IsState(file) && new FileInfo(file).Length > 0;

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

    // Of the text beside the vectors too: a step or a time that has changed is another state.
    private static string Checksum(IReadOnlyDictionary<string, Tensor> vectors, IReadOnlyDictionary<string, string> metadata)
    {
        using var scope = NewDisposeScope();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (key, text) in metadata.Where(pair => pair.Key != ChecksumKey).OrderBy(pair => pair.Key, StringComparer.Ordinal))
            hash.AppendData(Encoding.UTF8.GetBytes($"{key}\0{text}\0"));
        foreach (var (name, vector) in vectors.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes(FormattableString.Invariant($"{name}\0{vector.dtype}\0{string.Join(',', vector.shape)}\0")));
            var flat = vector.detach().cpu().contiguous().view(-1);
            for (long start = 0; start < flat.NumberOfElements; start += HashedElements)
                hash.AppendData(flat.narrow(0, start, Math.Min(HashedElements, flat.NumberOfElements - start)).bytes);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private string PathOf(string stage) => Path.Combine(folder, stage + Ending);
}
