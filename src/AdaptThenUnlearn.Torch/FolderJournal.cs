using System.Globalization;
using System.Text.Json;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Training;

namespace AdaptThenUnlearn.Torch;

/// <summary>Keeps the state of each stage as one safetensors file in a folder, replaced all at once.</summary>
/// <remarks>
/// A fingerprint of everything that went into the run stands in each file: a state is never resumed into a run with
/// another policy, generator or classifier.
/// </remarks>
/// <param name="folder">Made when the first state is saved.</param>
/// <param name="fingerprint">Of everything that determines the run.</param>
/// <param name="resume">Whether states left by an earlier process are used.</param>
/// <param name="othersAreStale">Whether a state that another run left counts as none; otherwise it is refused.</param>
public sealed class FolderJournal(string folder, string fingerprint, bool resume, bool othersAreStale = false) : ITrainingJournal
{
    private readonly HashSet<string> _own = [];
    private readonly Effort _started = Effort.SoFar;

    /// <summary>What earlier processes had spent when they saved the latest of the states that this one went on from.</summary>
    public Effort Earlier { get; private set; }

    /// <inheritdoc/>
    /// <exception cref="CheckpointException">The state is damaged, or belongs to another run.</exception>
    public StageState? Load(string stage)
    {
        var path = PathOf(stage);
        if ((!resume && !_own.Contains(stage)) || !File.Exists(path))
            return null;

        var file = SafetensorsFile.Read(path);
        var fits = file.Metadata.GetValueOrDefault("fingerprint") == fingerprint;
        if (!fits && othersAreStale)
            return null;
        if (!fits)
            throw new CheckpointException(path, "was left by a run with another policy, generator, classifier or seed", "start anew without --resume");

        try
        {
            // Later stages' states count the earlier stages in.
            var spent = new Effort(Number("seconds"), Number("processorSeconds"));
            if (!_own.Contains(stage) && spent.Seconds > Earlier.Seconds)
                Earlier = spent;
            return new StageState(
                int.Parse(file.Metadata["step"], CultureInfo.InvariantCulture),
                file.Tensors.ToDictionary(tensor => tensor.Name, tensor => tensor.Load()),
                JsonSerializer.Deserialize<Dictionary<string, double>>(file.Metadata["counters"])!,
                file.Metadata["notes"]);
        }
        catch (Exception damaged) when (damaged is KeyNotFoundException or FormatException or JsonException)
        {
            throw new CheckpointException(path, $"is not a saved state: {damaged.Message}", othersAreStale ? "delete it" : "start anew without --resume", cause: damaged);
        }

        double Number(string name) => double.Parse(file.Metadata[name], CultureInfo.InvariantCulture);
    }

    /// <inheritdoc/>
    public void Save(string stage, StageState state)
    {
        var spent = Earlier + (Effort.SoFar - _started);
        Directory.CreateDirectory(folder);
        SafetensorsFile.Write(PathOf(stage), state.Vectors, new Dictionary<string, string>
        {
            ["fingerprint"] = fingerprint,
            ["step"] = state.Step.ToString(CultureInfo.InvariantCulture),
            ["counters"] = JsonSerializer.Serialize(state.Counters),
            ["notes"] = state.Notes,
            ["seconds"] = spent.Seconds.ToString("R", CultureInfo.InvariantCulture),
            ["processorSeconds"] = spent.ProcessorSeconds.ToString("R", CultureInfo.InvariantCulture),
        });
        _own.Add(stage);
    }

    /// <summary>Forgets every saved state.</summary>
    public void Clear()
    {
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
        _own.Clear();
    }

    private string PathOf(string stage) => Path.Combine(folder, stage + ".safetensors");
}
