using System.Text.Json.Serialization;

namespace AdaptThenUnlearn.Runs;

/// <summary>What the compiler knows of run records as JSON, so that a start need not find it out by reflection.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(RunRecord))]
internal sealed partial class RunRecordTypes : JsonSerializerContext;
