namespace AdaptThenUnlearn.Publishing.Targets;

/// <summary>The codes of publishing; a code never changes its meaning.</summary>
public static class PublishCodes
{
    /// <summary>Nothing says where to publish: no repository, no commit, or the event's file is damaged.</summary>
    public const string NoTarget = "ATU4001";

    /// <summary>No token, or one that is not accepted.</summary>
    public const string NoToken = "ATU4002";

    /// <summary>The token may not do this.</summary>
    public const string NotPermitted = "ATU4003";

    /// <summary>GitHub cannot be reached, keeps failing, or has had enough requests for now.</summary>
    public const string Unreachable = "ATU4004";

    /// <summary>GitHub refused what was sent.</summary>
    public const string Refused = "ATU4005";

    /// <summary>The pull request has a newer head: its report is not overwritten.</summary>
    public const string HeadMoved = "ATU4006";

    /// <summary>Nobody says who posts with this token, so an earlier comment cannot be told from somebody else's.</summary>
    public const string UnknownAuthor = "ATU4007";

    /// <summary>The job summary cannot be written, or is full.</summary>
    public const string JobSummary = "ATU4008";

    /// <summary>A record from an untrusted build is not of the head of the pull request it came for.</summary>
    public const string NotOfTheHead = "ATU4009";

    /// <summary>Untrusted records, and no policy of this repository to judge them by.</summary>
    public const string NoTrustedPolicy = "ATU4010";

    /// <summary>Something unforeseen; please report it.</summary>
    public const string Unforeseen = "ATU4999";
}
