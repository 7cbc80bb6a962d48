using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>Finds in the output of an extractor's program the one row of features that each image has.</summary>
internal static class FeatureRows
{
    private const string HowToTakeTheClassToken =
        "say \"tokens\": \"first\" (--tokens first) where the first token is the class token, as in ViT, DINOv2 and CLIP; or "
            + "name an output with one row, as pooler_output; or export last_hidden_state[:, 0]";

    /// <summary>Takes the rows, in single precision.</summary>
    /// <param name="made">What the program made.</param>
    /// <param name="count">How many images it was given.</param>
    /// <param name="tokens">As the policy says; see <see cref="ExtractorUse.Tokens"/>.</param>
    /// <param name="file">The program's file, for messages.</param>
    /// <param name="contract">What the program must do, as the end of a sentence.</param>
    /// <returns><c>[N, D]</c>; belongs to the caller's scope.</returns>
    /// <exception cref="CheckpointException">There is not one row for each image, or no such token.</exception>
    public static Tensor Take(Tensor made, long count, string? tokens, string file, string contract)
    {
        var hasTokens = made.dim() == 3 && made.shape[1] > 0;
        var isWanted = made.dim() > 0 && made.shape[0] == count && made.is_floating_point()
            && (tokens is null ? made.dim() == 2 : hasTokens);
        if (isWanted)
        {
            using var scope = NewDisposeScope();
            return (tokens is null ? made : made.select(1, 0)).to(float32).MoveToOuterDisposeScope();
        }

        var shape = $"it made {made.dtype} {ScriptProgram.ShapeText(made)}";
        throw tokens is not null && made.dim() == 2
            ? new CheckpointException(
                file, $"makes one row of features for each image and no tokens: {shape}", "leave 'tokens' out")
            : new CheckpointException(
                file,
                $"does not make one row of features for each image: {shape}{(hasTokens ? ", a row for each token" : "")}",
                hasTokens && tokens is null ? HowToTakeTheClassToken : contract);
    }
}
