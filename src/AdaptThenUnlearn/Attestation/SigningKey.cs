using System.Security.Cryptography;
using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Attestation;

/// <summary>An ECDSA key on the curve P-256, read from a PEM file.</summary>
public sealed class SigningKey : IDisposable
{
    private const long MaxBytes = 64 << 10;
    private const string Curve = "1.2.840.10045.3.1.7";   // secp256r1, by RFC 5480
    private readonly ECDsa _key;

    private SigningKey(ECDsa key) => _key = key;

    /// <summary>SHA-256 of the public key (SubjectPublicKeyInfo in DER), which names the key in what is printed.</summary>
    public string Id => Sha256Digest.Compute(_key.ExportSubjectPublicKeyInfo());

    /// <summary>Reads a private key: <c>PRIVATE KEY</c> (PKCS #8) or <c>EC PRIVATE KEY</c> (SEC 1), not encrypted.</summary>
    /// <exception cref="AttestationException">It is none, or cannot be read.</exception>
    public static SigningKey ReadPrivate(string path)
    {
        var key = Read(path, "a private key", "PRIVATE KEY");
        try
        {
            key._key.ExportParameters(includePrivateParameters: true);
            return key;
        }
        catch (CryptographicException none)
        {
            key.Dispose();
            throw new AttestationException(path, "is a public key; signing needs the private one", none);
        }
    }

    /// <summary>Reads a public key: <c>PUBLIC KEY</c> (SubjectPublicKeyInfo).</summary>
    /// <exception cref="AttestationException">It is none, or cannot be read.</exception>
    public static SigningKey ReadPublic(string path) => Read(path, "a public key", "PUBLIC KEY");

    /// <summary>Signs with SHA-256; the signature is an ASN.1 sequence, as OpenSSL and cosign write it.</summary>
    public byte[] Sign(byte[] data) => _key.SignData(data, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);

    /// <summary>Whether a signature is this key's over some data.</summary>
    public bool Verifies(byte[] data, byte[] signature) =>
        _key.VerifyData(data, signature, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);

    /// <inheritdoc/>
    public void Dispose() => _key.Dispose();

    private static SigningKey Read(string path, string what, string label)
    {
        var text = AttestationFile.ReadText(path, MaxBytes, $"cannot be read as {what}");
        if (text.Contains("ENCRYPTED", StringComparison.Ordinal))
            throw new AttestationException(
                path, "is encrypted; decrypt it for this job, for example with `openssl pkey -in KEY -out DECRYPTED`");
        var key = ECDsa.Create();
        try
        {
            if (!text.Contains($"{label}-----", StringComparison.Ordinal))
                throw new CryptographicException();
            key.ImportFromPem(text);
            if (key.ExportParameters(includePrivateParameters: false).Curve.Oid.Value != Curve)
                throw new CryptographicException();
            return new SigningKey(key);
        }
        catch (Exception none) when (none is CryptographicException or ArgumentException)
        {
            key.Dispose();
            throw new AttestationException(
                path,
                $"is not {what} on the curve P-256 in PEM; `openssl ecparam -name prime256v1 -genkey -noout -out key.pem` makes "
                    + "a key, and `openssl ec -in key.pem -pubout -out public.pem` its public part",
                none);
        }
    }
}
