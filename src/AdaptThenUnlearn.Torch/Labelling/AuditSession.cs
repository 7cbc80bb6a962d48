using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Labelling;

namespace AdaptThenUnlearn.Torch.Labelling;

/// <summary>Keeps the answers of an audit as soon as they are given. Several threads may use it.</summary>
/// <param name="sheet">The answers at the beginning.</param>
/// <param name="pictures">What the person sees, in the order of the sheet: PNG files.</param>
/// <param name="path">The sheet's file.</param>
/// <param name="clock">For the time of the last answer.</param>
public sealed class AuditSession(AuditSheet sheet, IReadOnlyList<byte[]> pictures, string path, TimeProvider clock)
{
    private readonly Lock _answers = new();

    /// <summary>The answers so far.</summary>
    public AuditSheet Sheet { get; private set; } = sheet;

    /// <summary>What the person sees, in the order of the sheet: PNG files.</summary>
    public IReadOnlyList<byte[]> Pictures => pictures;

    /// <summary>Path of the sheet's file.</summary>
    public string Path => path;

    /// <summary>Changes answers, and writes them to the disk before it returns.</summary>
    /// <param name="changes">The new answers by place; null removes one.</param>
    /// <exception cref="ArgumentException">There is no such image; nothing is changed.</exception>
    /// <exception cref="FileNotWrittenException">The sheet cannot be written; nothing is changed.</exception>
    public void Change(IReadOnlyDictionary<int, bool?> changes)
    {
        foreach (var place in changes.Keys)
            if (place < 0 || place >= pictures.Count)
                throw new ArgumentException(FormattableString.Invariant(
                    $"there is no image {place}; they are numbered 0 to {pictures.Count - 1}"));

        lock (_answers)
            Sheet = AuditSheetFile.Write(path, Sheet.WithAnswers(changes, clock.GetUtcNow()));
    }
}
