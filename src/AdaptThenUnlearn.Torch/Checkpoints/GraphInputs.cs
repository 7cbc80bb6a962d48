using System.Globalization;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Checkpoints.Onnx;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>What the inputs of a generator's graph are, as the policy says, or as a single input leaves no doubt.</summary>
internal sealed class GraphInputs
{
    private const int LargestMap = 4096;   // pixels a side

    private readonly OnnxModel _model;
    private readonly string _path;
    private readonly GraphPort _latent;
    private readonly bool _asColumns;
    private readonly GraphPort? _truncation;
    private readonly GraphPort? _label;
    private readonly List<(GraphPort Port, int Size)> _noise = [];
    private readonly List<(GraphPort Port, double[] Values, string What)> _constants = [];

    /// <summary>Finds out what each input is.</summary>
    /// <param name="path">The graph's file, for messages.</param>
    /// <param name="model">The graph.</param>
    /// <param name="stated">What the policy says of each input; null where it says nothing.</param>
    /// <param name="latentSize">What the policy says of the latent's width; null where it says nothing.</param>
    /// <exception cref="CheckpointException">
    /// An input's meaning is not said and not certain, or is one that its shape does not have.
    /// </exception>
    public GraphInputs(string path, OnnxModel model, IReadOnlyDictionary<string, GraphInput>? stated, int? latentSize)
    {
        (_path, _model) = (path, model);
        RequireAllSaid(stated);
        IsFound = stated is null;
        _latent = stated is null ? model.Inputs[0] : Find(stated.Single(named => named.Value.Is == GraphInput.Latent).Key);
        (var width, _asColumns) = LatentWidth(latentSize);
        Batch = _latent.Dimensions![0].Size;
        foreach (var (name, input) in stated ?? new Dictionary<string, GraphInput>())
        {
            var port = Find(name);
            if (port.Type is null)
                throw Wrong(port, "is of a type that no input can be given");

            switch (input.Is)
            {
                case GraphInput.Noise:
                    _noise.Add((port, NoiseSize(port)));
                    break;
                case GraphInput.Truncation when _truncation is null && port is { Rank: 0 or 1 or 2, IsFloatingPoint: true }:
                    _truncation = port;
                    break;
                case GraphInput.Truncation:
                    throw Wrong(port, "cannot be the truncation, which is one floating-point number");
                case GraphInput.Label when input.Class is { } number:
                    _constants.Add((
                        port, ClassOf(port, number), FormattableString.Invariant($"{GraphInput.Label}, class {number}")));
                    break;
                case GraphInput.Label:
                    (_label, Classes) = (port, DrawnClasses(port));
                    break;
                case GraphInput.Constant:
                    _constants.Add((port, [.. input.Value!], $"{GraphInput.Constant} {Text(input.Value)}"));
                    break;
            }
        }

        // Maps that all images of a call share would tie them together: then each image has a call of its own.
        if (_noise.Any(map => !HasRows(map.Port)))
            Batch = 1;
        LatentSize = width + Classes;
        foreach (var (port, values, _) in _constants)
            ShapeOf(port, values);
    }

    /// <summary>Length of a generator's latent, with one number for each drawn class at its end.</summary>
    public int LatentSize { get; }

    /// <summary>Classes that are drawn; 0 where the policy fixes one, or where there are none.</summary>
    public int Classes { get; }

    /// <summary>Images that the graph makes at a time; null where it makes any number.</summary>
    public long? Batch { get; }

    /// <summary>Whether the only input was taken for the latent without a word of the policy.</summary>
    public bool IsFound { get; }

    /// <summary>Whether one of the inputs is the truncation.</summary>
    public bool TakesTruncation => _truncation is not null;

    /// <summary>Sizes of the noise maps, pixels a side.</summary>
    public IReadOnlyList<int> NoiseSizes => [.. _noise.Select(map => map.Size)];

