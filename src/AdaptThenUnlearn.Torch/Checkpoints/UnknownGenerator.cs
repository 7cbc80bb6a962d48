using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.Sequence;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>What is said of a checkpoint in which no generator was found: what it seems to be, and the way out.</summary>
/// <param name="file">As read.</param>
internal sealed class UnknownGenerator(TensorFile file)
{
    private const int MostNamed = 4;

    /// <summary>The refusal.</summary>
    public CheckpointException Refusal()
    {
        if (file.Globals.FirstOrDefault(global => global.Contains("dnnlib.tflib", StringComparison.Ordinal) || global.StartsWith("tensorflow", StringComparison.Ordinal)) is { } tensorFlow)
            return new CheckpointException(
                file.Path, $"is a network of TensorFlow ('{tensorFlow}'), as the first StyleGAN2 saved it",
                "convert it with NVIDIA's stylegan2-ada-pytorch: python legacy.py --source=network.pkl --dest=converted.pkl");
        if (file.Tensors.FirstOrDefault(tensor => tensor.Name.EndsWith("synthesis.input.freqs", StringComparison.Ordinal)) is { } frequencies)
            return new CheckpointException(file.Path, $"is a StyleGAN3 generator ('{CheckpointException.Shown(frequencies.Name)}'), which is not built in", CheckpointException.AsProgram);

        try
        {
            foreach (var place in file.Sections.Select(section => new NetworkPlace(section + TensorFile.SectionSeparator)).Prepend(new NetworkPlace("")))
                StoredSequence.RefuseSpectralNorm(GanSections.StoredIn(place.In(file)));
        }
        catch (ArgumentException unsupported)
        {
            return new CheckpointException(file.Path, $"cannot be rebuilt from its weights: {unsupported.Message}", "see docs/bring-your-own-generator.md", cause: unsupported);
        }

        return new CheckpointException(
            file.Path,
            $"holds no generator of a known architecture ({string.Join(", ", GeneratorArchitectures.All.Select(known => known.Name))}); {Content}",
            $"`atu inspect --tensors` lists all it holds; {CheckpointException.AsProgram}");
    }

    private string Content => file switch
    {
        { Tensors: [], Unread: [var first, ..] } => $"its tensors lie within '{first.Kind}', which is not read: save model.state_dict() instead of the model",
        { Tensors: [] } => "it holds no tensors",
        _ => $"its first tensors are {string.Join(", ", file.Tensors.Take(MostNamed).Select(tensor => $"'{CheckpointException.Shown(tensor.Name)}' [{string.Join(", ", tensor.Shape)}]"))}",
    };
}
