using System.Globalization;
using AdaptThenUnlearn.Runs;
using static AdaptThenUnlearn.Reports.Phrase;

namespace AdaptThenUnlearn.Reports;

/// <summary>The pictures of a run: what they show, and where they are.</summary>
internal static class PictureSection
{
    /// <summary>The section; null where the run made no pictures.</summary>
    /// <param name="record">Of the run.</param>
    /// <param name="pictures">Those that the report may hold.</param>
    public static ReportSection? Create(RunRecord record, RecordedPictures pictures)
    {
        var made = record.Outputs.Where(RecordedPictures.IsPicture).ToList();
        return made.Count == 0 ? null : new(ReportTopic.Pictures, "Pictures", null, [])
        {
            Pictures =
            [
                .. made.Select(picture => new ReportPicture(Caption(record, picture), picture.Path, Link(picture.Path))
                {
                    Alternative = Alternative(record, picture),
                    IsAllowed = RecordedPictures.IsAllowed(record, picture),
                    Data = pictures.FindData(record, picture),
                }),
            ],
        };
    }

    private static IReadOnlyList<Phrase> Caption(RunRecord record, OutputFile picture) => picture.Role switch
    {
        OutputRoles.Grid => [Trusted(
            record.After is null
                ? "Images of the generator as it is; a red frame marks what the auditor takes for an undesired feature"
                : "Images before and after, from the same latents; a red frame marks what the auditor takes for an undesired "
                    + "feature")],
        OutputRoles.Plot => [Trusted(
            "Candidates, losses and parameters over the training steps; the dashed line marks the kept step. Rates and Fréchet "
                + "distances are those that the annotators saw on few images, not those of the tables")],
        { } role when OutputRoles.FindAttack(role) is { } attack =>
        [
            Trusted("Images in which the auditor sees the feature, found by "), Untrusted(attack),
            Trusted("; a row for each way in which it was tried"),
        ],
        _ => [Untrusted(picture.Role)],
    };

    private static string Alternative(RunRecord record, OutputFile picture) => picture.Role switch
    {
        OutputRoles.Grid when record.After is null =>
            "A grid of generated images: first those that show an undesired feature, in red frames, then others.",
        OutputRoles.Grid =>
            "Two grids of generated images, before and after unlearning, from the same latents: first those whose original "
                + "shows an undesired feature, then others. Red frames mark undesired features.",
        OutputRoles.Plot =>
            "Curves over the training steps: the largest rate of an undesired feature and the Fréchet distance of each "
                + "candidate, the losses, and how far the parameters moved."
                + (record.Training is { } training
                    ? string.Create(
                        CultureInfo.InvariantCulture, $" A dashed line marks step {training.SelectedStep}, which was kept.")
                    : ""),
        _ => picture.Role,
    };

    // Relative to the report whatever the record says: no scheme, no host, no way out of the markup.
    private static string Link(string path) =>
        string.Join('/', path.Split('/', '\\').Where(part => part.Length > 0).Select(Uri.EscapeDataString));
}
