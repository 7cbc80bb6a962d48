using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Attestation;

/// <summary>A signed list of a model's files: a bundle of OpenSSF Model Signing 1.0.</summary>
/// <remarks>
/// Checked in the order of section 8 of the <see href="https://github.com/ossf/model-signing-spec/blob/main/spec/v1.0.md">
/// specification</see>: the bundle, the signature, the statement, the files.
/// </remarks>
public sealed class ModelSignature
{
    private const long MaxBytes = 16 << 20;

    private readonly SigstoreBundle _bundle;

    private ModelSignature(SigstoreBundle bundle) => _bundle = bundle;

    /// <summary>Reads a bundle of at most 16 MiB.</summary>
    /// <exception cref="AttestationException">It cannot be read, or is none.</exception>
    public static ModelSignature Read(string path) => Parse(
        AttestationFile.ReadText(
            path, MaxBytes, "a model signature",
            "name the signature's file (`atu attest RECORD --format model-signing --key KEY` writes model.sig)"),
        path);

    /// <summary>Reads a bundle's text.</summary>
    /// <param name="text">JSON; anybody may have written it.</param>
    /// <param name="path">Of the file, for errors.</param>
    /// <exception cref="AttestationException">It is none.</exception>
    public static ModelSignature Parse(string text, string path) => new(SigstoreBundle.Parse(text, path));

    /// <summary>The signer's key, by the chain of certificates in the bundle.</summary>
    /// <param name="trust">What the chain must lead to.</param>
    /// <param name="now">Every certificate must be valid then.</param>
    /// <param name="problem">Why there is no key, in a sentence without a full stop that begins with a verb.</param>
    /// <returns>A key that belongs to the caller; null where there is none.</returns>
    public SigningKey? FindSigner(CertificateTrust trust, DateTimeOffset now, out string? problem)
    {
        problem = _bundle.VerificationMaterial.Certificate is null
            ? "is not signed by a certificate"
            : "was signed through Sigstore, whose log cannot be asked offline; verify it with a tool of Sigstore's";
        return _bundle.VerificationMaterial.X509CertificateChain is { } chain
            ? trust.FindSigner([.. chain.Certificates.Select(certificate => certificate.Decode()!)], now, out problem)
            : null;
    }

    /// <summary>The list of files, if a key signed it.</summary>
    /// <param name="key">The signer's.</param>
    /// <param name="problem">
    /// Why there is none, in a sentence without a full stop that begins with a verb; null where there is one.
    /// </param>
    public ModelManifest? OpenWith(SigningKey key, out string? problem)
    {
        var envelope = _bundle.DsseEnvelope;
        ModelManifest? manifest = null;
        problem =
            _bundle.VerificationMaterial.PublicKey is { } named && !key.IsNamed(named.Hint ?? named.RawBytes!)
                ? "names another key than this one"
            : envelope.OpenWith(key) is not { } payload
                ? "is not signed by this key, or was changed after it was signed"
            : envelope.PayloadType != DsseEnvelope.InTotoType
                ? "does not hold an in-toto statement"
            : ModelManifest.TryRead(RegularFile.DecodeText(payload), out manifest);
        return problem is null ? manifest : null;
    }
}
