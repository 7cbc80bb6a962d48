using System.Text.Encodings.Web;
using System.Text.Json;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>The JSON header of a safetensors file. It is read strictly, and always written in the same way.</summary>
/// <remarks>
/// Format: github.com/huggingface/safetensors, README "Format"; limits and layout order as in its reference implementation.
/// </remarks>
internal sealed record SafetensorsHeader(IReadOnlyList<SafetensorsTensor> Tensors, IReadOnlyDictionary<string, string> Metadata)
{
    /// <summary>Longest header that is read, bytes.</summary>
    public const int MaximumBytes = 100_000_000;

    private const string MetadataKey = "__metadata__";
    private const string Remedy = "it is damaged or not written by safetensors; fetch or save it again";
    private const int Alignment = 8;
    private const int LongestType = 32;

    // As in the reference implementation, only the characters that JSON demands are escaped.
    private static readonly JsonWriterOptions _written = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Reads a header, tensors in the order of their data.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="json">The header's bytes, padding included.</param>
    /// <exception cref="CheckpointException">It is not exactly what the format demands.</exception>
    public static SafetensorsHeader Parse(string path, ReadOnlySpan<byte> json)
    {
        if (json.Length == 0 || json[0] != '{')
            throw new CheckpointException(path, "its header does not begin with '{'", Remedy, "byte 8");

        var reader = new Utf8JsonReader(json);
        try
        {
            return Parse(path, ref reader);
        }
        catch (Exception bad) when (bad is JsonException or InvalidOperationException)   // the latter for text that is not UTF-8
        {
            throw new CheckpointException(path, "its header is not valid JSON", Remedy, $"byte {8 + reader.BytesConsumed}", bad);
        }
    }

    /// <summary>
    /// Writes a header: metadata first, then tensors in the given order, padded with spaces to a multiple of 8.
    /// </summary>
    public byte[] ToBytes()
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, _written))
        {
            writer.WriteStartObject();
            if (Metadata.Count > 0)
            {
                writer.WriteStartObject(MetadataKey);
                foreach (var (key, value) in Metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
                    writer.WriteString(key, value);
                writer.WriteEndObject();
            }

            foreach (var tensor in Tensors)
                tensor.Write(writer);
            writer.WriteEndObject();
        }

        while (buffer.Length % Alignment != 0)
            buffer.WriteByte((byte)' ');
        return buffer.ToArray();
    }

    private static SafetensorsHeader Parse(string path, ref Utf8JsonReader reader)
    {
        var tensors = new Dictionary<string, SafetensorsTensor>();
        Dictionary<string, string>? metadata = null;
        reader.Read();   // the object's start
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            reader.Read();
            if (name == MetadataKey)
                metadata = metadata is null ? ParseMetadata(path, ref reader) : throw Bad(path, "is there twice", name);
            else if (!tensors.TryAdd(name, ParseTensor(path, name, ref reader)))
                throw Bad(path, "is there twice", name);
            if (tensors.Count > TensorFile.MaximumNames)
                throw new CheckpointException(path, $"claims more than {TensorFile.MaximumNames} tensors", Remedy);
        }

        reader.Read();   // fails on anything but white space behind the object
        return new SafetensorsHeader(
            [.. tensors.Values.OrderBy(tensor => tensor.Begin).ThenBy(tensor => tensor.End)], metadata ?? []);
    }

    private static Dictionary<string, string> ParseMetadata(string path, ref Utf8JsonReader reader)
    {
        var metadata = new Dictionary<string, string>();
        if (reader.TokenType != JsonTokenType.StartObject)
            throw Bad(path, "must be an object of texts", MetadataKey);

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String)
                throw Bad(path, $"'{CheckpointException.Sanitize(key)}' must be a text", MetadataKey);
            if (!metadata.TryAdd(key, reader.GetString()!))
                throw Bad(path, $"'{CheckpointException.Sanitize(key)}' is there twice", MetadataKey);
        }

        return metadata;
    }

    private static SafetensorsTensor ParseTensor(string path, string name, ref Utf8JsonReader reader)
    {
        string? type = null;
        long[]? shape = null, offsets = null;
        if (reader.TokenType != JsonTokenType.StartObject)
            throw Bad(path, "must be an object", name);

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var property = reader.GetString()!;
            reader.Read();
            switch (property)
            {
                case "dtype" when type is null: type = ParseType(path, name, ref reader); break;
                case "shape" when shape is null: shape = ParseNumbers(path, name, ref reader); break;
                case "data_offsets" when offsets is null: offsets = ParseNumbers(path, name, ref reader); break;
                default:
                    throw Bad(
                        path, $"its property '{CheckpointException.Sanitize(property)}' is unknown or there twice", name);
            }
        }

        return type is { } known && shape is not null && offsets is [var begin, var end] && begin <= end
            ? new SafetensorsTensor(name, known, shape, begin, end)
            : throw Bad(path, "must have dtype, shape and two rising data_offsets", name);
    }

    // An unknown element type does not refuse the file: other tensors may be the wanted ones.
    private static string ParseType(string path, string name, ref Utf8JsonReader reader)
    {
        var text = reader.TokenType == JsonTokenType.String
            ? reader.GetString()!
            : throw Bad(path, "its dtype must be a text", name);
        return text.Length is > 0 and <= LongestType ? text : throw Bad(path, "its dtype is empty or too long", name);
    }

    private static long[] ParseNumbers(string path, string name, ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
            throw Bad(path, "its shape and data_offsets must be arrays", name);

        var numbers = new List<long>();
        while (reader.Read() && reader.TokenType == JsonTokenType.Number)
        {
            numbers.Add(reader.TryGetInt64(out var number) && number >= 0
                ? number
                : throw Bad(path, "its sizes must be whole numbers, at least 0", name));
            if (numbers.Count > TensorEntry.MaximumRank)
                throw Bad(path, $"has more than {TensorEntry.MaximumRank} dimensions", name);
        }

        return reader.TokenType == JsonTokenType.EndArray
            ? [.. numbers]
            : throw Bad(path, "its shape and data_offsets must hold numbers", name);
    }

    private static CheckpointException Bad(string path, string problem, string name) =>
        new(path, $"header entry '{CheckpointException.Sanitize(name)}': {problem}", Remedy);
}

