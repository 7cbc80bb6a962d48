using System.Net;
using AdaptThenUnlearn.Publishing.Targets;

namespace AdaptThenUnlearn.Publishing.Http;

/// <summary>The host answered a request with an error.</summary>
/// <param name="status">Status of the answer.</param>
/// <param name="reason">The host's own words.</param>
/// <param name="isRateLimit">Whether the token or its owner has sent too many requests.</param>
/// <param name="known">What the refusal means where the host's words are known; null where they are not.</param>
/// <param name="cause">Exception of the client that sent it; null where there was none.</param>
public sealed class RequestRefusedException(
    HttpStatusCode status, string reason, bool isRateLimit, PublishProblem? known = null, Exception? cause = null)
    : Exception(reason, cause)
{
    /// <summary>Status of the answer.</summary>
    public HttpStatusCode Status { get; } = status;

    /// <summary>Whether the token or its owner has sent too many requests.</summary>
    public bool IsRateLimit { get; } = isRateLimit;

    /// <summary>What the refusal means where the host's words are known; null where they are not.</summary>
    public PublishProblem? Known { get; } = known;

    /// <summary>Whether the token has no permission, or the thing is hidden from it.</summary>
    public bool IsNotPermitted => Status is HttpStatusCode.Forbidden or HttpStatusCode.NotFound && !IsRateLimit;

    /// <summary>Whether the host refused a text as too long.</summary>
    public bool IsTooLong => Status is HttpStatusCode.UnprocessableEntity or HttpStatusCode.BadRequest
        && (Message.Contains("too long", StringComparison.OrdinalIgnoreCase)
            || Message.Contains("cannot be longer", StringComparison.OrdinalIgnoreCase));
}
