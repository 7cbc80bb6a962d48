using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models.Sequence;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>Guesses what a checkpoint without a known generator is, and says what the reader can do about it.</summary>
/// <param name="file">As read.</param>
internal sealed class UnknownGenerator(TensorFile file)
{
    private const int MostNamed = 4;
    private const string StyleGan3 = "synthesis.input.freqs";   // also where its layers are missing

    /// <summary>What the checkpoint is, and what the reader can do; null where it cannot be recognised.</summary>
    public (string What, string Remedy)? Kind
    {
        get
        {
            if (file.Globals.FirstOrDefault(IsOfTensorFlow) is { } tensorFlow)
                return (
                    $"is a network of TensorFlow ('{tensorFlow}'), as the first StyleGAN2 saved it",
                    "convert it with NVIDIA's stylegan2-ada-pytorch: python legacy.py --source=network.pkl --dest=converted.pkl");
            if (file.Tensors.Select(tensor => tensor.Name)
                .FirstOrDefault(name => name.EndsWith(StyleGan3, StringComparison.Ordinal)) is { } name
                && GanSections.GeneratorsIn(file).Count == 0)
                return (
                    $"is a StyleGAN3 generator ('{CheckpointException.Sanitize(name)}') without the layers that it needs",
                    $"check that the file is complete; {CheckpointException.ExportAdvice}");

            return null;
        }
    }

    /// <summary>The exception that refuses the checkpoint.</summary>
    public CheckpointException CreateException()
    {
        // Name a kind of checkpoint that is recognised.
        if (Kind is (var what, var remedy))
            return new CheckpointException(file.Path, what, remedy);

        // Name the layers that cannot be rebuilt, wherever in the file they lie.
        try
        {
            foreach (var prefix in file.Sections.Select(section => section + TensorFile.SectionSeparator).Prepend(""))
                StoredSequence.RefuseSpectralNorm(GanSections.StoredIn(new NetworkPlace(prefix).In(file)));
        }
        catch (ArgumentException unsupported)
        {
            return new CheckpointException(
                file.Path,
                $"cannot be rebuilt from its weights: {unsupported.Message}",
                "see docs/bring-your-own-generator.md",
                cause: unsupported);
        }

        // Otherwise show the beginning of the content.
        return new CheckpointException(
            file.Path,
            $"holds no generator of a known architecture "
                + $"({string.Join(", ", GeneratorArchitectures.All.Select(known => known.Name))}); {Content}",
            $"`atu inspect --tensors` lists all it holds; {CheckpointException.ExportAdvice}");
    }

    private string Content => file switch
    {
        { Tensors: [], Unread: [var first, ..] } =>
            $"its tensors lie within '{first.Kind}', which is not read: save model.state_dict() instead of the model",
        { Tensors: [] } => "it holds no tensors",
        _ => $"its first tensors are {string.Join(", ", file.Tensors.Take(MostNamed).Select(Shown))}",
    };

    private static string Shown(TensorEntry tensor) =>
        $"'{CheckpointException.Sanitize(tensor.Name)}' [{string.Join(", ", tensor.Shape)}]";

    private static bool IsOfTensorFlow(string global) =>
        global.Contains("dnnlib.tflib", StringComparison.Ordinal) || global.StartsWith("tensorflow", StringComparison.Ordinal);
}
