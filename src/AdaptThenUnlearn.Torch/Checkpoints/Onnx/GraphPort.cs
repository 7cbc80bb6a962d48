using System.Globalization;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints.Onnx;

/// <summary>An input or an output of a graph, as the file declares it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="ElementType">ONNX's number of the type of its elements; 0 where it is no tensor.</param>
/// <param name="Dimensions">Its shape; null where the file does not say it.</param>
internal sealed record GraphPort(string Name, long ElementType, IReadOnlyList<GraphDimension>? Dimensions)
{
    /// <summary>Number of dimensions; null where the file does not say it.</summary>
    public int? Rank => Dimensions?.Count;

    /// <summary>Whether its elements are floating-point numbers.</summary>
    public bool IsFloatingPoint => Type is ScalarType.Float32 or ScalarType.Float16 or ScalarType.Float64;

    /// <summary>Type of its elements; null where this version has no tensors of it.</summary>
    public ScalarType? Type => OnnxTypes.ToScalarType(ElementType);

    /// <summary>Its type and shape: <c>float32 [N, 64]</c>.</summary>
    public override string ToString() =>
        $"{OnnxTypes.NameOf(ElementType)} {(Dimensions is null ? "of unknown shape" : $"[{string.Join(", ", Dimensions)}]")}";
}

/// <summary>One dimension of a port.</summary>
/// <param name="Size">Its size; null where it is dynamic.</param>
/// <param name="Symbol">Its name where it is dynamic and has one; otherwise null.</param>
internal readonly record struct GraphDimension(long? Size, string? Symbol)
{
    /// <inheritdoc/>
    public override string ToString() =>
        Size?.ToString(CultureInfo.InvariantCulture) ?? (Symbol is { Length: > 0 } name ? CheckpointException.Sanitize(name)
            : "?");
}

/// <summary>ONNX's numbers of element types.</summary>
/// <remarks><c>TensorProto.DataType</c> of the ONNX specification ("Open Neural Network Exchange Intermediate
/// Representation").</remarks>
internal static class OnnxTypes
{
    private static readonly string[] _names =
    [
        "no tensor", "float32", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool", "float16", "float64",
        "uint32", "uint64", "complex64", "complex128", "bfloat16",
    ];

    /// <summary>Name of a type in messages.</summary>
    public static string NameOf(long type) => type >= 0 && type < _names.Length
        ? _names[type]
        : string.Create(CultureInfo.InvariantCulture, $"type {type}");

    /// <summary>The type in checkpoints; null where checkpoints hold no such tensors.</summary>
    public static ElementType? ToElementType(long type) => type switch
    {
        1 => Tensors.ElementType.F32,
        2 => Tensors.ElementType.U8,
        3 => Tensors.ElementType.I8,
        5 => Tensors.ElementType.I16,
        6 => Tensors.ElementType.I32,
        7 => Tensors.ElementType.I64,
        9 => Tensors.ElementType.BOOL,
        10 => Tensors.ElementType.F16,
        11 => Tensors.ElementType.F64,
        16 => Tensors.ElementType.BF16,
        _ => null,
    };

    /// <summary>The type of TorchSharp's tensors that a graph can be given; null where there is none.</summary>
    public static ScalarType? ToScalarType(long type) => ToElementType(type) is { } known and not Tensors.ElementType.BF16
        ? known.ToScalarType()
        : null;
}
