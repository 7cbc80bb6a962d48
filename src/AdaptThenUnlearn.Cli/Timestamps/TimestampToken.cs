using System.Security.Cryptography;
using System.Security.Cryptography.Pkcs;
using System.Security.Cryptography.X509Certificates;
using AdaptThenUnlearn.Attestation;

namespace AdaptThenUnlearn.Cli.Timestamps;

/// <summary>A time-stamp token of a digest (RFC 3161): an authority signs that the digest was there at a time.</summary>
/// <param name="Time">When, by the authority's clock; UTC.</param>
/// <param name="Signer">Distinguished name in the certificate that signed.</param>
/// <param name="IsTrusted">
/// Whether the certificate is, or was issued under, one that the caller trusts; false where the caller named none.
/// </param>
public sealed record TimestampToken(DateTimeOffset Time, string Signer, bool IsTrusted)
{
    private const string TimeStamping = "1.3.6.1.5.5.7.3.8";   // RFC 3161, 2.3: the extended key usage of an authority

    /// <summary>The request for a digest, the same each time unless it has a nonce; it asks for the certificates.</summary>
    /// <param name="sha256">64 hexadecimal digits.</param>
    /// <param name="nonce">Random bytes that the response must repeat; null without.</param>
    public static Rfc3161TimestampRequest CreateRequest(string sha256, ReadOnlyMemory<byte>? nonce = null) =>
        Rfc3161TimestampRequest.CreateFromHash(
            Convert.FromHexString(sha256), HashAlgorithmName.SHA256, nonce: nonce, requestSignerCertificates: true);

    /// <summary>The token in an authority's response.</summary>
    /// <param name="request">That the response answers.</param>
    /// <param name="response">DER.</param>
    /// <returns>DER.</returns>
    /// <exception cref="TimestampException">It is no response, it refuses, or it answers another request.</exception>
    public static byte[] FindIn(Rfc3161TimestampRequest request, byte[] response)
    {
        try
        {
            return request.ProcessResponse(response, out _).AsSignedCms().Encode();
        }
        catch (CryptographicException unsuitable)
        {
            throw new TimestampException(
                $"the response of the time-stamp authority does not stamp this policy: {unsuitable.Message}; ask for a stamp of "
                    + "the policy as it is now",
                unsuitable);
        }
    }

    /// <summary>Checks a token: its signature, that the certificate may sign time stamps, and the digest.</summary>
    /// <param name="der">The token.</param>
    /// <param name="sha256">The digest that it must stamp; 64 hexadecimal digits.</param>
    /// <param name="authorities">Certificates that the caller trusts; null to trust none and refuse none.</param>
    /// <exception cref="TimestampException">It does not hold, or no trusted certificate stands behind it.</exception>
    public static TimestampToken Verify(byte[] der, string sha256, X509Certificate2Collection? authorities = null)
    {
        try
        {
            if (!Rfc3161TimestampToken.TryDecode(der, out var token, out var read) || read != der.Length)
                throw new TimestampException("the time-stamp token is damaged");
            if (!token.VerifySignatureForHash(Convert.FromHexString(sha256), HashAlgorithmName.SHA256, out var signer)
                || signer is null)
                throw new TimestampException("the time-stamp token does not stamp this policy, or its signature does not hold");

            var time = token.TokenInfo.Timestamp.ToUniversalTime();
            if (authorities is not null && !IsIssuedUnder(authorities, signer, token.AsSignedCms().Certificates, time))
                throw new TimestampException(
                    $"the time-stamp token was signed by {signer.Subject}, for which no certificate of --timestamp-authority "
                        + "stands");
            return new TimestampToken(time, signer.Subject, authorities is not null);
        }
        catch (CryptographicException damaged)
        {
            throw new TimestampException($"the time-stamp token is damaged: {damaged.Message}", damaged);
        }
    }

    // Whether certificates were revoked is not asked: the answer would need the network, and another one each day.
    private static bool IsIssuedUnder(
        X509Certificate2Collection authorities, X509Certificate2 signer, X509Certificate2Collection others, DateTimeOffset time)
    {
        using var chain = OfflineChain.Create(authorities, others, time, TimeStamping);
        return chain.Build(signer);
    }
}
