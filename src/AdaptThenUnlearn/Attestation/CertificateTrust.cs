using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AdaptThenUnlearn.Attestation;

/// <summary>Certificates that a verifier trusts: a signer's chain must lead to one of them.</summary>
/// <remarks>
/// Nothing is asked of a network: revocation is not checked, and missing certificates are not fetched. A trusted certificate need
/// not be a root: whoever names it trusts it.
/// </remarks>
public sealed class CertificateTrust : IDisposable
{
    private const long MaxBytes = 1 << 20;
    private const string CodeSigning = "1.3.6.1.5.5.7.3.3";   // RFC 5280, section 4.2.1.12

    private readonly X509Certificate2Collection _trusted;

    private CertificateTrust(X509Certificate2Collection trusted) => _trusted = trusted;

    /// <summary>Reads certificates in PEM, one or more in a file of at most 1 MiB.</summary>
    /// <exception cref="AttestationException">There is none, or the file cannot be read.</exception>
    public static CertificateTrust Read(string path)
    {
        X509Certificate2Collection found = [];
        try
        {
            found.ImportFromPem(AttestationFile.ReadText(
                path, MaxBytes, "certificates", "name the PEM file with the certificates that you trust"));
        }
        catch (CryptographicException damaged)
        {
            throw new AttestationException(path, "holds a certificate in PEM that is damaged", damaged);
        }

        return found.Count > 0
            ? new(found)
            : throw new AttestationException(path, "holds no certificate in PEM (-----BEGIN CERTIFICATE-----)");
    }

    /// <summary>The key of a chain's first certificate, if the chain leads to a trusted one.</summary>
    /// <param name="chain">The signer's certificate, then those above it, in DER.</param>
    /// <param name="now">Every certificate of the chain must be valid then.</param>
    /// <param name="problem">Why there is no key, in a sentence without a full stop that begins with a verb.</param>
    /// <returns>A key that belongs to the caller; null where the chain does not hold.</returns>
    public SigningKey? FindSigner(IReadOnlyList<byte[]> chain, DateTimeOffset now, out string? problem)
    {
        X509Certificate2Collection certificates = [];
        X509Chain? built = null;
        try
        {
            foreach (var der in chain)
                certificates.Add(X509CertificateLoader.LoadCertificate(der));
            if (certificates.Count == 0)
            {
                problem = "holds no certificate";
                return null;
            }

            built = OfflineChain.Create(_trusted, certificates, now, CodeSigning);
            problem = Check(built, certificates);
            var key = problem is null ? SigningKey.FromCertificate(certificates[0]) : null;
            if (problem is null && key is null)
                problem = "is signed by a certificate whose key is not ECDSA on P-256, P-384 or P-521";
            return key;
        }
        catch (CryptographicException)
        {
            problem = "holds a certificate that is damaged";
            return null;
        }
        finally
        {
            foreach (var certificate in certificates.Concat(built?.ChainElements.Select(element => element.Certificate) ?? []))
                certificate.Dispose();
            built?.Dispose();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var certificate in _trusted)
            certificate.Dispose();
    }

    private string? Check(X509Chain built, X509Certificate2Collection chain)
    {
        // Its end is checked below: .NET would ask for a root, and a trusted certificate need not be one.
        built.ChainPolicy.VerificationFlags = X509VerificationFlags.AllowUnknownCertificateAuthority;
        if (!built.Build(chain[0]))
            return "has a certificate that does not hold: "
                + string.Join(", ", built.ChainStatus.Select(status => status.Status)
                    .Where(status => status is not (X509ChainStatusFlags.PartialChain or X509ChainStatusFlags.UntrustedRoot)));
        if (!built.ChainElements.Any(element => _trusted.Any(trusted => trusted.RawDataMemory.Span.SequenceEqual(
            element.Certificate.RawDataMemory.Span))))
            return "has a certificate that does not lead to a trusted one";
        return chain[0].Extensions.OfType<X509KeyUsageExtension>()
            .All(usage => usage.KeyUsages.HasFlag(X509KeyUsageFlags.DigitalSignature))
            ? null
            : "has a certificate that is not for signing";
    }
}
