using System.Globalization;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Torch.Models.Sequence;

/// <summary>The layers of a stored sequence, and what of them was assumed.</summary>
/// <param name="Prefix">As <see cref="StoredSequence.Prefix"/>.</param>
/// <param name="Layers">In order.</param>
/// <param name="Assumed">What had to be assumed; null where all of it was stated.</param>
public sealed record SequenceInterpretation(string Prefix, IReadOnlyList<SequenceLayer> Layers, AssumedLayers? Assumed)
{
    /// <summary>Reads the layers as the policy states them, and checks each against the stored weights.</summary>
    /// <param name="sequence">As stored.</param>
    /// <param name="texts">One for each layer, as <see cref="LayerText"/>.</param>
    /// <exception cref="ArgumentException">A layer does not fit the weights; the message says which.</exception>
    public static SequenceInterpretation FromLayerTexts(StoredSequence sequence, IReadOnlyList<string> texts)
    {
        var layers = texts.Select((text, number) => Layer(sequence, number, text)).ToList();
        return sequence.Parts.Keys.Where(number => number >= texts.Count).Order().ToList() is [var first, ..]
            ? throw new ArgumentException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"'layers' names {texts.Count} layers, and the file has "
                        + $"'{sequence.NameOf(first, sequence.Parts[first].Tensors.Keys.First())}'"))
            : new SequenceInterpretation(sequence.Prefix, layers, Assumed: null);
    }

    /// <summary>
    /// Guesses the layers of a file, for the user to correct: as many as there are numbers, and an activation at the end.
    /// </summary>
    /// <returns>Texts as <see cref="LayerText"/>.</returns>
    public static IReadOnlyList<string> SuggestLayers(StoredSequence sequence)
    {
        List<string> layers = [];
        var (channels, enlarged, convolutions) = (0, false, 0);
        var maps = sequence.Parts.Values.Any(part => part.IsConvolution);
        foreach (var part in sequence.InOrder)
        {
            var gap = part.Number - layers.Count;
            for (var missing = 0; missing < gap; missing++)
            {
                enlarged |= missing == 1 && maps;
                layers.Add(missing == 0 ? "ReLU" : missing == 1 && maps ? "Upsample(scale_factor=2)" : "Identity");
            }

            layers.Add(Guess(part));
        }

        layers.Add("Tanh");
        return layers;

        string Guess(StoredPart part)
        {
            if (part.IsLinear)
                return "Linear";
            if (part.IsBatchNorm)
                return maps ? "BatchNorm2d" : "BatchNorm1d";
            if (part.IsPrelu)
                return "PReLU";
            if (!part.IsConvolution)
                return "InstanceNorm2d(affine=True)";

            var transposed = !enlarged && (channels == 0 || part.Size(0) == channels);
            channels = part.Size(transposed ? 1 : 0);
            enlarged = false;
            var kernel = part.Size(2);
            var (stride, padding) = convolutions++ == 0 && transposed
                ? (1, 0)
                : !transposed ? (1, kernel / 2) : (2, Math.Max(0, (kernel - 1) / 2));
            return string.Create(
                CultureInfo.InvariantCulture,
                $"{(transposed ? "ConvTranspose2d" : "Conv2d")}(kernel_size={kernel}, stride={stride}, padding={padding})");
        }
    }

    private static SequenceLayer Layer(StoredSequence sequence, int number, string text)
    {
        var layerText = Parsed(text);
        var part = sequence.Parts.GetValueOrDefault(number);
        var layer = Built(layerText, part, number);
        if (part is not null && layer is ReluLayer or TanhLayer
            or SigmoidLayer or UpsampleLayer or UnflattenLayer or IdentityLayer or InstanceNormLayer { Affine: false })
            throw CreateError($"has no weights, and the file has '{sequence.NameOf(number, part.Tensors.Keys.First())}'");
        return layer;

        LayerText Parsed(string each)
        {
            try
            {
                return LayerText.Parse(each);
            }
            catch (FormatException wrong)
            {
                throw CreateError(wrong.Message);
            }
        }

        SequenceLayer Built(LayerText layer, StoredPart? stored, int place) => layer.Type switch
        {
            "ConvTranspose2d" => Convolution(layer, RequirePart(stored, stored?.IsConvolution), transposed: true),
            "Conv2d" => Convolution(layer, RequirePart(stored, stored?.IsConvolution), transposed: false),
            "Linear" => Linear(layer, RequirePart(stored, stored?.IsLinear)),
            "BatchNorm2d" or "BatchNorm1d" => Normed(layer, RequirePart(stored, stored?.IsBatchNorm)),
            "InstanceNorm2d" => Instance(layer, stored),
            "ReLU" => new ReluLayer(place, 0),
            "LeakyReLU" => new ReluLayer(place, layer.GetDouble("negative_slope", 0.01)),
            "PReLU" => new PreluLayer(place, RequirePart(stored, stored?.IsPrelu).Size(0)),
            "Tanh" => new TanhLayer(place),
            "Sigmoid" => new SigmoidLayer(place),
            "Upsample" or "UpsamplingNearest2d" => new UpsampleLayer(place, layer.GetInt32("scale_factor") ?? 1),
            "Unflatten" => new UnflattenLayer(place, layer.GetUnflattenedSize().Maps, layer.GetUnflattenedSize().Side),
            _ => new IdentityLayer(place),
        };

        StoredPart RequirePart(StoredPart? stored, bool? fits)
        {
            if (stored is null)
                throw CreateError($"the file has no '{sequence.NameOf(number, "weight")}'");
            if (fits == true)
                return stored;

            var tensors = stored.Tensors.Select(
                tensor => $"'{sequence.NameOf(number, tensor.Key)}' [{string.Join(", ", tensor.Value)}]");
            throw CreateError($"the file's tensors are not of such a layer: {string.Join(", ", tensors)}");
        }

        ConvolutionLayer Convolution(LayerText layer, StoredPart stored, bool transposed)
        {
            var (inputs, outputs) = transposed ? (stored.Size(0), stored.Size(1)) : (stored.Size(1), stored.Size(0));
            RequireEqual(layer, "in_channels", inputs);
            RequireEqual(layer, "out_channels", outputs);
            RequireEqual(layer, "kernel_size", stored.Size(2));
            var made = new ConvolutionLayer(
                number,
                inputs,
                outputs,
                stored.Size(2),
                layer.GetInt32("stride") ?? 1,
                layer.GetInt32("padding") ?? 0,
                layer.GetInt32("output_padding") ?? 0,
                stored.HasBias,
                transposed);
            return made.OutputPadding < made.Stride || made.OutputPadding == 0
                ? made
                : throw CreateError("'output_padding' must be smaller than 'stride'");
        }

        LinearLayer Linear(LayerText layer, StoredPart stored)
        {
            RequireEqual(layer, "in_features", stored.Size(1));
            RequireEqual(layer, "out_features", stored.Size(0));
            return new LinearLayer(number, stored.Size(1), stored.Size(0), stored.HasBias);
        }

        BatchNormLayer Normed(LayerText layer, StoredPart stored)
        {
            var features = stored.Tensors["running_mean"] is [> 0 and < 65536 and var size]
                ? (int)size
                : throw CreateError("its statistics are not one number a feature");
            RequireEqual(layer, "num_features", features);
            var affine = layer.GetBoolean("affine", true);
            return affine == stored.Tensors.ContainsKey("weight")
                ? new BatchNormLayer(number, features, layer.GetDouble("eps", 1e-5), layer.Type == "BatchNorm1d", affine)
                : throw CreateError($"'affine' is {affine}, and the file says otherwise");
        }

        InstanceNormLayer Instance(LayerText layer, StoredPart? stored)
        {
            var affine = layer.GetBoolean("affine", false);
            var maps = affine ? RequirePart(stored, stored is { HasBias: true, IsBatchNorm: false }).Size(0) : 0;
            return new InstanceNormLayer(number, maps, layer.GetDouble("eps", 1e-5), affine);
        }

        void RequireEqual(LayerText layer, string argument, int stored)
        {
            if (layer.GetInt32(argument) is { } given && given != stored)
                throw CreateError(
                    string.Create(CultureInfo.InvariantCulture, $"'{argument}' is {given}, the weights say {stored}"));
        }

        ArgumentException CreateError(string problem) =>
            new(string.Create(CultureInfo.InvariantCulture, $"layers[{number}], '{text}': {problem}"));
    }
}
