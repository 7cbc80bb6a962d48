using AdaptThenUnlearn.Publishing.Admission;
using AdaptThenUnlearn.Publishing.Http;
using AdaptThenUnlearn.Publishing.Pages;
using AdaptThenUnlearn.Publishing.Targets;
using AdaptThenUnlearn.Reports;
using Octokit;

namespace AdaptThenUnlearn.Publishing.GitHub;

/// <summary>The check run on the head commit; a commit status where the host has no checks or does not permit them.</summary>
/// <remarks>
/// A check run is always added and never changed. GitHub shows the newest one of a name, and the annotations of a changed one
/// would accumulate.
/// </remarks>
/// <param name="api">API that publishes it.</param>
/// <param name="context">What is shown besides the run.</param>
public sealed class HeadCheck(GitHubApi api, PublishContext context)
{
    /// <summary>Annotations that GitHub accepts in one request; it drops more of them and reports nothing.</summary>
    public const int AnnotationsPerRequest = 50;

    private const int MaxDescriptionLength = 140;

    /// <summary>Publishes a run's verdict on its commit.</summary>
    /// <returns>What was done, as a sentence.</returns>
    public async Task<string> PublishAsync(PublishedRun run)
    {
        var page = CheckPage.Create(run, context);
        if (!api.HasCheckRuns)
            return await SetStatusAsync(run, page, "").ConfigureAwait(false);

        try
        {
            return await AddCheckRunAsync(run, page).ConfigureAwait(false);
        }
        catch (RequestRefusedException refused) when (refused.IsNotPermitted)
        {
            // The token is a user's, or has no permission to write checks.
            return await SetStatusAsync(run, page, " (the token may not write check runs)").ConfigureAwait(false);
        }
    }

    private async Task<string> AddCheckRunAsync(PublishedRun run, CheckPage page)
    {
        var batches = page.Annotations.Select(ToCheckRunAnnotation).Chunk(AnnotationsPerRequest).ToList();
        var added = await api.AddCheckRunAsync(new NewCheckRun(page.Name, context.HeadSha)
        {
            ExternalId = ReportMarker.KeyOf(run, context.Key),
            DetailsUrl = context.RunUrl,
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
            await api.UpdateCheckRunAsync(added.Id, new CheckRunUpdate { Output = Output(batch) }).ConfigureAwait(false);

        return $"check run '{page.Name}': {page.Conclusion.ToString().ToLowerInvariant()}";

        NewCheckRunOutput Output(IReadOnlyList<NewCheckRunAnnotation> annotations) =>
            new(page.Title, page.Summary) { Text = page.Text, Annotations = annotations };
    }

    private async Task<string> SetStatusAsync(PublishedRun run, CheckPage page, string why)
    {
        var state = page.StatusPasses ? CommitState.Success : CommitState.Failure;
        await api.SetStatusAsync(context.HeadSha, new NewCommitStatus
        {
            State = state,
            Context = page.Name,
            Description = MarkdownText.Clip(page.Title, MaxDescriptionLength),
            TargetUrl = context.RunUrl,
        }).ConfigureAwait(false);
        return $"commit status '{page.Name}': {state.ToString().ToLowerInvariant()}{why}";
    }

    private static NewCheckRunAnnotation ToCheckRunAnnotation(Annotation annotation) => new(
        annotation.Path, annotation.Line, annotation.Line,
        annotation.Level == AnnotationLevel.Failure ? CheckAnnotationLevel.Failure : CheckAnnotationLevel.Warning,
        annotation.Message)
    {
        Title = annotation.Title,
    };
}
