using System.Globalization;
using System.Net;
using AdaptThenUnlearn.Publishing.Targets;
using AdaptThenUnlearn.Reports;
using Octokit;

namespace AdaptThenUnlearn.Publishing.GitHub;

/// <summary>Turns exceptions of Octokit into problems that say what to do.</summary>
public static class GitHubFailure
{
    private const int MaxTextLength = 1000;

    /// <summary>The problem behind an exception.</summary>
    /// <param name="failed">The exception.</param>
    /// <param name="what">The part that failed, e.g. <c>the comment</c>.</param>
    /// <param name="permission">The permission that the part needs, e.g. <c>pull-requests: write</c>.</param>
    /// <param name="target">Where it was published.</param>
    /// <param name="token">The token in use; it is removed from every text.</param>
    public static PublishProblem Explain(
        Exception failed, string what, string permission, PublishTarget target, GitHubToken token)
    {
        var problem = failed switch
        {
            PublishException known => known.Problem,
            NoResponseException unanswered => new(PublishCodes.Unreachable, string.Create(
                CultureInfo.InvariantCulture,
                $"{what}: {target.Api.Host} cannot be reached ({unanswered.Message}); tried {unanswered.Attempts} times. "
                + $"Publish again later: atu publish run.json")),
            AuthorizationException =>
                new(PublishCodes.NoToken, $"{what}: {target.Api.Host} does not accept the token in {token.Variable}; renew it"),
            UnexpectedResponseException foreign => new(PublishCodes.Unreachable, $"{what}: {foreign.Message}"),
            _ when IsRateLimit(failed) => new(
                PublishCodes.Unreachable,
                $"{what}: the token in {token.Variable} has used up its requests for now, and waiting did not help; "
                + "publish again later: atu publish run.json"),
            ApiException { StatusCode: >= HttpStatusCode.InternalServerError } answered =>
                new(PublishCodes.Unreachable, string.Create(
                    CultureInfo.InvariantCulture,
                    $"{what}: {target.Api.Host} answered {(int)answered.StatusCode} again and again; "
                    + $"publish again later: atu publish run.json")),
            ApiException refused when KnownRefusal.Find(refused) is { } known => new(known.Code, string.Create(
                CultureInfo.InvariantCulture, $"{what}: {known.Meaning} ({(int)refused.StatusCode}: {refused.Message})")),
            ApiException { StatusCode: HttpStatusCode.Forbidden or HttpStatusCode.NotFound } refused => new(
                PublishCodes.NotPermitted,
                $"{what}: the token in {token.Variable} may not do this ({(int)refused.StatusCode}: {refused.Message}); "
                + Remedy(permission, target)),
            ApiException { StatusCode: HttpStatusCode.UnprocessableEntity } refused => new(
                PublishCodes.Refused, $"{what}: GitHub refused it: {Reasons(refused)}"),
            ApiException refused => new(PublishCodes.Refused, string.Create(
                CultureInfo.InvariantCulture,
                $"{what}: {target.Api.Host} refused it ({(int)refused.StatusCode}): {Reasons(refused)}")),
            _ => new(PublishCodes.Unforeseen, $"{what}: {failed.GetType().Name}: {failed.Message}"),
        };
        return problem with { Text = MarkdownText.Clip(token.Redact(problem.Text), MaxTextLength) };
    }

    /// <summary>Whether the token or its owner has sent too many requests.</summary>
    public static bool IsRateLimit(Exception failed) =>
        failed is RateLimitExceededException or SecondaryRateLimitExceededException or AbuseException
        || (failed is ApiException { HttpResponse: { } response } && RetryPlan.IsRateLimit(
            new Attempt(response.StatusCode, response.Headers, response.Body as string ?? "", NeverSent: false)));

    /// <summary>Whether GitHub refused a text as too long.</summary>
    public static bool IsTooLong(Exception failed) =>
        failed is ApiException { StatusCode: HttpStatusCode.UnprocessableEntity } refused
        && Reasons(refused).Contains("too long", StringComparison.OrdinalIgnoreCase);

    private static string Remedy(string permission, PublishTarget target) => target.IsFork
        ? "builds of a pull request from a fork get a token that only reads: post from a second workflow, see "
            + "docs/github-forks.md"
        : $"the job needs 'permissions: {permission}', see docs/publishing.md";

    private static string Reasons(ApiException refused)
    {
        var errors = refused.ApiError?.Errors?.Where(error => error is not null) ?? [];
        var details = errors.Select(error => $"{error.Field} {error.Code} {error.Message}".Trim());
        return string.Join("; ", details.Prepend(refused.Message));
    }
}
