namespace AdaptThenUnlearn.Publishing.Targets;

/// <summary>The codes of publishing problems. A code never changes its meaning.</summary>
public static class PublishCodes
{
    /// <summary>The target is unknown: no repository, no commit, or the event's file is damaged.</summary>
    public const string NoTarget = "ATU4001";

    /// <summary>There is no token, or the host does not accept it.</summary>
    public const string NoToken = "ATU4002";

    /// <summary>The token has no permission.</summary>
    public const string NotPermitted = "ATU4003";

    /// <summary>The host cannot be reached, keeps failing, or limits requests.</summary>
    public const string Unreachable = "ATU4004";

    /// <summary>The host refused what was sent.</summary>
    public const string Refused = "ATU4005";

    /// <summary>The pull request has a newer head, whose report is not overwritten.</summary>
    public const string HeadMoved = "ATU4006";

    /// <summary>It is unknown who posts with this token, so an earlier comment cannot be recognised.</summary>
    public const string UnknownAuthor = "ATU4007";

    /// <summary>The job summary cannot be written, or is full.</summary>
    public const string JobSummary = "ATU4008";

    /// <summary>The record of an untrusted build is not of the pull request's head.</summary>
    public const string NotOfTheHead = "ATU4009";

    /// <summary>The records are untrusted, and there is no policy of this repository to judge them by.</summary>
    public const string NoTrustedPolicy = "ATU4010";

    /// <summary>Unexpected error; please report it.</summary>
    public const string Unforeseen = "ATU4999";
}
