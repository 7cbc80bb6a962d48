using System.Text.Json;
using System.Text.Json.Serialization;

namespace AdaptThenUnlearn.Policies;

/// <summary>Writes <see cref="AdversarialOptions.AsTrained"/> as its word, and all other values as an object.</summary>
internal sealed class AdversarialOptionsConverter : JsonConverter<AdversarialOptions>
{
    /// <inheritdoc/>
    /// <exception cref="JsonException">The text is another word, or the object is not complete.</exception>
    public override AdversarialOptions Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.String)
            return reader.GetString() is { } word && AdversarialOptions.Named.TryGetValue(word, out var named)
                ? named
                : throw new JsonException($"a text in place of the training terms is '{AdversarialOptions.AsTrainedWord}'");

        var terms = JsonSerializer.Deserialize<Terms>(ref reader, options)!;
        return new(terms.R1Weight, terms.R1Every, terms.PathLengthWeight, terms.PathLengthEvery, terms.StyleMixing);
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, AdversarialOptions value, JsonSerializerOptions options)
    {
        if (value.IsAsTrained)
            writer.WriteStringValue(AdversarialOptions.AsTrainedWord);
        else
            JsonSerializer.Serialize(
                writer,
                new Terms(
                    value.R1Weight, value.R1Every, value.PathLengthWeight, value.PathLengthEvery, value.StyleMixing),
                options);
    }

    // The object, in the order in which records of earlier versions hold it.
    private sealed record Terms(
        double R1Weight, int R1Every, double PathLengthWeight, int PathLengthEvery, double StyleMixing);
}
