using System.Globalization;
using System.Text.Json.Serialization;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Labelling;

/// <summary>A person's audit of the images that a run judged; on disk, <c>audit.json</c> beside the run.</summary>
/// <param name="SchemaVersion">Version of the format; 1.</param>
/// <param name="Feature">The feature's name in the policy.</param>
/// <param name="Auditor">Name of the classifier whose scores divide the images.</param>
/// <param name="Class">The classifier's class.</param>
/// <param name="Artifact">SHA-256 of the generator that was measured and judged.</param>
/// <param name="Original">SHA-256 of the generator that the known positives are from.</param>
/// <param name="EvaluationSeed">Seed of the images' latents.</param>
/// <param name="Images">n, all images that were measured.</param>
/// <param name="Clicks">Images that were asked for, without checks; fixed when the audit begins.</param>
/// <param name="Person">Who looks.</param>
/// <param name="Begun">UTC.</param>
/// <param name="Changed">When the last answer was given, UTC.</param>
/// <param name="Hits">Numbers of the images in which the auditor saw the feature, ascending.</param>
/// <param name="Near">Numbers of the images with the highest scores among the others, ascending.</param>
/// <param name="Items">What the person sees, in this order.</param>
/// <param name="Seal">
/// SHA-256 of everything else. It shows that a file was damaged or edited by hand; it is not a signature.
/// </param>
public sealed record AuditSheet(
    int SchemaVersion,
    string Feature,
    string Auditor,
    string Class,
    string Artifact,
    string Original,
    long EvaluationSeed,
    int Images,
    int Clicks,
    string Person,
    DateTimeOffset Begun,
    DateTimeOffset Changed,
    IReadOnlyList<int> Hits,
    IReadOnlyList<int> Near,
    IReadOnlyList<AuditItem> Items,
    string Seal = "")
{
    /// <summary>The version of the format that is written.</summary>
    public const int CurrentSchemaVersion = 1;

    /// <summary>Fewest images that an audit can ask for.</summary>
    public const int FewestClicks = HumanAudit.FewestImages;

    /// <summary>Most images that an audit can ask for.</summary>
    public const int MostClicks = 10_000;

    private const int LongestName = 64;

    /// <summary>How many images have an answer.</summary>
    [JsonIgnore]
    public int Answered => Items.Count(item => item.Shows is not null);

    /// <summary>Digest of everything but the seal: 64 lower-case hexadecimal digits.</summary>
    public string ComputeSeal() => Sha256Digest.Compute(AuditSheetFile.ToJson(this with { Seal = "" }));

    /// <summary>The same sheet with some answers changed.</summary>
    /// <param name="changes">New answers by place in <see cref="Items"/>; null removes one.</param>
    /// <param name="now">UTC.</param>
    public AuditSheet WithAnswers(IReadOnlyDictionary<int, bool?> changes, DateTimeOffset now) => this with
    {
        Changed = now,
        Items =
        [
            .. Items.Select((item, place) => changes.TryGetValue(place, out var shows) ? item with { Shows = shows } : item),
        ],
    };

    /// <summary>Why the sheet is not one that <c>atu label --audit</c> wrote, without a full stop; null where it may
    /// be.</summary>
    public string? FindProblem()
    {
        if (SchemaVersion != CurrentSchemaVersion)
            return Invariant($"it has version {SchemaVersion}, and this tool knows version {CurrentSchemaVersion}");
        if (Seal != ComputeSeal())
            return "it was edited or damaged: its content does not have its own digest ('seal')";
        if (FindProblemOfPerson(Person) is { } unnamed)
            return unnamed;
        if (Clicks is < FewestClicks or > MostClicks || Images < 1 || Hits.Concat(Near).Any(image => image < 0 || image >= Images)
            || Hits.Concat(Near).Distinct().Count() != Hits.Count + Near.Count)
            return "its images cannot be";
        var draw = new AuditDraw(Artifact, Feature, Clicks);
        var checks = Items.Count(item => item.Stratum is null);
        return Near.Count != draw.NearSize(Images - Hits.Count)
            || !Items.Select(item => (item.Stratum, item.Number)).SequenceEqual(draw.Draw(Images, Hits, Near, checks))
                ? "its images are not those that are drawn for this generator and feature"
                : null;
    }

    /// <summary>The counts by strata.</summary>
    /// <param name="sha256">Digest of the sheet's file.</param>
    /// <exception cref="LabelException">An image has no answer.</exception>
    public HumanAudit Count(string sha256)
    {
        if (Answered < Items.Count)
            throw new LabelException(Invariant(
                $"{Items.Count - Answered} of {Items.Count} images have no answer; go on with `atu label --audit` and the run"));
        var checks = Items.Where(item => item.Stratum is null).ToList();
        return new HumanAudit(
            Person, Changed, sha256,
            [
                Stratum(AuditStratum.Hits, Hits.Count), Stratum(AuditStratum.Near, Near.Count),
                Stratum(AuditStratum.Rest, Images - Hits.Count - Near.Count),
            ],
            checks.Count, checks.Count(check => check.Shows is false));

        AuditStratum Stratum(string name, int size)
        {
            var looked = Items.Where(item => item.Stratum == name).ToList();
            return new(name, size, looked.Count, looked.Count(item => item.Shows is true));
        }
    }

    /// <summary>Why a name cannot be that of the person, without a full stop; null where it can.</summary>
    /// <param name="name">As given.</param>
    public static string? FindProblemOfPerson(string name) =>
        name.Length is 0 or > LongestName || name.Trim() != name
            || !name.All(letter => char.IsLetterOrDigit(letter) || letter is ' ' or '.' or '-' or '_' or '@' or '\'')
            ? Invariant($"the person's name must have 1 to {LongestName} letters, digits, spaces and . - _ @ '")
            : null;

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

/// <summary>An image of an audit.</summary>
/// <param name="Stratum">A name of <see cref="AuditStratum"/>; null for a known positive.</param>
/// <param name="Number">Of the image in the measurement, or among the known positives; from 0.</param>
/// <param name="Sha256">Digest of the picture that the person saw, a PNG file.</param>
/// <param name="Shows">The answer; null where there is none yet.</param>
public sealed record AuditItem(string? Stratum, int Number, string Sha256, bool? Shows);
