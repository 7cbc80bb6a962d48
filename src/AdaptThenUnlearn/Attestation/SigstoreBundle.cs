using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace AdaptThenUnlearn.Attestation;

/// <summary>A Sigstore bundle: an envelope, and what it can be verified with.</summary>
/// <remarks>
/// By the <see href="https://docs.sigstore.dev/about/bundle/">bundle format</see> as OpenSSF Model Signing 1.0 uses it (section
/// 4). Members that neither names are refused, as the format's own readers do.
/// </remarks>
/// <param name="MediaType">Names the version.</param>
/// <param name="VerificationMaterial">How the signer is known.</param>
/// <param name="DsseEnvelope">What was signed.</param>
public sealed record SigstoreBundle(string MediaType, VerificationMaterial VerificationMaterial, DsseEnvelope DsseEnvelope)
{
    /// <summary>In the text of every bundle.</summary>
    internal const string Mark = "\"dsseEnvelope\"";

    private const string CurrentMediaType = "application/vnd.dev.sigstore.bundle.v0.3+json";

    // https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_bundle.proto: the older ones wrote a parameter.
    private static readonly string[] _mediaTypes =
    [
        CurrentMediaType, "application/vnd.dev.sigstore.bundle+json;version=0.3",
        "application/vnd.dev.sigstore.bundle+json;version=0.2", "application/vnd.dev.sigstore.bundle+json;version=0.1",
    ];

    private static readonly JsonSerializerOptions _json = new(JsonSerializerOptions.Strict)
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,   // "+" as it is
        RespectRequiredConstructorParameters = false,            // what is missing is named below
        RespectNullableAnnotations = false,
    };

    /// <summary>A bundle of a key's signature.</summary>
    public static SigstoreBundle Create(DsseEnvelope envelope, SigningKey key) => new(
        CurrentMediaType, new VerificationMaterial(new PublicKeyIdentifier(key.PemFingerprint), TlogEntries: []), envelope);

    /// <summary>Reads a bundle.</summary>
    /// <param name="text">JSON; anybody may have written it.</param>
    /// <param name="path">Of the file, for errors.</param>
    /// <exception cref="AttestationException">It is none; the message says what is missing.</exception>
    public static SigstoreBundle Parse(string text, string path)
    {
        if (string.IsNullOrWhiteSpace(text))
            throw new AttestationException(path, "is empty; a model signature is a Sigstore bundle in JSON");
        SigstoreBundle? bundle;
        try
        {
            bundle = JsonSerializer.Deserialize<SigstoreBundle>(text, _json);
        }
        catch (JsonException damaged)
        {
            throw new AttestationException(path, $"is not a Sigstore bundle: {Where(damaged)}", damaged);
        }

        return FindFault(bundle) is { } fault ? throw new AttestationException(path, fault) : bundle!;
    }

    /// <summary>The bundle as one line of JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, _json) + "\n";

    private static string? FindFault(SigstoreBundle? bundle) => bundle switch
    {
        null => "is not a Sigstore bundle: it is null",
        _ when !_mediaTypes.Contains(bundle.MediaType) =>
            $"has a media type that is not a Sigstore bundle's: {bundle.MediaType ?? "none"}",
        { VerificationMaterial: null } => "has no verificationMaterial, which says how the signer is known",
        { DsseEnvelope: null } => "has no dsseEnvelope, which holds what was signed",
        _ when !bundle.DsseEnvelope.IsWhole => "has an envelope without a payload or a signature in base64",
        _ => bundle.VerificationMaterial.FindFault(),
    };

    private static string Where(JsonException damaged) =>
        damaged.Path is { Length: > 1 } path
            ? $"{path} is wrong, or has no place there"
            : "it is not JSON, or has other members";
}

/// <summary>How the signer of a bundle is known: by a key, a chain of certificates, or Sigstore's own certificate.</summary>
/// <param name="PublicKey">Names the key.</param>
/// <param name="X509CertificateChain">The signer's certificate, then those above it.</param>
/// <param name="Certificate">A short-lived certificate of Sigstore's, which needs an entry in its log.</param>
/// <param name="TlogEntries">Entries of a transparency log.</param>
/// <param name="TimestampVerificationData">Timestamps; not used.</param>
public sealed record VerificationMaterial(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] PublicKeyIdentifier? PublicKey = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] CertificateChain? X509CertificateChain = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] CertificateBytes? Certificate = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<JsonNode>? TlogEntries = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] JsonNode? TimestampVerificationData = null)
{
    internal string? FindFault() => this switch
    {
        { PublicKey: null, X509CertificateChain: null, Certificate: null } =>
            "has no key and no certificate, so nothing says who signed it",
        { Certificate: not null } when TlogEntries is not [_, ..] =>
            "has a certificate of Sigstore's without an entry in its transparency log (tlogEntries)",
        { PublicKey: { Hint: null, RawBytes: null } } => "has a public key without a hint",
        _ when new object?[] { PublicKey, X509CertificateChain, Certificate }.Count(named => named is not null) > 1 =>
            "names its signer in more than one way",
        { X509CertificateChain: { Certificates: null or [] } } => "has an empty chain of certificates",
        { X509CertificateChain.Certificates: var chain }
            when chain.Any(each => each?.RawBytes is null || each.Decode() is null) =>
            "has a certificate that is not base64",
        _ => null,
    };
}

/// <summary>Names a public key.</summary>
/// <param name="Hint">A digest of it.</param>
/// <param name="RawBytes">The key itself in base64, in bundles of older signers.</param>
/// <param name="KeyDetails">Its kind, in bundles of older signers; not used.</param>
public sealed record PublicKeyIdentifier(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Hint = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? RawBytes = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? KeyDetails = null);

/// <summary>The signer's certificate, then those above it.</summary>
/// <param name="Certificates">At least one.</param>
public sealed record CertificateChain(IReadOnlyList<CertificateBytes> Certificates);

/// <summary>A certificate.</summary>
/// <param name="RawBytes">DER in base64.</param>
public sealed record CertificateBytes(string RawBytes)
{
    /// <summary>Its bytes; null where they are not base64.</summary>
    internal byte[]? Decode()
    {
        var bytes = new byte[RawBytes.Length];
        return Convert.TryFromBase64String(RawBytes, bytes, out var length) ? bytes[..length] : null;
    }
}
