namespace AdaptThenUnlearn.Torch.Features;

/// <summary>Turns the prompts of an image–text model into the numbers of their tokens.</summary>
public interface IPromptTokenizer
{
    /// <summary>Number of the token that ends a prompt.</summary>
    int End { get; }

    /// <summary>Number of a token; null where the vocabulary does not have it.</summary>
    /// <param name="token">As the vocabulary writes it, or without the mark of a word's end.</param>
    int? Find(string token);

    /// <summary>The tokens of a prompt, from the start token to the end token.</summary>
    /// <param name="prompt">In words.</param>
    /// <exception cref="PromptException">The prompt cannot be read as the published tokenizers read it.</exception>
    IReadOnlyList<int> Encode(string prompt);
}

/// <summary>Makes tokenizers from the files that come with a model.</summary>
public interface IPromptTokenizerFactory
{
    /// <summary>Reads the files.</summary>
    /// <param name="vocabulary">Content of <c>vocab.json</c>.</param>
    /// <param name="merges">Content of <c>merges.txt</c>.</param>
    /// <exception cref="TokenizerFileException">One of them is damaged, or is of another tokenizer.</exception>
    IPromptTokenizer Create(byte[] vocabulary, byte[] merges);
}

/// <summary>The tokenizers of prompts, which the application registers when it starts.</summary>
public static class PromptTokenizers
{
    private static volatile IPromptTokenizerFactory? _registered;

    /// <summary>Registers them, in place of earlier ones.</summary>
    public static void Register(IPromptTokenizerFactory factory) => _registered = factory;

    /// <summary>Those that are registered; null where none are.</summary>
    internal static IPromptTokenizerFactory? Registered => _registered;
}

/// <summary>A file of a tokenizer.</summary>
public enum TokenizerFile
{
    /// <summary><c>vocab.json</c>.</summary>
    Vocabulary,

    /// <summary><c>merges.txt</c>.</summary>
    Merges,
}

/// <summary>A file of a tokenizer is damaged, or is of another tokenizer.</summary>
/// <param name="file">Which one.</param>
/// <param name="problem">What is wrong, without a full stop.</param>
/// <param name="remedy">What the reader can do about it.</param>
/// <param name="cause">The exception that caused this one; null where none did.</param>
public sealed class TokenizerFileException(TokenizerFile file, string problem, string remedy, Exception? cause = null)
    : Exception(problem, cause)
{
    /// <summary>Which file.</summary>
    public TokenizerFile File { get; } = file;

    /// <summary>What the reader can do about it.</summary>
    public string Remedy { get; } = remedy;
}

/// <summary>A prompt cannot be used.</summary>
/// <param name="problem">What is wrong and how to mend it, without a full stop.</param>
public sealed class PromptException(string problem) : Exception(problem)
{
    /// <summary>The class that it describes; empty where that is not known yet.</summary>
    public string Class { get; init; } = "";

    /// <summary>Its position among the prompts of the class, from 0.</summary>
    public int Index { get; init; }
}
