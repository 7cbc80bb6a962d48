using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Attestation;

/// <summary>A run as attestations state it: its record, judged today.</summary>
/// <param name="Record">Valid, with one judged generator.</param>
/// <param name="Verdict">The record's, judged today: a waiver may have expired since.</param>
/// <param name="RecordSha256">Digest of the record's file; 64 lower-case hexadecimal digits.</param>
public sealed record AttestedRun(RunRecord Record, Verdict Verdict, string RecordSha256)
{
    /// <summary>
    /// The reports beside the record that the statement names, by file name and digest; null for a statement that names none, as
    /// earlier versions wrote them.
    /// </summary>
    public IReadOnlyList<OutputFile>? Reports { get; init; }

    /// <summary>The generator that was judged, released or rejected.</summary>
    /// <exception cref="InvalidOperationException">The record does not name exactly one.</exception>
    public OutputFile Artifact => Record.Outputs.Single(output => OutputRoles.IsGenerator(output.Role));

    /// <summary>File name of <see cref="Artifact"/>.</summary>
    public string ArtifactName => Path.GetFileName(Artifact.Path);

    /// <summary>Whether the record names exactly one judged generator; without, nothing can be stated about one.</summary>
    public bool HasArtifact => Record.Outputs.Count(output => OutputRoles.IsGenerator(output.Role)) == 1;

    /// <summary>Whether the generator may be released today.</summary>
    public bool IsReleased => Verdict.Outcome.IsPass() && HasArtifact && Artifact.Role == OutputRoles.Artifact;

    /// <summary>The generator's files: <see cref="Artifact"/>, and the parts of one that is in several files.</summary>
    public IReadOnlyList<OutputFile> ModelFiles =>
        [.. Record.Outputs.Where(output => output == Artifact || InputRoles.IsPartOf(output.Role, Artifact.Role))];
}
