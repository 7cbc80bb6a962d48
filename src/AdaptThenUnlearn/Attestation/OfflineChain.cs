using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AdaptThenUnlearn.Attestation;

/// <summary>Chains of certificates that are built without a network, and lead to certificates that somebody has named.</summary>
public static class OfflineChain
{
    /// <summary>Prepares a chain: no revocation is checked, and no missing certificate is fetched.</summary>
    /// <param name="trusted">Where the chain must end; the system's own roots are not trusted.</param>
    /// <param name="others">Certificates that may lie between.</param>
    /// <param name="time">Every certificate must be valid then.</param>
    /// <param name="usage">The extended key usage that the certificates must allow; an object identifier of RFC 5280.</param>
    /// <returns>Belongs to the caller, as do the certificates that it finds.</returns>
    public static X509Chain Create(
        X509Certificate2Collection trusted, X509Certificate2Collection others, DateTimeOffset time, string usage)
    {
        var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(trusted);
        chain.ChainPolicy.ExtraStore.AddRange(others);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.VerificationTime = time.UtcDateTime;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(usage));
        return chain;
    }
}
