using System.Globalization;
using System.Net;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Torch.Labelling;

namespace AdaptThenUnlearn.Cli.Labelling;

/// <summary>
/// Answers the requests of the page in an audit. The page learns nothing of an image but its place and its picture: no stratum,
/// no score, no answer of the auditor, and not which images are known positives.
/// </summary>
/// <param name="session">The pictures and answers; stays the caller's.</param>
internal sealed class AuditPage(AuditSession session) : ILabelPage
{
    /// <inheritdoc/>
    public Task Training => Task.CompletedTask;

    /// <inheritdoc/>
    public PageResponse HandleGet(string path)
    {
        if (PageFiles.All.TryGetValue(path, out var file))
            return new PageResponse(HttpStatusCode.OK, file.Type, file.Bytes);
        if (path == "state")
            return PageResponse.CreateJson(State());
        return path.StartsWith("images/", StringComparison.Ordinal) && path.EndsWith(".png", StringComparison.Ordinal)
            && int.TryParse(path["images/".Length..^".png".Length], NumberStyles.None, null, out var place)
                && place < session.Pictures.Count
            ? new PageResponse(HttpStatusCode.OK, "image/png", session.Pictures[place])
            : PageResponse.NotFound;
    }

    /// <inheritdoc/>
    public Task<PageResponse> HandlePostAsync(string path, byte[] body, CancellationToken ended) => Task.FromResult(path switch
    {
        "labels" => PageResponse.AfterChanges(body, session.Change, State),
        "done" => PageResponse.CreateJson(State()) with { EndsSession = true },
        _ => PageResponse.NotFound,
    });

    private LabelState State()
    {
        var sheet = session.Sheet;
        return new LabelState(
            sheet.Feature,
            sheet.Items.Count,
            PageOrder.PageSize,
            [.. Enumerable.Range(0, sheet.Items.Count)],
            new TestState(0, 0),
            Fewest: 0,
            sheet.Items.Index().Where(item => item.Item.Shows is not null)
                .ToDictionary(item => item.Index, item => item.Item.Shows!.Value),
            Training: null,
            Result: null,
            Failed: null,
            Audit: true);
    }
}
