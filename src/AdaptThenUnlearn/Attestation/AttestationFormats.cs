namespace AdaptThenUnlearn.Attestation;

/// <summary>Every format that <c>atu attest</c> can write. A new one: write its file, add its line.</summary>
public static class AttestationFormats
{
    /// <summary>All of them; the first is written where none is named.</summary>
    public static IReadOnlyList<IAttestationFormat> All { get; } =
    [
        new InTotoFormat(), new ModelSigningFormat(), new CycloneDxFormat(), new ModelCardFormat()
    ];

    /// <summary>The format that is written where none is named.</summary>
    public static IAttestationFormat Default => All[0];

    /// <summary>Names of all files that these formats write beside a record.</summary>
    public static IReadOnlyList<string> FileNames { get; } =
        [.. All.SelectMany(format => new[] { format.SignedFileName, format.UnsignedFileName }).OfType<string>().Distinct()];
}