    /// <summary>What each input gets, for the record.</summary>
    public string Describe() => string.Join(", ", _model.Inputs.Select(input =>
        $"'{CheckpointException.Sanitize(input.Name)}' {input}: "
            + (input == _latent ? GraphInput.Latent
                : input == _truncation ? GraphInput.Truncation
                : input == _label ? $"{GraphInput.Label}, drawn"
                : _noise.Any(map => map.Port == input) ? GraphInput.Noise
                : _constants.Single(each => each.Port == input).What)));

    /// <summary>What the inputs get for some images.</summary>
    /// <param name="latents"><c>[N, LatentSize]</c>.</param>
    /// <param name="noise">One map <c>[N or 1, 1, size, size]</c> for each of <see cref="NoiseSizes"/>; null for zeros.</param>
    /// <param name="truncation">1 for none.</param>
    /// <returns>Tensors belong to the caller's scope.</returns>
    public IReadOnlyList<GraphFeed> Feeds(Tensor latents, IReadOnlyList<Tensor>? noise, double truncation)
    {
        var count = latents.shape[0];
        var z = latents.narrow(1, 0, LatentSize - Classes);
        List<GraphFeed> feeds = [new(_latent, _asColumns ? z.unsqueeze(-1).unsqueeze(-1) : z, HasRows: true)];
        foreach (var ((port, size), index) in _noise.Select((map, index) => (map, index)))
        {
            var maps = noise is null
                ? zeros([count, 1, size, size], device: latents.device)
                : noise[index].expand(count, 1, size, size);
            feeds.Add(new(port, port.Rank == 3 ? maps.squeeze(1) : maps, HasRows: true));
        }

        if (_label is not null)
        {
            var drawn = latents.narrow(1, LatentSize - Classes, Classes).argmax(1);
            feeds.Add(new(_label, nn.functional.one_hot(drawn, Classes), HasRows: true));
        }

        if (_truncation is not null)
            feeds.Add(Filled(_truncation, [truncation], count));
        feeds.AddRange(_constants.Select(each => Filled(each.Port, each.Values, count)));
        return feeds;
    }

    private void RequireAllSaid(IReadOnlyDictionary<string, GraphInput>? stated)
    {
        var advice = $"add to the policy's generator, and make it true: {GraphAdvice.Inputs(_model)}";
        if (_model.Inputs.Count == 0)
            throw new CheckpointException(_path, "has no input, so that there is nothing to draw",
                "export it with its latent as an input");
        if (stated is null)
        {
            if (_model.Inputs.Count > 1)
                throw new CheckpointException(
                    _path,
                    $"has {_model.Inputs.Count} inputs ({GraphProgram.Listed(_model.Inputs)}), and what each gets is not said",
                    advice);
            return;
        }

        foreach (var name in stated.Keys)
            Find(name);
        if (_model.Inputs.FirstOrDefault(input => !stated.ContainsKey(input.Name)) is { } unsaid)
            throw new CheckpointException(
                _path, $"has an input {GraphProgram.Listed([unsaid])}, of which 'inputs' says nothing", advice);
    }

    private GraphPort Find(string name) => _model.Inputs.FirstOrDefault(input => input.Name == name)
        ?? throw new CheckpointException(
            _path, $"has no input '{CheckpointException.Sanitize(name)}'; it has {GraphProgram.Listed(_model.Inputs)}",
            "use its names in 'inputs' of the policy's generator");

    private (int Width, bool AsColumns) LatentWidth(int? stated)
    {
        var isColumn = _latent.Dimensions is [_, _, { Size: 1 or null }, { Size: 1 or null }];
        if (!_latent.IsFloatingPoint || !(isColumn || _latent.Rank == 2))
            throw Wrong(_latent, "cannot be the latent, which is floating point [N, latent] or [N, latent, 1, 1]");

        var own = _latent.Dimensions![1].Size;
        if (own is { } width && stated is { } other && width != other)
            throw new CheckpointException(
                _path, $"takes latents of {width} numbers, and 'latentSize' says {other}", "leave 'latentSize' out");
        return ((own ?? stated) is { } size and > 0 and <= 65536 ? (int)size : throw new CheckpointException(
            _path, $"does not say how many numbers a latent has: its input is {GraphProgram.Listed([_latent])}",
            "say it: \"latentSize\" of the policy's generator, or --latent-size"), isColumn);
    }

