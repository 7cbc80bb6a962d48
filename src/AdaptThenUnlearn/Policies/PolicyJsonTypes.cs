using System.Text.Json.Serialization;

namespace AdaptThenUnlearn.Policies;

/// <summary>What the compiler knows of policies as JSON, so that a start need not find it out by reflection.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(UnlearningPolicy))]
internal sealed partial class PolicyJsonTypes : JsonSerializerContext;
