using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>Where in a file the tensors of one network lie: those whose names begin alike.</summary>
/// <param name="Prefix">What their names begin with: <c>g_ema/</c>, <c>module.</c>, <c>state_dict/generator.</c>; empty where that is nothing.</param>
internal sealed record NetworkPlace(string Prefix)
{
    /// <summary>Its name for a reader; null where nothing stands before the names.</summary>
    public string? Name => Prefix.Length == 0 ? null : Prefix.TrimEnd(TensorFile.SectionSeparator);

    /// <summary>The parts of its prefix.</summary>
    public IEnumerable<string> Parts => NamePart.Split(Prefix).Select(part => part.Text);

    /// <summary>The network's tensors as a file of their own, the prefix taken off; sections within are other networks'.</summary>
    public TensorFile In(TensorFile file) => file.Renamed(name => Covers(name) ? name[Prefix.Length..] : null);

    /// <summary>Whether another place lies within this one: its tensors are among those of this network.</summary>
    public bool Encloses(NetworkPlace other) => other.Prefix.Length > Prefix.Length && Covers(other.Prefix);

    private bool Covers(string name) =>
        name.StartsWith(Prefix, StringComparison.Ordinal) && name.AsSpan(Prefix.Length).IndexOf(TensorFile.SectionSeparator) < 0;
}

/// <summary>A part of a tensor's name that is followed by a dot or by a slash.</summary>
/// <param name="Text">The part.</param>
/// <param name="End">Where in the name what follows begins.</param>
/// <param name="IsSection">Whether a slash follows.</param>
internal readonly record struct NamePart(string Text, int End, bool IsSection)
{
    /// <summary>The parts of a name, but for the last one.</summary>
    public static IEnumerable<NamePart> Split(string name)
    {
        var start = 0;
        for (int end; (end = name.AsSpan(start).IndexOfAny('.', TensorFile.SectionSeparator) + start) >= start; start = end + 1)
            yield return new NamePart(name[start..end], end + 1, name[end] == TensorFile.SectionSeparator);
    }

    /// <summary>Whether a name ends in another, after one of its parts.</summary>
    public static bool EndsIn(string name, string ending) =>
        name.Length > ending.Length && name.EndsWith(ending, StringComparison.Ordinal)
        && name[^(ending.Length + 1)] is '.' or TensorFile.SectionSeparator;
}