    private int NoiseSize(GraphPort port)
    {
        var size = port.Rank is 3 or 4 ? port.Dimensions![^1].Size : null;
        var isMap = port.IsFloatingPoint && size is <= LargestMap && port.Dimensions![^2].Size == size
            && (port.Rank == 3 || port.Dimensions[1].Size == 1);
        return isMap
            ? (int)size!.Value
            : throw Wrong(port, "cannot be noise, which is floating point [N, 1, H, H]; give a 'constant' instead");
    }

    private int DrawnClasses(GraphPort port) => port.Dimensions is [_,
    { Size: > 1 and <= 65536 and var classes }] && _label is null
        ? (int)classes
        : throw Wrong(port, "cannot have drawn classes, which is [N, classes], one 1 in each row; say the number of one, "
            + "\"class\"");

    // A row of zeros with a one where the input has a number for each class, otherwise the class's number.
    private double[] ClassOf(GraphPort port, int number)
    {
        if (port.Dimensions is not ([] or [_] or [_, _]))
            throw Wrong(port, "cannot be a class, which is its number, or [N, classes] with one 1 in each row");
        if (port.Rank < 2 || port.Dimensions![1].Size == 1)
            return [number];

        var classes = port.Dimensions[1].Size ?? throw Wrong(port,
            "does not say how many classes it has; give a 'constant' instead");
        return number < classes
            ? [.. Enumerable.Range(0, (int)classes).Select(index => index == number ? 1.0 : 0.0)]
            : throw Wrong(port, string.Create(
                CultureInfo.InvariantCulture, $"has {classes} classes, 0 to {classes - 1}, and 'class' says {number}"));
    }

    private bool HasRows(GraphPort port) => port.Rank > 0
        && (port.Dimensions![0].Size is not { } size || (size == _latent.Dimensions![0].Size && size > 1));

    private GraphFeed Filled(GraphPort port, double[] values, long count)
    {
        var shape = ShapeOf(port, values);
        var filled = values.Length == 1 ? full(shape, Scalars.Of(values[0]), float64) : tensor(values, float64).view(shape);
        return HasRows(port)
            ? new GraphFeed(port, filled.unsqueeze(0).expand([count, .. shape]), HasRows: true)
            : new GraphFeed(port, filled, HasRows: false);
    }

    // The shape of one row where the input has rows, otherwise of the whole input.
    private long[] ShapeOf(GraphPort port, double[] values)
    {
        if (port.Dimensions is not { } dimensions)
            throw Wrong(port, "has no shape in the file, so that it cannot be filled");

        var own = HasRows(port) ? dimensions.Skip(1) : dimensions;
        var shape = own.Select(each => each.Size ?? throw Wrong(port, "has a dynamic dimension that nothing decides")).ToArray();
        var elements = shape.Aggregate(1L, (product, size) => product * size);
        return values.Length == 1 || values.Length == elements
            ? shape
            : throw Wrong(port, string.Create(
                CultureInfo.InvariantCulture, $"takes {elements} numbers for an image, and 'value' has {values.Length}"));
    }

    private CheckpointException Wrong(GraphPort port, string problem) => new(
        _path, $"the input {GraphProgram.Listed([port])} {problem}", "mend 'inputs' of the policy's generator");

    private static string Text(IReadOnlyList<double> values) => string.Join(
        ' ', values.Take(8).Select(value => value.ToString(CultureInfo.InvariantCulture))) + (values.Count > 8 ? " …" : "");
}
