using System.Text;

namespace AdaptThenUnlearn.Attestation;

/// <summary>
/// A signature of the released generator's files that any verifier of OpenSSF Model Signing 1.0 reads. A rejected generator gets
/// none: who finds a model with a signature takes it for released.
/// </summary>
public sealed class ModelSigningFormat : IAttestationFormat
{
    /// <inheritdoc/>
    public string Name => "model-signing";

    /// <inheritdoc/>
    public string SignedFileName => "model.sig";

    /// <inheritdoc/>
    public string? UnsignedFileName => null;

    /// <inheritdoc/>
    public bool Recognizes(string text) => text.Contains(SigstoreBundle.Mark, StringComparison.Ordinal);

    /// <inheritdoc/>
    public bool IsSigned(string text) => true;

    /// <inheritdoc/>
    public string? FindObstacle(AttestedRun run) =>
        run.IsReleased ? null : "the generator may not be released, so it gets no model signature";

    /// <inheritdoc/>
    public string Write(AttestedRun run, SigningKey? key)
    {
        ArgumentNullException.ThrowIfNull(key);
        var statement = TestResultStatement.ToText(CreateManifest(run).ToStatement());
        return SigstoreBundle.Create(
            DsseEnvelope.Sign(DsseEnvelope.InTotoType, Encoding.UTF8.GetBytes(statement), key), key).ToJson();
    }

    /// <inheritdoc/>
    public string? FindProblem(string text, string path, AttestedRun run, SigningKey? key)
    {
        var signature = ModelSignature.Parse(text, path);
        if (key is null)
            throw new AttestationException(path, "is signed; name the signer's public key");
        if (signature.OpenWith(key, out var problem) is not { } manifest)
            return problem;
        return manifest.Files.SequenceEqual(CreateManifest(run).Files) ? null : "is about other files than the run's generator";
    }

    private static ModelManifest CreateManifest(AttestedRun run)
    {
        var files = run.ModelFiles;
        return ModelManifest.Create(
            files.Count == 1 ? run.ArtifactName : run.Record.Policy.Name,
            files.Select(file => new ModelFile(Path.GetFileName(file.Path), file.Sha256)));
    }
}
