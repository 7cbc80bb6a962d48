using System.Globalization;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Labelling;

/// <summary>Draws the images that a person audits. Pure: the same generator, feature and number of images give the same
/// draw.</summary>
/// <remarks>
/// No seed can be chosen, so nobody can try draws until one looks good. Lots are SHA-256 digests of the generator's digest,
/// the feature
/// and the image's number. Of each stratum the images with the smallest lots are drawn: a simple random sample without
/// replacement.
/// </remarks>
/// <param name="Artifact">SHA-256 of the generator that was measured.</param>
/// <param name="Feature">Name of the feature.</param>
/// <param name="Clicks">Images that the person looks at, without checks.</param>
public sealed record AuditDraw(string Artifact, string Feature, int Clicks)
{
    /// <summary>Known positives that are mixed among the images, where there are as many.</summary>
    public const int Checks = 40;

    private const int HitsOneIn = 4;
    private const int NearOneIn = 10;

    /// <summary>How many images make the stratum of the highest scores: it is looked at as a whole.</summary>
    /// <param name="others">Images in which the auditor did not see the feature.</param>
    public int NearSize(long others) => (int)Math.Min(others, Clicks / NearOneIn);

    /// <summary>How many images are drawn of each stratum.</summary>
    /// <param name="images">n.</param>
    /// <param name="hits">Of those, in which the auditor saw the feature.</param>
    public (int Hits, int Near, int Others) Sizes(long images, long hits)
    {
        var near = NearSize(images - hits);
        var ofHits = (int)Math.Min(hits, Clicks / HitsOneIn);
        return (ofHits, near, (int)Math.Min(images - hits - near, Clicks - near - ofHits));
    }

    /// <summary>The images of the audit in the order in which they are shown.</summary>
    /// <param name="images">n.</param>
    /// <param name="hits">Numbers of the images in which the auditor saw the feature.</param>
    /// <param name="near">Numbers of the images with the highest scores among the others.</param>
    /// <param name="checks">How many known positives there are.</param>
    /// <returns>The stratum of each, null for a check, and its number in the measurement, or among the checks.</returns>
    public IReadOnlyList<(string? Stratum, int Number)> Draw(
        int images, IReadOnlyList<int> hits, IReadOnlyList<int> near, int checks)
    {
        var (ofHits, _, ofRest) = Sizes(images, hits.Count);
        var known = hits.Concat(near).ToHashSet();
        var rest = Enumerable.Range(0, images).Where(image => !known.Contains(image));
        return
        [
            .. First(hits, ofHits).Select(image => ((string?)AuditStratum.Hits, image))
                .Concat(near.Select(image => ((string?)AuditStratum.Near, image)))
                .Concat(First(rest, ofRest).Select(image => ((string?)AuditStratum.Rest, image)))
                .Concat(Enumerable.Range(0, checks).Select(check => ((string?)null, check)))
                .OrderBy(item => Lot(item.Item1 is null ? "check" : "place", item.Item2), StringComparer.Ordinal),
        ];

        IEnumerable<int> First(IEnumerable<int> stratum, int count) =>
            stratum.OrderBy(image => Lot("image", image), StringComparer.Ordinal).Take(count);
    }

    /// <summary>The bound that an audit would give if the person marked every hit of the auditor and nothing else.</summary>
    /// <param name="look">The counts that were measured.</param>
    /// <param name="looks">How many looks there could be.</param>
    /// <param name="confidence">Of the bound.</param>
    public double BestBound(Look look, int looks, double confidence)
    {
        var (hits, near, rest) = Sizes(look.Samples, look.Hits);
        return new HumanAudit(
            "", default, "",
            [
                new(AuditStratum.Hits, look.Hits, hits, hits), new(AuditStratum.Near, near, near, 0),
                new(AuditStratum.Rest, look.Samples - look.Hits - near, rest, 0),
            ],
            Checks, 0).UpperBound(looks, confidence);
    }

    private string Lot(string purpose, int number) =>
        Sha256Digest.Compute(string.Create(CultureInfo.InvariantCulture, $"{Artifact}/{Feature}/{purpose}/{number}"));
}
