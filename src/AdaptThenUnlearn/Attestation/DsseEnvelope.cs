using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AdaptThenUnlearn.Attestation;

/// <summary>A signed text: Dead Simple Signing Envelope, version 1.</summary>
/// <remarks>
/// By the specification's <see href="https://github.com/secure-systems-lab/dsse/blob/master/envelope.md">envelope</see> and
/// <see href="https://github.com/secure-systems-lab/dsse/blob/master/protocol.md">protocol</see>. Unlike there, members that this
/// version does not know are refused.
/// </remarks>
/// <param name="PayloadType">What the payload is.</param>
/// <param name="Payload">The signed bytes, in base64.</param>
/// <param name="Signatures">At least one.</param>
public sealed record DsseEnvelope(string PayloadType, string Payload, IReadOnlyList<DsseSignature> Signatures)
{
    /// <summary>The payload is an in-toto statement.</summary>
    public const string InTotoType = "application/vnd.in-toto+json";

    private static readonly JsonSerializerOptions _json =
        new(JsonSerializerOptions.Strict)
        {
            PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,   // "+" as it is
        };

    /// <summary>Signs a payload.</summary>
    public static DsseEnvelope Sign(string payloadType, byte[] payload, SigningKey key) => new(
        payloadType, Convert.ToBase64String(payload),
        [new DsseSignature(Convert.ToBase64String(key.Sign(Encode(payloadType, payload))))]);

    /// <summary>Reads an envelope.</summary>
    /// <param name="text">JSON.</param>
    /// <param name="path">Of the file, for errors.</param>
    /// <exception cref="AttestationException">It is none.</exception>
    public static DsseEnvelope Parse(string text, string path)
    {
        try
        {
            var envelope = JsonSerializer.Deserialize<DsseEnvelope>(text, _json);
            if (envelope?.IsWhole == true)
                return envelope;
        }
        catch (JsonException)
        {
        }

        throw new AttestationException(path, "is not a DSSE envelope with a signature; `atu attest RECORD --key KEY` writes one");
    }

    /// <summary>Whether nothing is missing, and what must be base64 is.</summary>
    [JsonIgnore]
    internal bool IsWhole =>
        this is { PayloadType: not null, Payload: not null, Signatures: [_, ..] }
        && IsCanonical(Payload)
        && Signatures.All(signature => signature is { Sig: not null } && IsCanonical(signature.Sig));

    /// <summary>The envelope as one line of JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, _json) + "\n";

    /// <summary>The payload; the signature is not checked.</summary>
    internal byte[] DecodePayload() => Convert.FromBase64String(Payload);

    /// <summary>The payload, if a key signed it; null if no signature is the key's.</summary>
    public byte[]? OpenWith(SigningKey key)
    {
        var payload = DecodePayload();
        var signed = Encode(PayloadType, payload);
        return Signatures.Any(signature => key.Verifies(signed, Convert.FromBase64String(signature.Sig))) ? payload : null;
    }

    /// <summary>What is signed (pre-authentication encoding): type and payload, each after its length in bytes.</summary>
    internal static byte[] Encode(string payloadType, byte[] payload)
    {
        var type = Encoding.UTF8.GetBytes(payloadType);
        return
        [
            .. Encoding.UTF8.GetBytes(FormattableString.Invariant($"DSSEv1 {type.Length} ")), .. type,
            .. Encoding.UTF8.GetBytes(FormattableString.Invariant($" {payload.Length} ")), .. payload,
        ];
    }

    // One text for the same bytes, so that a changed text is a changed envelope.
    private static bool IsCanonical(string base64)
    {
        var bytes = new byte[base64.Length];
        return Convert.TryFromBase64String(base64, bytes, out var length)
            && Convert.ToBase64String(bytes.AsSpan(0, length)) == base64;
    }
}

/// <summary>A signature of an envelope.</summary>
/// <param name="Sig">The signature, in base64.</param>
/// <param name="Keyid">
/// Names the key. Nobody signs it, so it decides nothing; this tool writes none, and reads those of other signers.
/// </param>
public sealed record DsseSignature(
    string Sig, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Keyid = null);
