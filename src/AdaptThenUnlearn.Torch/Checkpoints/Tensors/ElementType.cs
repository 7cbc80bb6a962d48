using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints.Tensors;

/// <summary>Element type of a stored tensor; the names are those of safetensors.</summary>
/// <remarks>The reverse of the order in which safetensors' reference implementation lays out tensors.</remarks>
public enum ElementType
{
    /// <summary>One byte, 0 or 1.</summary>
    BOOL,
    /// <summary>Unsigned 8-bit integer.</summary>
    U8,
    /// <summary>Signed 8-bit integer.</summary>
    I8,
    /// <summary>Signed 16-bit integer.</summary>
    I16,
    /// <summary>IEEE 754 half precision.</summary>
    F16,
    /// <summary>The upper half of a single.</summary>
    BF16,
    /// <summary>Signed 32-bit integer.</summary>
    I32,
    /// <summary>IEEE 754 single precision.</summary>
    F32,
    /// <summary>IEEE 754 double precision.</summary>
    F64,
    /// <summary>Signed 64-bit integer.</summary>
    I64,
}

/// <summary>Sizes of element types, and their names in TorchSharp.</summary>
public static class ElementTypes
{
    /// <summary>Bytes of one element: 1, 2, 4 or 8.</summary>
    public static int Size(this ElementType type) => type switch
    {
        ElementType.BOOL or ElementType.U8 or ElementType.I8 => 1,
        ElementType.I16 or ElementType.F16 or ElementType.BF16 => 2,
        ElementType.I32 or ElementType.F32 => 4,
        _ => 8,
    };

    /// <summary>Whether the elements are floating-point numbers, as parameters are.</summary>
    public static bool IsFloatingPoint(this ElementType type) =>
        type is ElementType.F16 or ElementType.BF16 or ElementType.F32 or ElementType.F64;

    /// <summary>TorchSharp's name of an element type.</summary>
    public static ScalarType ToScalarType(this ElementType type) => type switch
    {
        ElementType.BOOL => ScalarType.Bool,
        ElementType.U8 => ScalarType.Byte,
        ElementType.I8 => ScalarType.Int8,
        ElementType.I16 => ScalarType.Int16,
        ElementType.F16 => ScalarType.Float16,
        ElementType.BF16 => ScalarType.BFloat16,
        ElementType.I32 => ScalarType.Int32,
        ElementType.F32 => ScalarType.Float32,
        ElementType.F64 => ScalarType.Float64,
        _ => ScalarType.Int64,
    };

    /// <summary>The element type with a name; null where there is none.</summary>
    public static ElementType? Parse(string name)
    {
        foreach (var candidate in Enum.GetValues<ElementType>())
            if (candidate.ToString() == name)
                return candidate;

        return null;
    }

    /// <summary>
    /// The element type of a TorchSharp tensor, or null for one that checkpoints do not hold (complex numbers, quantised ones).
    /// </summary>
    public static ElementType? FromScalarType(ScalarType type)
    {
        foreach (var candidate in Enum.GetValues<ElementType>())
            if (candidate.ToScalarType() == type)
                return candidate;

        return null;
    }
}
