using System.Text.Json;
using AdaptThenUnlearn.Torch.Checkpoints;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Features;

/// <summary>
/// Weights and images by formula, as the interop cases describe them: what the real weights cannot be used for in a test.
/// </summary>
internal static class InceptionFormula
{
    /// <summary>Writes the weights of a case under the published names.</summary>
    /// <returns><paramref name="path"/>.</returns>
    public static string Weights(Interop reference, string path)
    {
        using var scope = NewDisposeScope();
        using var parameters = JsonDocument.Parse(File.ReadAllText(reference.PathOf("params.json")));
        var isHash = reference["generator"].GetProperty("type").GetString() == "hash";
        var tensors = new Dictionary<string, Tensor>();
        foreach (var entry in parameters.RootElement.EnumerateArray())
        {
            var index = entry.GetProperty("idx").GetInt64();
            long[] shape = [.. entry.GetProperty("shape").EnumerateArray().Select(size => size.GetInt64())];
            var count = shape.Aggregate(1L, (product, size) => product * size);
            var (scale, kind) = (entry.GetProperty("std").GetDouble(), entry.GetProperty("kind").GetString()!);
            var values = new float[count];
            for (var k = 0L; k < count; k++)
            {
                var b = isHash ? Hash((ulong)k, (ulong)index) : Math.Sin(0.7 * (k + 1) + index);
                values[k] = (float)(kind switch
                {
                    "bn.weight" => 1 + 0.1 * b,
                    "bn.bias" => 0.1 * b,
                    "running_mean" or "fc.bias" => 0.01 * b,
                    "running_var" => 1 + 0.1 * b * b,
                    _ => b * scale,
                });
            }

            tensors[entry.GetProperty("name").GetString()!] = tensor(values).view(shape);
        }

        SafetensorsFile.Write(path, tensors);
        return path;
    }

    /// <summary>The formula images, <c>[count, 3, size, size]</c>, 0 to 1.</summary>
    public static Tensor Images(int count, int size)
    {
        var values = new float[count * 3 * size * size];
        var at = 0;
        for (var b = 0; b < count; b++)
            for (var c = 0; c < 3; c++)
                for (var y = 0; y < size; y++)
                    for (var x = 0; x < size; x++)
                    {
                        var (u, v) = ((double)x / size, (double)y / size);
                        values[at++] = (float)(0.5
                            + 0.2 * Math.Sin(6 * (b + 1) * u + 2 * c)
                            + 0.15 * Math.Cos((9 + 4 * c) * v - 0.5 * b)
                            + 0.15 * Math.Sin(40 * u * v + 25 * (u - v) * (b + 1) + c));
                    }

        return tensor(values).view(count, 3, size, size);
    }

    private static double Hash(ulong k, ulong index)
    {
        var x = unchecked(k * 0x9E3779B97F4A7C15 + (index + 1) * 0xD1342543DE82EF95 + 12345);
        x ^= x >> 30;
        x = unchecked(x * 0xBF58476D1CE4E5B9);
        x ^= x >> 27;
        x = unchecked(x * 0x94D049BB133111EB);
        x ^= x >> 31;
        return Math.Sqrt(3) * (2 * ((x >> 11) * Math.Pow(2, -53)) - 1);
    }
}
