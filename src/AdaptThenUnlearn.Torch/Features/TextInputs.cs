using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Onnx;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>The inputs of a graph that embeds prompts: the tokens, and where there are any.</summary>
internal sealed class TextInputs
{
    // The length that CLIP's text models were trained with (Radford et al. 2021, arXiv:2103.00020, section 2.4: 76, and the
    // published models take 77).
    private const int UsualLength = 77;

    private const int LongestLength = 4096;

    private readonly string _path;
    private readonly GraphPort _tokens;
    private readonly GraphPort? _mask;

    /// <summary>Finds the inputs by their names.</summary>
    /// <param name="path">The graph's file, for messages.</param>
    /// <param name="model">The graph.</param>
    /// <param name="choice">May name them.</param>
    /// <exception cref="CheckpointException">One is missing, is of another kind, or is not known.</exception>
    public TextInputs(string path, OnnxModel model, TextModelChoice choice)
    {
        _path = path;
        var (tokens, mask) = (choice.TokenInput ?? TextModelChoice.UsualTokenInput, choice.MaskInput
            ?? TextModelChoice.UsualMaskInput);
        _tokens = model.Inputs.FirstOrDefault(input => input.Name == tokens) ?? throw Missing(tokens, "tokenInput", model);
        _mask = model.Inputs.FirstOrDefault(input => input != _tokens && input.Name == mask);
        if (_mask is null && choice.MaskInput is not null)
            throw Missing(mask, "maskInput", model);
        if (model.Inputs.FirstOrDefault(input => input != _tokens && input != _mask) is { } other)
            throw new CheckpointException(
                path, $"has an input {GraphProgram.Listed([other])}, and tokens and their mask are all that it is given",
                "export the text side of the model alone, as CLIPTextModelWithProjection; inputs of other names are named in "
                    + "the policy's 'textModel', by \"tokenInput\" and \"maskInput\"");

        RequireNumbers(_tokens);
        if (_mask is not null)
            RequireNumbers(_mask);
        Length = _tokens.Dimensions?[1].Size is not { } own ? UsualLength
            : own is > 2 and <= LongestLength ? (int)own
            : throw new CheckpointException(
                path, $"takes {GraphProgram.Listed([_tokens])}, which is no length of a prompt", "export it again");
        if (_mask?.Dimensions?[1].Size is { } masked && masked != Length)
            throw new CheckpointException(
                path, $"takes {GraphProgram.Listed([_tokens, _mask])}, which are not of one length", "export it again");
    }

    /// <summary>Number of tokens that a prompt may have, with those for start and end; every prompt is filled up to it.</summary>
    public int Length { get; }

    /// <summary>Number of prompts that the graph takes at a time; null where it takes any number.</summary>
    public long? Batch => _tokens.Dimensions?[0].Size;

    /// <summary>What the inputs get for some prompts.</summary>
    /// <param name="prompts">Their tokens, each at most <see cref="Length"/>.</param>
    /// <param name="padding">The token that fills them up.</param>
    /// <returns>Tensors belong to the caller's scope.</returns>
    public IReadOnlyList<GraphFeed> Feeds(IReadOnlyList<IReadOnlyList<int>> prompts, int padding)
    {
        List<GraphFeed> feeds = [new(_tokens, Rows((prompt, at) => at < prompt.Count ? prompt[at] : padding), HasRows: true)];
        if (_mask is not null)
            feeds.Add(new(_mask, Rows((prompt, at) => at < prompt.Count ? 1 : 0), HasRows: true));
        return feeds;

        Tensor Rows(Func<IReadOnlyList<int>, int, long> value) => tensor(
            prompts.SelectMany(prompt => Enumerable.Range(0, Length).Select(at => value(prompt, at))).ToArray())
            .view(prompts.Count, Length);
    }

    private void RequireNumbers(GraphPort port)
    {
        if (port.Type is null || port.Dimensions is { Count: not 2 } || (port == _tokens && port.IsFloatingPoint))
            throw new CheckpointException(
                _path, $"takes {GraphProgram.Listed([port])}, and prompts are whole numbers [N, tokens]",
                "name the input with the tokens in the policy's 'textModel', by \"tokenInput\", and the one with their mask by "
                    + "\"maskInput\"");
    }

    private CheckpointException Missing(string name, string property, OnnxModel model) => new(
        _path, $"has no input '{CheckpointException.Sanitize(name)}'; it has {GraphProgram.Listed(model.Inputs)}",
        $"say which one it is: \"{property}\" of the policy's 'textModel'");
}
