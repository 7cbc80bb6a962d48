namespace AdaptThenUnlearn.Policies;

/// <summary>The policy that this one builds on. Every rule of it holds here too: it may be tightened, and not loosened.</summary>
/// <param name="Policy">Path of the policy, relative to this one, or <c>nuget:ID/VERSION/FILE</c>.</param>
/// <param name="Sha256">Pin: the SHA-256 of that file, 64 hexadecimal digits. A file with another digest is refused.</param>
public sealed record PolicyExtension(
    [FilePath, Examples("../company.json")] string Policy,
    [TextPattern(TextPatternAttribute.Sha256, TextPatternAttribute.Sha256Words)] string Sha256);

/// <summary>A policy that another builds on, as it was read.</summary>
/// <param name="Path">As the reader was asked for it: that of the policy that builds on it, and the path that it gives.</param>
/// <param name="Text">Its text.</param>
/// <param name="Sha256">Of the text in UTF-8; 64 lower-case hexadecimal digits.</param>
public sealed record PolicyBase(string Path, string Text, string Sha256);
