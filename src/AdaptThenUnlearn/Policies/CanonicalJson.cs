using System.Text;
using System.Text.Json;
using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Policies;

/// <summary>
/// The canonical text of a policy: names in ordinal order, no white space, the shortest numbers that read back the same.
/// </summary>
public static class CanonicalJson
{
    /// <summary>The text.</summary>
    public static string Serialize(UnlearningPolicy policy) => Write(policy);

    /// <summary>
    /// Digest of a classifier as it is used: of its files, and of what the policy says of its outputs, its input and its
    /// prompts. Where the policy says nothing, it is that of the file. Whatever changes an answer changes it.
    /// </summary>
    /// <param name="classifier">Its paths, pins and format do not count: they only find the files and read them.</param>
    /// <param name="sha256">Digests of its files, in the order of <see cref="ClassifierFile.ListFor"/>; at least one.</param>
    public static string DigestAsUsed(ClassifierChoice classifier, params IReadOnlyList<string> sha256)
    {
        var files = sha256 is [var only] ? only : Sha256Digest.Compute(string.Join('\n', sha256));
        var used = new ClassifierChoice(
            "", classifier.Classes, null, classifier.Outputs, null, classifier.Preprocessing, classifier.Architecture,
            classifier.Output, classifier.TextModel?.AsUsed(), classifier.Prompts,
            classifier.IsImageText ? classifier.LogitScaleInEffect : null);
        return used == new ClassifierChoice("", null, null) ? files : Sha256Digest.Compute($"{files}\n{Write(used)}");
    }

    /// <summary>
    /// SHA-256 of the text in UTF-8, 64 lower-case hexadecimal digits: the digest of everything that is in effect.
    /// </summary>
    public static string Digest(UnlearningPolicy policy) =>
        Sha256Digest.Compute(Serialize(policy));

    /// <summary>The text of one of a policy's records.</summary>
    internal static string Write<T>(T value)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, new() { Encoder = PolicyJson.Options.Encoder }))
            WriteSorted(JsonSerializer.SerializeToElement(value, PolicyJson.Options), writer);

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static void WriteSorted(JsonElement element, Utf8JsonWriter writer)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                writer.WriteStartObject();
                foreach (var property in element.EnumerateObject().OrderBy(property => property.Name, StringComparer.Ordinal))
                {
                    writer.WritePropertyName(property.Name);
                    WriteSorted(property.Value, writer);
                }

                writer.WriteEndObject();
                break;

            case JsonValueKind.Array:
                writer.WriteStartArray();
                foreach (var item in element.EnumerateArray())
                    WriteSorted(item, writer);

                writer.WriteEndArray();
                break;

            default:
                element.WriteTo(writer);
                break;
        }
    }
}
