using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>The text side of an image–text model: one embedding for each prompt, and one for each class.</summary>
internal sealed class TextEncoder : IDisposable
{
    private const double SamePoint = 1e-4;   // between unit vectors: what rounding in half precision may do

    private readonly GraphProgram _program;
    private readonly TextInputs _inputs;
    private readonly string _output;
    private readonly TextModelChoice _choice;
    private readonly IPromptTokenizer _tokenizer;

    /// <summary>Loads the graph.</summary>
    /// <param name="file">The graph's file.</param>
    /// <param name="choice">Names its inputs and its output.</param>
    /// <param name="tokenizer">Knows the vocabulary.</param>
    /// <exception cref="CheckpointException">It is not such a graph.</exception>
    public TextEncoder(CheckpointFile file, TextModelChoice choice, IPromptTokenizer tokenizer)
    {
        (_choice, _tokenizer) = (choice, tokenizer);
        _program = GraphProgram.Load(
            file, "it must turn the tokens of prompts, whole numbers [N, tokens], into one embedding for each, floating point "
                + "[N, D]; of several outputs, \"output\" of the policy's 'textModel' names that one ('text_embeds' in "
                + "exports of Hugging Face's models)",
            CPU);   // it runs once
        try
        {
            _inputs = new TextInputs(file.Path, _program.Model, choice);
            _output = _program.Output(choice.Output, "\"output\" of the policy's 'textModel'").Name;
        }
        catch
        {
            _program.Dispose();
            throw;
        }
    }

    /// <summary>The embeddings of classes.</summary>
    /// <remarks>
    /// Radford et al. 2021 (arXiv:2103.00020), section 3.1.4: the embeddings of a class's prompts are averaged; as in the
    /// reference code ("Prompt_Engineering_for_ImageNet"), each is made a unit vector before, and the mean afterwards.
    /// </remarks>
    /// <param name="classes">Each with its prompts.</param>
    /// <returns><c>[K, D]</c>, unit vectors, float64; belongs to the caller's scope.</returns>
    /// <exception cref="CheckpointException">The graph does not make such embeddings.</exception>
    /// <exception cref="PromptException">A prompt cannot be read, or is too long.</exception>
    public Tensor Encode(IReadOnlyList<(string Class, IReadOnlyList<string> Prompts)> classes)
    {
        using var scope = NewDisposeScope();
        var prompts = classes
            .SelectMany(each => each.Prompts.Select(
                (prompt, index) => (Text: prompt, Tokens: Tokenize(each.Class, index, prompt))))
            .ToList();
        var embedded = Embed(prompts);
        List<Tensor> means = [];
        var row = 0;
        foreach (var (name, texts) in classes)
        {
            means.Add(UnitRows(embedded.narrow(0, row, texts.Count).mean([0], keepdim: true), _ => $"class '{name}'"));
            row += texts.Count;
        }

        var made = cat(means);
        RequireDifferent(made, classes);
        return made.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose() => _program.Dispose();

    private IReadOnlyList<int> Tokenize(string name, int index, string prompt) =>
        PromptTokens.Read(_tokenizer, name, index, prompt, _inputs.Length);

    // Unit vectors [P, D]. Where the policy does not say what fills up a prompt, that must make no difference.
    private Tensor Embed(List<(string Text, IReadOnlyList<int> Tokens)> prompts)
    {
        if (_choice.Padding is { } stated)
            return EmbedWith(_tokenizer.Find(stated) ?? throw new CheckpointException(
                _program.Path, $"is to get prompts that are filled up with '{CheckpointException.Sanitize(stated)}', which the "
                    + "vocabulary does not have", "mend \"padding\" of the policy's 'textModel'"));

        var embedded = EmbedWith(_tokenizer.End);
        var others = EmbedWith(_tokenizer.End == 0 ? 1 : 0);
        return (embedded - others).norm(1).max().item<double>() <= SamePoint
            ? embedded
            : throw _program.ContractViolation(
                "makes embeddings that depend on what fills up a prompt, and with what it was trained is not said: \"padding\" "
                    + "of the policy's 'textModel' says it");

        Tensor EmbedWith(int padding)
        {
            var made = _program.Run(_inputs.Feeds([.. prompts.Select(each => each.Tokens)], padding), _inputs.Batch, _output);
            return made.is_floating_point() && made.dim() == 2
                ? UnitRows(made.cpu().to(float64), row => $"prompt '{CheckpointException.Sanitize(prompts[row].Text)}'")
                : throw _program.ContractViolation(
                    $"makes {made.dtype} {ScriptProgram.ShapeText(made)} of {prompts.Count} prompts");
        }
    }

    private Tensor UnitRows(Tensor rows, Func<int, string> describe)
    {
        var lengths = rows.norm(1, keepdim: true);
        var sizes = lengths.data<double>().ToArray();
        var useless = Array.FindIndex(sizes, size => !(size > 0 && double.IsFinite(size)));
        return useless < 0
            ? rows / lengths
            : throw _program.ContractViolation(
                $"makes an embedding of the {describe(useless)} that is {(sizes[useless] == 0 ? "zero" : "not finite")}");
    }

    // Where two classes are one point, every image shows both alike: the graph does not look at the words.
    private void RequireDifferent(Tensor made, IReadOnlyList<(string Class, IReadOnlyList<string> Prompts)> classes)
    {
        var cosines = made.matmul(made.t()).contiguous().data<double>().ToArray();
        var count = classes.Count;
        for (var one = 0; one < count; one++)
            for (var other = one + 1; other < count; other++)
                if (cosines[one * count + other] >= 1 - 1e-9)
                    throw _program.ContractViolation(
                        $"gives the classes '{classes[one].Class}' and '{classes[other].Class}' the same embedding, so that no "
                            + "image is more of one than of the other");
    }
}

/// <summary>The tokens of a prompt, as far as a text model takes them.</summary>
internal static class PromptTokens
{
    /// <summary>Reads a prompt.</summary>
    /// <param name="tokenizer">Knows the vocabulary.</param>
    /// <param name="name">The class that it describes.</param>
    /// <param name="index">Its position among the prompts of the class.</param>
    /// <param name="prompt">In words.</param>
    /// <param name="most">Number of tokens that the model takes.</param>
    /// <exception cref="PromptException">It cannot be read, says nothing, or is too long.</exception>
    public static IReadOnlyList<int> Read(IPromptTokenizer tokenizer, string name, int index, string prompt, int most)
    {
        try
        {
            var tokens = tokenizer.Encode(prompt);
            return tokens.Count <= most ? tokens : throw new PromptException(FormattableString.Invariant(
                $"has {tokens.Count} tokens with those for its start and its end, and the text model takes {most}; say it in ")
                + "fewer words");
        }
        catch (PromptException unfit) when (unfit.Class.Length == 0)
        {
            throw new PromptException(unfit.Message) { Class = name, Index = index };
        }
    }
}
