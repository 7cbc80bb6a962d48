using System.Security.Cryptography;
using System.Text;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints.Tensors;

/// <summary>
/// A digest of tensors and of the text beside them, kept in the file's metadata: it shows that the file is whole, not who made
/// it.
/// </summary>
internal static class TensorChecksum
{
    /// <summary>The metadata's entry that holds the checksum; it is not part of what it covers.</summary>
    public const string Key = "checksum";

    private const long HashedElements = 1 << 24;   // elements that are hashed at a time

    /// <summary>SHA-256 over the text, then over the tensors, each in the order of the names.</summary>
    /// <param name="tensors">By name; stay the caller's.</param>
    /// <param name="metadata">Text by key.</param>
    /// <returns>64 lower-case hexadecimal digits.</returns>
    public static string Compute(IReadOnlyDictionary<string, Tensor> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        using var scope = NewDisposeScope();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (key, text) in metadata.Where(pair => pair.Key != Key).OrderBy(pair => pair.Key, StringComparer.Ordinal))
            hash.AppendData(Encoding.UTF8.GetBytes($"{key}\0{text}\0"));
        foreach (var (name, tensor) in tensors.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes(
                FormattableString.Invariant($"{name}\0{tensor.dtype}\0{string.Join(',', tensor.shape)}\0")));
            var flat = tensor.detach().cpu().contiguous().view(-1);
            for (long start = 0; start < flat.NumberOfElements; start += HashedElements)
                hash.AppendData(flat.narrow(0, start, Math.Min(HashedElements, flat.NumberOfElements - start)).bytes);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
