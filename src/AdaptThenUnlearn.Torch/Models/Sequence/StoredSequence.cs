using System.Globalization;
using System.Text.RegularExpressions;

namespace AdaptThenUnlearn.Torch.Models.Sequence;

/// <summary>
/// The tensors of a network whose names are numbers: <c>main.0.weight</c>, or <c>0.weight</c> of a bare <c>nn.Sequential</c>.
/// </summary>
/// <param name="Prefix">The name before the numbers; empty where there is none.</param>
/// <param name="Parts">Layers that have tensors, by number.</param>
/// <param name="Others">Tensors whose names are not of that form.</param>
public sealed partial record StoredSequence(
    string Prefix, IReadOnlyDictionary<int, StoredPart> Parts, IReadOnlyList<string> Others)
{
    private const int MostLayers = 256;   // higher numbers in a name are not the place of a layer

    /// <summary>The numbered parts of a network, or null where it has none.</summary>
    /// <param name="stored">Names that hold a slash belong to another part of the file.</param>
    public static StoredSequence? Parse(StoredNetwork stored)
    {
        var names = stored.Shapes.Keys.Where(name => !name.Contains('/', StringComparison.Ordinal)).ToList();
        var numbered = names.Select(name => NumberedName().Match(name))
            .Where(match => match.Success && Number(match) < MostLayers)
            .ToList();
        if (numbered.GroupBy(match => match.Groups["prefix"].Value).MaxBy(group => group.Count()) is not { } most)
            return null;

        var parts = most.GroupBy(Number).ToDictionary(
            group => group.Key,
            group => new StoredPart(
                group.Key, group.ToDictionary(match => match.Groups["name"].Value, match => stored.Shapes[match.Value])));
        return new StoredSequence(most.Key, parts, [.. names.Except(most.Select(match => match.Value))]);
    }

    /// <summary>The parts in order.</summary>
    public IEnumerable<StoredPart> InOrder => Parts.Values.OrderBy(part => part.Number);

    /// <summary>The full name of a tensor.</summary>
    /// <param name="number">Number of its part.</param>
    /// <param name="name">Its name within the part.</param>
    public string NameOf(int number, string name) =>
        string.Create(CultureInfo.InvariantCulture, $"{(Prefix.Length == 0 ? "" : Prefix + ".")}{number}.{name}");

    /// <summary>Refuses a network under spectral normalisation, which cannot be rebuilt from its state.</summary>
    /// <exception cref="ArgumentException">The network is under spectral normalisation.</exception>
    public static void RefuseSpectralNorm(StoredNetwork stored)
    {
        if (stored.Shapes.Keys.FirstOrDefault(
            name => name.EndsWith(".weight_orig", StringComparison.Ordinal)
                || name.Contains(".parametrizations.", StringComparison.Ordinal)) is { } name)
            throw new ArgumentException(
                $"'{name}' is a weight under spectral or another normalisation, which is computed at each use; take that off "
                    + "before saving (torch.nn.utils.remove_spectral_norm), or save TorchScript");
    }

    private static int Number(Match match) => int.Parse(match.Groups["number"].ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^(?:(?<prefix>[A-Za-z_]\w*)\.)?(?<number>\d{1,4})\.(?<name>[A-Za-z_]\w*)\z", RegexOptions.CultureInvariant)]
    private static partial Regex NumberedName();
}

/// <summary>The stored tensors of one layer.</summary>
/// <param name="Number">Its place in the sequence.</param>
/// <param name="Tensors">Shapes by name: <c>weight</c>, <c>bias</c>, <c>running_mean</c> …</param>
public sealed record StoredPart(int Number, IReadOnlyDictionary<string, IReadOnlyList<long>> Tensors)
{
    private IReadOnlyList<long>? Weight => Tensors.GetValueOrDefault("weight");

    /// <summary>Whether it is a convolution of a square kernel, transposed or not.</summary>
    public bool IsConvolution => Weight is [_, _, var height, var width] && height == width;

    /// <summary>Whether it is fully connected.</summary>
    public bool IsLinear => Weight is [_, _];

    /// <summary>Whether it is a batch normalisation.</summary>
    public bool IsBatchNorm => Tensors.ContainsKey("running_mean");

    /// <summary>Whether it is one row of weights and nothing else, as the learned slopes of a PReLU are.</summary>
    public bool IsPrelu => Weight is [_] && Tensors.Count == 1;

    /// <summary>Whether it has a bias.</summary>
    public bool HasBias => Tensors.ContainsKey("bias");

    /// <summary>A dimension of its weights.</summary>
    /// <exception cref="ArgumentException">The dimension is missing, or is not one that a network has.</exception>
    public int Size(int dimension) => Weight is { } shape && dimension < shape.Count && shape[dimension] is > 0 and < 65536
        ? (int)shape[dimension]
        : throw new ArgumentException(
            $"layer {Number.ToString(CultureInfo.InvariantCulture)} has weights of the shape "
                + $"[{string.Join(", ", Weight ?? [])}], which such a layer does not have");
}
