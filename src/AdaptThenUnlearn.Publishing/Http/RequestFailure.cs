using System.Globalization;
using System.Net;
using AdaptThenUnlearn.Publishing.Targets;
using AdaptThenUnlearn.Reports;

namespace AdaptThenUnlearn.Publishing.Http;

/// <summary>Turns exceptions of requests into problems that say what to do.</summary>
public static class RequestFailure
{
    private const int MaxTextLength = 1000;

    /// <summary>The problem behind an exception.</summary>
    /// <param name="failed">The exception.</param>
    /// <param name="what">The part that failed, e.g. <c>the comment</c>.</param>
    /// <param name="remedy">What to do where the token has no permission for the part.</param>
    /// <param name="target">Where it was published.</param>
    /// <param name="token">The token in use; it is removed from every text.</param>
    public static PublishProblem Explain(
        Exception failed, string what, string remedy, PublishTarget target, PublishToken token)
    {
        var problem = failed switch
        {
            PublishException known => known.Problem,
            NoResponseException unanswered => new(PublishCodes.Unreachable, string.Create(
                CultureInfo.InvariantCulture,
                $"{what}: {target.Api.Host} cannot be reached ({unanswered.Message}); tried {unanswered.Attempts} times. "
                + $"Publish again later: atu publish run.json")),
            UnexpectedResponseException foreign => new(PublishCodes.Unreachable, $"{what}: {foreign.Message}"),
            RequestRefusedException refused => OfRefusal(refused, what, remedy, target, token),
            _ => new(PublishCodes.Unforeseen, $"{what}: {failed.GetType().Name}: {failed.Message}"),
        };
        return problem with { Text = MarkdownText.Clip(token.Redact(problem.Text), MaxTextLength) };
    }

    private static PublishProblem OfRefusal(
        RequestRefusedException refused, string what, string remedy, PublishTarget target, PublishToken token)
    {
        var status = ((int)refused.Status).ToString(CultureInfo.InvariantCulture);
        return refused switch
        {
            { Status: HttpStatusCode.Unauthorized } =>
                new(PublishCodes.NoToken, $"{what}: {target.Api.Host} does not accept the token in {token.Variable}; renew it"),
            { IsRateLimit: true } => new(
                PublishCodes.Unreachable,
                $"{what}: the token in {token.Variable} has used up its requests for now, and waiting did not help; "
                + "publish again later: atu publish run.json"),
            { Status: >= HttpStatusCode.InternalServerError } => new(
                PublishCodes.Unreachable,
                $"{what}: {target.Api.Host} answered {status} again and again; publish again later: atu publish run.json"),
            { Known: { } known } => known with { Text = $"{what}: {known.Text} ({status}: {refused.Message})" },
            { IsNotPermitted: true } => new(
                PublishCodes.NotPermitted,
                $"{what}: the token in {token.Variable} may not do this ({status}: {refused.Message}); {remedy}"),
            _ => new(PublishCodes.Refused, $"{what}: {target.Api.Host} refused it ({status}): {refused.Message}"),
        };
    }
}
