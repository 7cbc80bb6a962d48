using System.Text.Json;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>Reads a safetensors checkpoint of several files: a JSON index says which file holds each tensor.</summary>
/// <remarks>
/// Hugging Face's <c>model.safetensors.index.json</c>: <c>weight_map</c> names a file beside the index for each tensor. The
/// format does not fix the content of <c>metadata</c>.
/// </remarks>
internal static class SafetensorsIndex
{
    private const int MaximumBytes = 1 << 26;
    private const int MaximumFiles = 1000;
    private const string WeightMap = "weight_map";
    private const string Remedy = "it is damaged or not written by safetensors; fetch or save it again";

    /// <summary>Whether bytes begin as JSON does.</summary>
    public static bool Begins(ReadOnlySpan<byte> start) => start.TrimStart(" \t\r\n"u8) is [(byte)'{', ..];

    /// <summary>Describes the content of all the files.</summary>
    /// <exception cref="CheckpointException">
    /// The index or one of the files cannot be read, or they contradict each other.
    /// </exception>
    public static TensorFile Read(CheckpointFile index)
    {
        var path = index.Path;
        var (map, metadata) = Parse(index);
        List<TensorEntry> tensors = [];
        List<UnreadTensor> unread = [];
        foreach (var file in map.Values.Distinct())
        {
            // A tensor that the index does not name belongs to the checkpoint too. Of a tensor in two files, the one in the named
            // file counts.
            var part = SafetensorsFile.Read(index.OpenSibling(PathOf(path, file)));

            // An index in front of files hides neither which limits they must keep nor how they were trained. Two answers are
            // none that can be read.
            foreach (var (key, value) in part.Metadata.Where(entry => IsOfTraining(entry.Key)))
                metadata[key] = metadata.GetValueOrDefault(key, value) == value ? value : "";
            tensors.AddRange(part.Tensors.Where(tensor => map.GetValueOrDefault(tensor.Name, file) == file));
            unread.AddRange(part.Unread.Where(tensor => map.GetValueOrDefault(tensor.Name, file) == file));
        }

        var read = new TensorFile(index, SafetensorsFormat.FormatName, tensors, metadata, unread: unread);
        return map.Keys.FirstOrDefault(
            name => read.Find(name) is null
                && !unread.Exists(tensor => tensor.Name == name)) is { } missing
            ? throw Bad(path, $"'{map[missing]}' does not hold a tensor that the index places there", missing)
            : read;
    }

    /// <summary>The files beside an index, full paths, each once.</summary>
    /// <exception cref="CheckpointException">The index cannot be read.</exception>
    public static IReadOnlyList<string> Files(CheckpointFile index) =>
        [.. Parse(index).Map.Values.Distinct().Select(file => PathOf(index.Path, file))];

    private static bool IsOfTraining(string key) => key == SafetensorsFile.EarlierRunsKey || TrainedRegime.IsKey(key);

    private static string PathOf(string path, string file) => Path.Combine(Path.GetDirectoryName(Path.GetFullPath(path))!, file);

    private static (Dictionary<string, string> Map, Dictionary<string, string> Metadata) Parse(CheckpointFile index)
    {
        var path = index.Path;
        using var bytes = CheckpointBytes.Open(index);
        if (bytes.Length > MaximumBytes)
            throw new CheckpointException(path, $"is too long for an index ({bytes.Length} bytes)", Remedy);

        var reader = new Utf8JsonReader(bytes.Read(0, (int)bytes.Length, "index"));
        try
        {
            return Parse(path, ref reader);
        }
        catch (Exception bad) when (bad is JsonException or InvalidOperationException)   // the latter for text that is not UTF-8
        {
            throw new CheckpointException(
                path, "is not valid JSON, and nothing else that is known begins so", Remedy, $"byte {reader.BytesConsumed}", bad);
        }
    }

    private static (Dictionary<string, string> Map, Dictionary<string, string> Metadata) Parse(
        string path, ref Utf8JsonReader reader)
    {
        Dictionary<string, string>? map = null;
        Dictionary<string, string> metadata = [];
        reader.Read();   // the object's start
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            reader.Read();
            if (name == WeightMap)
                map = map is null ? ParseMap(path, ref reader) : throw Bad(path, "is there twice", WeightMap);
            else if (name == "metadata" && reader.TokenType == JsonTokenType.StartObject)
                metadata = ParseMetadata(ref reader);
            else
                reader.Skip();
        }

        reader.Read();   // fails on anything but white space behind the object
        return map is { Count: > 0 } ? (map, metadata) : throw new CheckpointException(
            path, $"is JSON without a '{WeightMap}', so it is not an index of a checkpoint", "name the checkpoint itself");
    }

    private static Dictionary<string, string> ParseMap(string path, ref Utf8JsonReader reader)
    {
        Dictionary<string, string> map = [];
        HashSet<string> files = [];
        if (reader.TokenType != JsonTokenType.StartObject)
            throw Bad(path, "must be an object of texts", WeightMap);

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            reader.Read();
            var file = reader.TokenType == JsonTokenType.String ? reader.GetString()! : throw Bad(path, "must name a file", name);
            if (!IsPlainName(file))
                throw Bad(
                    path,
                    $"is placed in '{CheckpointException.Sanitize(file)}', which is not the plain name of a file "
                        + "beside the index",
                    name);
            if (!map.TryAdd(name, file))
                throw Bad(path, "is there twice", name);
            if (files.Add(file) && files.Count > MaximumFiles || map.Count > TensorFile.MaximumNames)
                throw Bad(path, $"names more than {MaximumFiles} files or {TensorFile.MaximumNames} tensors", WeightMap);
        }

        return map;
    }

    // Only texts are kept: the total size that writers put there would be wrong once the files are one.
    private static Dictionary<string, string> ParseMetadata(ref Utf8JsonReader reader)
    {
        Dictionary<string, string> metadata = [];
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType == JsonTokenType.String)
                metadata[key] = reader.GetString()!;
            else
                reader.Skip();
        }

        return metadata;
    }

    private static bool IsPlainName(string file) =>
        file.Length is > 0 and <= 255 && file[0] != '.' && file.AsSpan().IndexOfAny("/\\:\0") < 0;

    private static CheckpointException Bad(string path, string problem, string at) =>
        new(path, problem, Remedy, $"'{CheckpointException.Sanitize(at)}'");
}
