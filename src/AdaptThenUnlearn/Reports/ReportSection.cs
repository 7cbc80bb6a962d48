namespace AdaptThenUnlearn.Reports;

/// <summary>A part of a report under one heading.</summary>
/// <param name="Topic">What it is about, for formats that show some topics in their own way.</param>
/// <param name="Heading">Ours.</param>
/// <param name="Table">Null where there is none.</param>
/// <param name="Note">Explains the table; empty when it needs no explanation.</param>
internal sealed record ReportSection(ReportTopic Topic, string Heading, ReportTable? Table, IReadOnlyList<Phrase> Note)
{
    /// <summary>Why numbers are missing.</summary>
    public IReadOnlyList<string> NotMeasured { get; init; } = [];

    /// <summary>What the table must not be mistaken for; empty where there is no danger.</summary>
    public IReadOnlyList<Phrase> Caveat { get; init; } = [];

    /// <summary>Rows that the table shows as one, in full; null where it has none.</summary>
    public ReportTable? Folded { get; init; }

    /// <summary>Tables of what became of what; they follow the notes.</summary>
    public IReadOnlyList<ReportMatrix> Matrices { get; init; } = [];

    /// <summary>What a plot of earlier runs shows; null where the section has none.</summary>
    public Trend? Trend { get; init; }

    /// <summary>Images of the run.</summary>
    public IReadOnlyList<ReportPicture> Pictures { get; init; } = [];
}

/// <summary>What a section is about.</summary>
internal enum ReportTopic
{
    Waived,
    Warned,
    Rules,
    Remarks,
    Mending,
    Trend,
    Features,
    Quality,
    Shares,
    Attacks,
    Shipped,
    Waivers,
    Training,
    Pictures,
    Files,
    Run,
}

/// <summary>An image of a run.</summary>
/// <param name="Caption">What it shows.</param>
/// <param name="Path">Its file, relative to the run's folder; theirs.</param>
/// <param name="Link">The same, percent-encoded.</param>
internal sealed record ReportPicture(IReadOnlyList<Phrase> Caption, string Path, string Link)
{
    /// <summary>What can be seen, for those who do not see it; theirs where we do not know the picture.</summary>
    public required string Alternative { get; init; }

    /// <summary>Whether the policy lets it leave the build machine.</summary>
    public required bool IsAllowed { get; init; }

    /// <summary>The picture itself as an address; null where the report does not hold it.</summary>
    public string? Data { get; init; }
}

/// <summary>Rows of cells, each a few phrases.</summary>
/// <param name="columns">Headings; ours.</param>
internal sealed class ReportTable(params string[] columns)
{
    private readonly List<ReportRow> _rows = [];

    /// <summary>Headings.</summary>
    public IReadOnlyList<string> Columns { get; } = columns;

    /// <summary>Rows, from top to bottom.</summary>
    public IReadOnlyList<ReportRow> Rows => _rows;

    /// <summary>Adds a row.</summary>
    public void AddRow(params IReadOnlyList<Phrase>[] cells) => _rows.Add(new(cells, []));

    /// <summary>Adds a row that is explained.</summary>
    public void AddRow(IReadOnlyList<IReadOnlyList<Phrase>> cells, IReadOnlyList<IReadOnlyList<Phrase>> about) =>
        _rows.Add(new(cells, about));
}

/// <summary>A row of a table.</summary>
/// <param name="Cells">One for each column.</param>
/// <param name="About">What is said about the row below it: a few paragraphs, or none.</param>
internal sealed record ReportRow(IReadOnlyList<IReadOnlyList<Phrase>> Cells, IReadOnlyList<IReadOnlyList<Phrase>> About);

/// <summary>A table with a name for each row and for each column.</summary>
/// <param name="Caption">What a cell counts.</param>
/// <param name="Columns">Names of the columns.</param>
/// <param name="Rows">Names of the rows.</param>
/// <param name="Cells">For each row, one phrase for each column.</param>
internal sealed record ReportMatrix(
    IReadOnlyList<Phrase> Caption,
    IReadOnlyList<Phrase> Columns,
    IReadOnlyList<IReadOnlyList<Phrase>> Rows,
    IReadOnlyList<IReadOnlyList<Phrase>> Cells);

/// <summary>
/// Words, and whose they are: the tool's own are written as they are, those of policies, classifiers and files are escaped.
/// </summary>
/// <param name="Text">Without markup.</param>
/// <param name="Kind">How it is shown.</param>
internal readonly record struct Phrase(string Text, PhraseKind Kind)
{
    public static Phrase Trusted(string text) => new(text, PhraseKind.Trusted);

    public static Phrase Untrusted(string text) => new(text, PhraseKind.Untrusted);

    public static Phrase Code(string text) => new(text, PhraseKind.Code);

    public static Phrase Strong(string text) => new(text, PhraseKind.Strong);

    public static Phrase Emphasis(string text) => new(text, PhraseKind.Emphasis);

    public static Phrase Good(string text) => new(text, PhraseKind.Good);

    public static Phrase Caution(string text) => new(text, PhraseKind.Caution);

    public static Phrase Bad(string text) => new(text, PhraseKind.Bad);
}

/// <summary>How a phrase is shown; <see cref="Good"/>, <see cref="Caution"/> and <see cref="Bad"/> are marked as such.</summary>
internal enum PhraseKind
{
    Trusted,
    Untrusted,
    Code,
    Strong,
    Emphasis,
    Good,
    Caution,
    Bad,
}
