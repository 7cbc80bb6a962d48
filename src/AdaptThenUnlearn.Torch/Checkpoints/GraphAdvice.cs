using System.Text.Json;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints.Onnx;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>
/// Lines that a policy needs for a graph. What its names and shapes only suggest is a suggestion: nobody acts on it but its
/// reader.
/// </summary>
internal static class GraphAdvice
{
    /// <summary>The properties of a policy's generator.</summary>
    public static string ForGenerator(OnnxModel model)
    {
        List<string> lines = [$"\"format\": \"{GeneratorChoice.Onnx}\""];
        if (model.Inputs.Count != 1)
            lines.Add(Inputs(model));
        if (LikelyLatent(model) is null)
            lines.Add("\"latentSize\": … unless the latent input has a fixed width");
        var output = new List<string>();
        if (model.Outputs.Count != 1)
            output.Add($"\"name\": {Quoted(model.Outputs.Count == 0 ? "…" : model.Outputs[0].Name)}");
        if (model.Outputs is not [var only] || (GraphImages.LayoutOf(only) is null && only.Dimensions is not null))
            output.Add("\"layout\": \"nchw\"");
        if (model.Outputs is not [var sole] || GraphImages.FindRange(model, sole) is null)
            output.Add("\"range\": \"-1..1\"");
        if (output.Count > 0)
            lines.Add($"\"output\": {{ {string.Join(", ", output)} }} (or what it is)");
        return string.Join(", ", lines);
    }

    /// <summary>The properties of one of a policy's classifiers.</summary>
    public static string ForClassifier(OnnxModel model) =>
        $"\"format\": \"{GeneratorChoice.Onnx}\", \"classes\": [ … ]"
            + (model.Outputs.Count == 1 ? "" : $", \"output\": {Quoted(model.Outputs.Count == 0 ? "…" : model.Outputs[0].Name)}")
            + ", and \"preprocessing\" unless it takes the generator's images as they are";

    /// <summary>The property that says what each input of a generator is.</summary>
    public static string Inputs(OnnxModel model)
    {
        var latent = LikelyLatent(model);
        var named = model.Inputs.Select(input => $"{Quoted(input.Name)}: {{ {Kind(input)} }}");
        return $"\"inputs\": {{ {string.Join(", ", named)} }}";

        string Kind(GraphPort input) =>
            input == latent ? "\"is\": \"latent\""
            : input.Rank is 0 or 1 && input.IsFloatingPoint ? "\"is\": \"truncation\""
            : input.Rank is 4 && input.IsFloatingPoint ? "\"is\": \"noise\""
            : input.Rank is 1 or 2 ? "\"is\": \"label\", \"class\": 0"
            : "\"is\": \"constant\", \"value\": [0]";
    }

    private static GraphPort? LikelyLatent(OnnxModel model) => model.Inputs.FirstOrDefault(
        input => input.IsFloatingPoint
            && input.Dimensions is [_, { Size: > 1 }] or [_, { Size: > 1 }, { Size: 1 }, { Size: 1 }]);

    private static string Quoted(string name) => JsonSerializer.Serialize(Tensors.CheckpointException.Sanitize(name));
}
