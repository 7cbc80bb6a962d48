using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>The place of one network in a file: the common beginning of its tensors' names.</summary>
/// <param name="Prefix">
/// The beginning, such as <c>g_ema/</c>, <c>module.</c> or <c>state_dict/generator.</c>; empty where the names have none.
/// </param>
internal sealed record NetworkPlace(string Prefix)
{
    /// <summary>The prefix as a name for a reader; null where it is empty.</summary>
    public string? Name => Prefix.Length == 0 ? null : Prefix.TrimEnd(TensorFile.SectionSeparator);

    /// <summary>The parts of the prefix.</summary>
    public IEnumerable<string> Parts => NamePart.Split(Prefix).Select(part => part.Text);

    /// <summary>
    /// The network's tensors as a file, without the prefix. Sections within the place belong to other networks, and are left out.
    /// </summary>
    public TensorFile In(TensorFile file) => file.Renamed(name => Covers(name) ? name[Prefix.Length..] : null);

    /// <summary>Whether another place lies within this one, so that its tensors are among this network's.</summary>
    public bool Encloses(NetworkPlace other) => other.Prefix.Length > Prefix.Length && Covers(other.Prefix);

    private bool Covers(string name) =>
        name.StartsWith(Prefix, StringComparison.Ordinal) && name.AsSpan(Prefix.Length).IndexOf(TensorFile.SectionSeparator) < 0;
}

/// <summary>A part of a tensor's name that is followed by a dot or by a slash.</summary>
/// <param name="Text">The part.</param>
/// <param name="End">Position in the name behind the separator.</param>
/// <param name="IsSection">Whether a slash follows.</param>
internal readonly record struct NamePart(string Text, int End, bool IsSection)
{
    /// <summary>The parts of a name, except the last one.</summary>
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
