namespace AdaptThenUnlearn.Attestation;

/// <summary>A key or an attestation cannot be used.</summary>
/// <param name="path">The file.</param>
/// <param name="problem">What is wrong, without a full stop.</param>
/// <param name="cause">What was thrown; its text may hold parts of a key and is not shown.</param>
public sealed class AttestationException(string path, string problem, Exception? cause = null)
    : Exception($"{path} {problem}", cause);
