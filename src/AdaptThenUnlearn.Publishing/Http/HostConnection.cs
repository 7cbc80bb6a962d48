using AdaptThenUnlearn.Publishing.Targets;

namespace AdaptThenUnlearn.Publishing.Http;

/// <summary>What the client of a code host is made with.</summary>
/// <param name="Target">Where runs are published.</param>
/// <param name="Token">Token to publish with.</param>
/// <param name="Context">What is shown besides the run.</param>
/// <param name="Version">Version of this tool, for the user agent.</param>
/// <param name="RetryDelay">Clock and waiting between attempts.</param>
/// <param name="Cancel">Cancels requests and waiting.</param>
public sealed record HostConnection(
    PublishTarget Target, PublishToken Token, PublishContext Context, string Version, RetryDelay RetryDelay,
    CancellationToken Cancel);
