using System.Net;
using AdaptThenUnlearn.Publishing.Http;
using AdaptThenUnlearn.Publishing.Targets;
using Octokit;

namespace AdaptThenUnlearn.Publishing.GitHub;

/// <summary>
/// GitHub's refusals as Octokit throws them: whether they are about a rate, and what those mean that no permission would change.
/// </summary>
internal static class GitHubRefusal
{
    private const string SignOnHeader = "X-GitHub-SSO";

    // By words of GitHub's messages; the first entry that matches wins.
    private static readonly (string[] Words, PublishProblem Meaning)[] _all =
    [
        (["is locked"], new(
            PublishCodes.Refused,
            "the conversation is locked, and nobody may comment on it; "
            + "unlock it, or publish the rest with --only check summary")),
        (["archived"], new(
            PublishCodes.Refused,
            "the repository is archived, and can only be read; unarchive it, or publish to another one with --repository")),
        (["access blocked"], new(
            PublishCodes.Refused, "GitHub has blocked the repository; its owner has to clear that up with GitHub")),
        (["blocked"], new(
            PublishCodes.Refused,
            "the repository's owner has blocked the account that the token belongs to; use a token of another account")),
        (["interaction"], new(
            PublishCodes.Refused,
            "the repository's owner has limited who may comment for now; wait, or use a token of a collaborator")),
        (["saml"], SignOn),
        (["single sign-on"], SignOn),
        (["ip allow list"], new(
            PublishCodes.NotPermitted,
            "the organization admits listed IP addresses alone; run where one of them is used, or have this machine's added")),
        (["personal access token", "forbids"], new(
            PublishCodes.NotPermitted,
            "the organization does not admit tokens of this kind; "
            + "use GITHUB_TOKEN, an app's, or the kind that the message names")),
        (["suspended"], new(PublishCodes.NoToken, "the account or the app that the token belongs to is suspended")),
        (["verified email"], new(
            PublishCodes.NotPermitted, "the account that the token belongs to has no verified email address")),
    ];

    private static PublishProblem SignOn => new(
        PublishCodes.NotPermitted,
        "the organization asks for single sign-on; authorize the token for it where the token was made (Configure SSO)");

    /// <summary>The refusal behind an exception of Octokit.</summary>
    public static RequestRefusedException Convert(ApiException refused) =>
        new(refused.StatusCode, ReasonsOf(refused), IsRateLimit(refused), MeaningOf(refused), refused);

    private static PublishProblem? MeaningOf(ApiException refused)
    {
        if (refused.StatusCode == HttpStatusCode.UnavailableForLegalReasons)
            return new(PublishCodes.Refused, "the repository is unavailable for legal reasons");
        if (refused.HttpResponse?.Headers.Keys.Contains(SignOnHeader, StringComparer.OrdinalIgnoreCase) == true)
            return SignOn;
        return _all.FirstOrDefault(known => known.Words.All(Contains)).Meaning;

        bool Contains(string word) => refused.Message.Contains(word, StringComparison.OrdinalIgnoreCase);
    }

    private static bool IsRateLimit(ApiException refused) =>
        refused is RateLimitExceededException or SecondaryRateLimitExceededException or AbuseException
        || (refused.HttpResponse is { } response && RetryPlan.IsRateLimit(
            new Attempt(response.StatusCode, response.Headers, response.Body as string ?? "", NeverSent: false)));

    private static string ReasonsOf(ApiException refused)
    {
        var errors = refused.ApiError?.Errors?.Where(error => error is not null) ?? [];
        var details = errors.Select(error => $"{error.Field} {error.Code} {error.Message}".Trim());
        return string.Join("; ", details.Prepend(refused.Message));
    }
}
