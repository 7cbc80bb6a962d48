using System.Text;
using System.Text.Json;

namespace AdaptThenUnlearn.Policies;

/// <summary>Reads JSON with comments and trailing commas into nodes that know their line and column.</summary>
internal static class PolicyText
{
    private const int MaxDepth = 64;

    private static readonly JsonReaderOptions Options = new()
    {
        AllowTrailingCommas = true,
        CommentHandling = JsonCommentHandling.Skip,
        MaxDepth = MaxDepth + 1,   // one more than ours, so that the message is ours
    };

    /// <summary>The root, or the error at which reading ends.</summary>
    public static (PolicyNode? Root, PolicyError? Error) Parse(string text, string file)
    {
        var bytes = Encoding.UTF8.GetBytes(text.StartsWith('\uFEFF') ? text[1..] : text);   // a byte order mark is not content
        var lines = new LineMap(file, bytes);
        return Parse(bytes, lines.At);
    }

    /// <summary>The value of an argument; null when it is not JSON.</summary>
    public static PolicyNode? ParseArgument(string text, string origin) =>
        Parse(Encoding.UTF8.GetBytes(text), _ => new Position(origin, 0, 0)).Root;

    private static (PolicyNode? Root, PolicyError? Error) Parse(byte[] bytes, Func<long, Position> at)
    {
        var reader = new Utf8JsonReader(bytes, Options);
        try
        {
            if (!HasContent(bytes) || !reader.Read())
                return (null, Syntax(at(bytes.Length), "the file is empty; a policy is a JSON object"));

            var root = ReadValue(ref reader, at);
            reader.Read();   // throws when something follows
            return (root, null);
        }
        catch (UnreadableTextException unreadable)
        {
            return (null, Syntax(at(reader.TokenStartIndex), unreadable.Message));
        }
        catch (JsonException broken)
        {
            return (null, Syntax(at(OffsetOf(broken, bytes)), Sentence(broken)));
        }
    }

    private static bool HasContent(byte[] bytes) => bytes.AsSpan().IndexOfAnyExcept(" \t\r\n"u8) >= 0;

    private static PolicyNode ReadValue(ref Utf8JsonReader reader, Func<long, Position> at)
    {
        var here = at(reader.TokenStartIndex);
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                ThrowIfTooDeep(reader);
                var properties = new List<PolicyProperty>();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
                {
                    var (name, nameAt) = (TextOf(reader), at(reader.TokenStartIndex));
                    reader.Read();
                    properties.Add(new(name, nameAt, ReadValue(ref reader, at)));
                }

                return new ObjectNode(here, properties);

            case JsonTokenType.StartArray:
                ThrowIfTooDeep(reader);
                var items = new List<PolicyNode>();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                    items.Add(ReadValue(ref reader, at));

                return new ListNode(here, items);

            case JsonTokenType.String:
                return new ScalarNode(here, JsonValueKind.String, TextOf(reader));

            case JsonTokenType.Number:
                return new ScalarNode(here, JsonValueKind.Number, Encoding.UTF8.GetString(reader.ValueSpan));

            case JsonTokenType.True:
                return new ScalarNode(here, JsonValueKind.True, "true");

            case JsonTokenType.False:
                return new ScalarNode(here, JsonValueKind.False, "false");

            default:
                return ScalarNode.Null(here);
        }
    }

    private static void ThrowIfTooDeep(in Utf8JsonReader reader)
    {
        if (reader.CurrentDepth >= MaxDepth)
            throw new UnreadableTextException($"nested deeper than {MaxDepth} levels");
    }

    private static string TextOf(in Utf8JsonReader reader)
    {
        try
        {
            return reader.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw new UnreadableTextException(
                "the text contains half a surrogate pair (\\uD800 to \\uDFFF alone is not a character)");
        }
    }

    private static long OffsetOf(JsonException broken, byte[] bytes)
    {
        long offset = 0;
        for (var line = broken.LineNumber ?? 0; line > 0; line--)
            offset += bytes.AsSpan((int)offset).IndexOf((byte)'\n') + 1;

        return Math.Min(bytes.Length, offset + (broken.BytePositionInLine ?? 0));
    }

    private static string Sentence(JsonException broken)
    {
        var end = broken.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return $"not JSON: {(end < 0 ? broken.Message : broken.Message[..end])}";
    }

    private static PolicyError Syntax(Position at, string message) =>
        new(PolicyCodes.Syntax, at.File, at.Line, at.Column, JsonPath.Root.Text, message);

    private sealed class UnreadableTextException(string message) : Exception(message);

    /// <summary>Turns byte offsets into lines and columns.</summary>
    private sealed class LineMap(string file, byte[] bytes)
    {
        private readonly List<int> _starts =
            [0, .. Enumerable.Range(0, bytes.Length).Where(index => bytes[index] == '\n').Select(index => index + 1)];

        // Offsets arrive in ascending order. Going on from the last one counts a long line once, not once for each value in it.
        private (int Line, int Offset, int Column) _last = (0, 0, 1);

        public Position At(long offset)
        {
            var found = _starts.BinarySearch((int)offset);
            var line = found >= 0 ? found : ~found - 1;
            var (from, column) = line == _last.Line && _last.Offset <= offset ? (_last.Offset, _last.Column) : (_starts[line], 1);
            column += Encoding.UTF8.GetCharCount(bytes.AsSpan(from, (int)offset - from));
            _last = (line, (int)offset, column);
            return new Position(file, line + 1, column);
        }
    }
}