/// <summary>One tensor of a safetensors header.</summary>
/// <param name="Name">As in the header.</param>
/// <param name="Kind">Its <c>dtype</c>, which may be one that is not read.</param>
/// <param name="Shape">Its sizes, at least 0.</param>
/// <param name="Begin">Its first byte, counted from the end of the header.</param>
/// <param name="End">The first byte behind it, counted in the same way.</param>
internal sealed record SafetensorsTensor(string Name, string Kind, long[] Shape, long Begin, long End)
{
    // Bits of an element, for the element types that are known but not read.
    private static readonly Dictionary<string, int> _unreadBits = new()
    {
        ["U16"] = 16,
        ["U32"] = 32,
        ["U64"] = 64,
        ["C64"] = 64,
        ["C128"] = 128,
        ["F4"] = 4,
        ["F6_E2M3"] = 6,
        ["F6_E3M2"] = 6,
        ["F8_E4M3"] = 8,
        ["F8_E4M3FNUZ"] = 8,
        ["F8_E5M2"] = 8,
        ["F8_E5M2FNUZ"] = 8,
        ["F8_E8M0"] = 8,
    };

    /// <summary>Its element type; null where the type is not read.</summary>
    public ElementType? Type { get; } = ElementTypes.Parse(Kind);

    /// <summary>Whether it has as many bytes as its shape needs; true where the size of an element is unknown.</summary>
    public bool Fits
    {
        get
        {
            if (!_unreadBits.TryGetValue(Kind, out var bits))
                return true;

            var needed = Shape.Aggregate((Int128)bits, (product, size) => product > long.MaxValue ? product : product * size);
            return needed == (Int128)8 * (End - Begin);
        }
    }

    /// <summary>Writes its header entry.</summary>
    public void Write(Utf8JsonWriter writer)
    {
        writer.WriteStartObject(Name);
        writer.WriteString("dtype", Kind);
        WriteNumbers(writer, "shape", Shape);
        WriteNumbers(writer, "data_offsets", [Begin, End]);
        writer.WriteEndObject();
    }

    private static void WriteNumbers(Utf8JsonWriter writer, string property, long[] numbers)
    {
        writer.WriteStartArray(property);
        foreach (var number in numbers)
            writer.WriteNumberValue(number);
        writer.WriteEndArray();
    }
}
