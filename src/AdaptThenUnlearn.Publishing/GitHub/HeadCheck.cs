using System.Net;
using AdaptThenUnlearn.Publishing.Admission;
using AdaptThenUnlearn.Publishing.Pages;
using AdaptThenUnlearn.Reports;
using Octokit;

namespace AdaptThenUnlearn.Publishing.GitHub;

/// <summary>The check run on the head commit; a commit status where checks are not permitted.</summary>
/// <remarks>
/// A check run is always added, never changed: GitHub shows the newest of a name, and annotations of a changed one would pile up.
/// </remarks>
public sealed class HeadCheck(GitHubSession session)
{
    /// <summary>Annotations that GitHub takes with a request; it drops more without a word.</summary>
    public const int AnnotationsPerRequest = 50;

    private const int LongestDescription = 140;

    /// <summary>Publishes a run's verdict on its commit.</summary>
    /// <returns>What was done.</returns>
    public async Task<string> Publish(PublishedRun run)
    {
        var page = CheckPage.Of(run);
        try
        {
            return await AddCheckRun(run, page).ConfigureAwait(false);
        }
        catch (ApiException refused) when (refused.StatusCode is HttpStatusCode.Forbidden or HttpStatusCode.NotFound && !GitHubFailure.IsRateLimit(refused))
        {
            return await SetStatus(run, page).ConfigureAwait(false);   // a user's token, or one without checks: write
        }
    }

    private async Task<string> AddCheckRun(PublishedRun run, CheckPage page)
    {
        var batches = page.Annotations.Select(Of).Chunk(AnnotationsPerRequest).ToList();
        var added = await session.AddCheckRun(new NewCheckRun(page.Name, run.HeadSha)
        {
            ExternalId = ReportMarker.KeyOf(run),
            DetailsUrl = run.RunUrl,
            Status = CheckStatus.Completed,
            Conclusion = page.Conclusion switch
            {
                Pages.Conclusion.Success => CheckConclusion.Success,
                Pages.Conclusion.Neutral => CheckConclusion.Neutral,
                _ => CheckConclusion.Failure,
            },
            Output = Output(batches.FirstOrDefault() ?? []),
        }).ConfigureAwait(false);
        foreach (var batch in batches.Skip(1))
            await session.ExtendCheckRun(added.Id, new CheckRunUpdate { Output = Output(batch) }).ConfigureAwait(false);

        return $"check run '{page.Name}': {page.Conclusion.ToString().ToLowerInvariant()}";

        NewCheckRunOutput Output(IReadOnlyList<NewCheckRunAnnotation> annotations) => new(page.Title, page.Summary) { Text = page.Text, Annotations = annotations };
    }

    private async Task<string> SetStatus(PublishedRun run, CheckPage page)
    {
        // A status knows no neutral. Waivers and advice are somebody's decision to go on; that nothing is proven is nobody's.
        var state = page.Conclusion == Pages.Conclusion.Failure || run.IsUnproven ? CommitState.Failure : CommitState.Success;
        await session.SetStatus(run.HeadSha, new NewCommitStatus
        {
            State = state,
            Context = page.Name,
            Description = MarkdownText.Clip(page.Title, LongestDescription),
            TargetUrl = run.RunUrl,
        }).ConfigureAwait(false);
        return $"commit status '{page.Name}': {state.ToString().ToLowerInvariant()} (the token may not write check runs)";
    }

    private static NewCheckRunAnnotation Of(Annotation annotation) => new(
        annotation.Path, annotation.Line, annotation.Line,
        annotation.Level == AnnotationLevel.Failure ? CheckAnnotationLevel.Failure : CheckAnnotationLevel.Warning, annotation.Message)
    {
        Title = annotation.Title,
    };
}
