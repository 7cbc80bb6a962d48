using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models.Sequence;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>What is said of a checkpoint in which no generator was found: what it seems to be, and the way out.</summary>
/// <param name="file">As read.</param>
internal sealed class UnknownGenerator(TensorFile file)
{
    private const int MostNamed = 4;
    private const string StyleGan3 = "synthesis.input.freqs";

    /// <summary>What it is where that can be told, and the way out; null otherwise.</summary>
    public (string What, string Remedy)? Kind
    {
        get
        {
            if (file.Globals.FirstOrDefault(IsOfTensorFlow) is { } tensorFlow)
                return (
                    $"is a network of TensorFlow ('{tensorFlow}'), as the first StyleGAN2 saved it",
                    "convert it with NVIDIA's stylegan2-ada-pytorch: python legacy.py --source=network.pkl --dest=converted.pkl");
            if (file.Tensors.Select(tensor => tensor.Name).FirstOrDefault(name => name.EndsWith(StyleGan3, StringComparison.Ordinal)) is { } name)
                return ($"is a StyleGAN3 generator ('{CheckpointException.Sanitize(name)}'), which is not built in", CheckpointException.ExportAdvice);

            return null;
        }
    }

    /// <summary>The refusal.</summary>
    public CheckpointException CreateException()
    {
        if (Kind is (var what, var remedy))
            return new CheckpointException(file.Path, what, remedy);

        try
        {
            foreach (var prefix in file.Sections.Select(section => section + TensorFile.SectionSeparator).Prepend(""))
                StoredSequence.RefuseSpectralNorm(GanSections.StoredIn(new NetworkPlace(prefix).In(file)));
        }
        catch (ArgumentException unsupported)
        {
            return new CheckpointException(
                file.Path, $"cannot be rebuilt from its weights: {unsupported.Message}", "see docs/bring-your-own-generator.md", cause: unsupported);
        }

        return new CheckpointException(
            file.Path,
            $"holds no generator of a known architecture ({string.Join(", ", GeneratorArchitectures.All.Select(known => known.Name))}); {Content}",
            $"`atu inspect --tensors` lists all it holds; {CheckpointException.ExportAdvice}");
    }

    private string Content => file switch
    {
        { Tensors: [], Unread: [var first, ..] } =>
            $"its tensors lie within '{first.Kind}', which is not read: save model.state_dict() instead of the model",
        { Tensors: [] } => "it holds no tensors",
        _ => $"its first tensors are {string.Join(", ", file.Tensors.Take(MostNamed).Select(Shown))}",
    };

    private static string Shown(TensorEntry tensor) => $"'{CheckpointException.Sanitize(tensor.Name)}' [{string.Join(", ", tensor.Shape)}]";

    private static bool IsOfTensorFlow(string global) =>
        global.Contains("dnnlib.tflib", StringComparison.Ordinal) || global.StartsWith("tensorflow", StringComparison.Ordinal);
}
