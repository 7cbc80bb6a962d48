using System.Globalization;

namespace AdaptThenUnlearn.Torch.Images;

/// <summary>
/// Parses the cells of a list of labels: 0 and 1, true and false, or -1 and 1 as in CelebA's list. A list must not have both 0
/// and -1.
/// </summary>
internal sealed class LabelValues(LabelTable table)
{
    private (double Value, int Line)? _absent;   // the value for a missing label, 0 or -1, and the line where it comes first

    /// <summary>Parses the labels of a line.</summary>
    /// <returns>Whether the image has each label.</returns>
    /// <exception cref="InvalidDataException">The line has another number of cells, or another value.</exception>
    public bool[] Parse(LabelRow row)
    {
        if (row.Cells.Count != table.Labels.Count + 1 || row.File.Length == 0)
            throw Wrong(row);
        return [.. row.Cells.Skip(1).Select(cell => Holds(cell, row))];
    }

    private bool Holds(string cell, LabelRow row)
    {
        if (bool.TryParse(cell, out var flag))
            return flag;
        if (!double.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
            || value is not (0 or 1 or -1))
            throw Wrong(row);
        if (value == 1)
            return true;

        _absent ??= (value, row.Line);
        return _absent.Value.Value == value
            ? false
            : throw table.Wrong(row, string.Create(
                CultureInfo.InvariantCulture,
                $"holds {value} where line {_absent.Value.Line} holds {_absent.Value.Value}, and one of them may mean that "
                    + $"the label is unknown; leave out images with unknown labels, and write 0 and 1"));
    }

    private InvalidDataException Wrong(LabelRow row) => table.Wrong(row, string.Create(
        CultureInfo.InvariantCulture,
        $"must be a file and {table.Labels.Count} times 0 or 1, separated by {table.Separator}, but is '{row.Text.Trim()}' "
            + $"(true and false, or -1 and 1, are read too)"));
}
