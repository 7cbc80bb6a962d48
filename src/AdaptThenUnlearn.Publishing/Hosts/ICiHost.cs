namespace AdaptThenUnlearn.Publishing.Hosts;

/// <summary>
/// A CI host: how its environment is recognised, and what that environment says about the build and its pull request.
/// </summary>
/// <remarks>
/// A new host is a file in this folder and a line in <see cref="CiHosts"/>. What every host must do is written as a test
/// (<c>CiHostContract</c>), which runs over all of them.
/// </remarks>
public interface ICiHost
{
    /// <summary>The host's usual name, e.g. <c>GitHub Actions</c>; no other host has it.</summary>
    string Name { get; }

    /// <summary>Whether the environment is this host's. An environment without variables of this host's own is not.</summary>
    bool Matches(EnvironmentSnapshot environment);

    /// <summary>What the environment and the files that it names say.</summary>
    /// <remarks>
    /// It never throws where variables or files are missing or damaged. Tokens are not part of the result.
    /// </remarks>
    CiContext Describe(EnvironmentSnapshot environment);
}
