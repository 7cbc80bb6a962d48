using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Attestation;

/// <summary>
/// An ECDSA key, read from a PEM file: this tool signs on the curve P-256, and checks signatures of larger curves too.
/// </summary>
public sealed class SigningKey : IDisposable
{
    private const long MaxBytes = 64 << 10;
    private const string MakeKey = "`openssl ecparam -name prime256v1 -genkey -noout -out key.pem` makes";
    private const string MakePublic = "`openssl ec -in key.pem -pubout -out public.pem` writes";
    private const string P256 = "1.2.840.10045.3.1.7";   // secp256r1, by RFC 5480

    // Each curve has the hash of its size, as ECDSA in RFC 7518, section 3.4.
    private static readonly Dictionary<string, HashAlgorithmName> _hashes = new()
    {
        [P256] = HashAlgorithmName.SHA256,
        ["1.3.132.0.34"] = HashAlgorithmName.SHA384,   // secp384r1
        ["1.3.132.0.35"] = HashAlgorithmName.SHA512,   // secp521r1
    };

    private readonly ECDsa _key;
    private readonly HashAlgorithmName _hash;

    private SigningKey(ECDsa key, HashAlgorithmName hash) => (_key, _hash) = (key, hash);

    /// <summary>SHA-256 of the public key (SubjectPublicKeyInfo in DER), which names the key in what is printed.</summary>
    public string Id => Sha256Digest.Compute(_key.ExportSubjectPublicKeyInfo());

    /// <summary>SHA-256 of the public key in PEM, which names the key in a model signature.</summary>
    public string PemFingerprint => Sha256Digest.Compute(_key.ExportSubjectPublicKeyInfoPem() + "\n");

    /// <summary>
    /// Reads a private key: <c>PRIVATE KEY</c> (PKCS #8) or <c>EC PRIVATE KEY</c> (SEC 1), on P-256, not encrypted.
    /// </summary>
    /// <exception cref="AttestationException">It is none, or cannot be read.</exception>
    public static SigningKey ReadPrivate(string path)
    {
        var key = Read(
            path, "a private key on the curve P-256", "PRIVATE KEY", [P256], $"name the file of your private key; {MakeKey} one");
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

    /// <summary>Reads a public key: <c>PUBLIC KEY</c> (SubjectPublicKeyInfo), on P-256, P-384 or P-521.</summary>
    /// <exception cref="AttestationException">It is none, or cannot be read.</exception>
    public static SigningKey ReadPublic(string path) =>
        Read(
            path, "a public key on the curve P-256, P-384 or P-521", "PUBLIC KEY", _hashes.Keys,
            $"name the file of the signer's public key; {MakePublic} it from the private one");

    /// <summary>Signs; the signature is an ASN.1 sequence, as OpenSSL and cosign write it.</summary>
    public byte[] Sign(byte[] data) => _key.SignData(data, _hash, DSASignatureFormat.Rfc3279DerSequence);

    /// <summary>Whether a signature is this key's over some data.</summary>
    public bool Verifies(byte[] data, byte[] signature) =>
        _key.VerifyData(data, signature, _hash, DSASignatureFormat.Rfc3279DerSequence);

    /// <summary>
    /// Whether a file names this key: by either digest, or by its own bytes in base64, as older signers wrote it.
    /// </summary>
    /// <param name="name">Any text.</param>
    public bool IsNamed(string name) =>
        name == PemFingerprint || name == Id || name == Convert.ToBase64String(_key.ExportSubjectPublicKeyInfo());

    /// <inheritdoc/>
    public void Dispose() => _key.Dispose();

    /// <summary>The public key of a certificate; null where it is not ECDSA on one of the three curves.</summary>
    internal static SigningKey? FromCertificate(X509Certificate2 certificate)
    {
        var key = certificate.GetECDsaPublicKey();
        if (key is not null && FindHash(key) is { } hash)
            return new SigningKey(key, hash);
        key?.Dispose();
        return null;
    }

    private static HashAlgorithmName? FindHash(ECDsa key) =>
        _hashes.TryGetValue(key.ExportParameters(includePrivateParameters: false).Curve.Oid.Value ?? "", out var hash)
            ? hash
            : null;

    private static SigningKey Read(
        string path, string what, string label, IReadOnlyCollection<string> curves, string remedy)
    {
        var text = AttestationFile.ReadText(path, MaxBytes, what, remedy);
        if (text.Contains("ENCRYPTED", StringComparison.Ordinal))
            throw new AttestationException(
                path, "is encrypted; decrypt it for this job, for example with `openssl pkey -in KEY -out DECRYPTED`");
        var key = ECDsa.Create();
        try
        {
            if (!text.Contains($"{label}-----", StringComparison.Ordinal))
                throw new CryptographicException();
            key.ImportFromPem(text);
            if (FindHash(key) is not { } hash
                || !curves.Contains(key.ExportParameters(includePrivateParameters: false).Curve.Oid.Value))
                throw new CryptographicException();
            return new SigningKey(key, hash);
        }
        catch (Exception none) when (none is CryptographicException or ArgumentException)
        {
            key.Dispose();
            throw new AttestationException(
                path,
                $"is not {what} in PEM; {MakeKey} a key, and {MakePublic} its public part",
                none);
        }
    }
}
