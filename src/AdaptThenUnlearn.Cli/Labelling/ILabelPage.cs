namespace AdaptThenUnlearn.Cli.Labelling;

/// <summary>What the labelling server serves: a session that labels for a classifier, or one that audits.</summary>
internal interface ILabelPage
{
    /// <summary>Work that was started and must end before the session does. It never faults.</summary>
    Task Training { get; }

    /// <summary>Returns the page, its files, an image, or the state of the session.</summary>
    /// <param name="path">The part of the address after the token.</param>
    PageResponse HandleGet(string path);

    /// <summary>Does what the page asks for.</summary>
    /// <param name="path">The part of the address after the token.</param>
    /// <param name="body">JSON.</param>
    /// <param name="ended">Ends work that it starts.</param>
    Task<PageResponse> HandlePostAsync(string path, byte[] body, CancellationToken ended);
}
