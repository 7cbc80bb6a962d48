using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Measuring;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Governing;

/// <summary>The files that ship in place of the artifact, loaded for a run.</summary>
internal sealed class ShippedForms : IDisposable
{
    private readonly List<(ShippedForm Form, string Property, LoadedGenerator Loaded)> _forms = [];

    private ShippedForms()
    {
    }

    /// <summary>Whether there are none.</summary>
    public bool IsEmpty => _forms.Count == 0;

    /// <summary>Loads every file, and refuses one that cannot take what the generator takes.</summary>
    /// <param name="policy">Names them.</param>
    /// <param name="inputs">Opens them.</param>
    /// <param name="original">The policy's generator; the artifact has its shape.</param>
    /// <param name="device">Where they go.</param>
    /// <returns>Belongs to the caller.</returns>
    /// <exception cref="Checkpoints.Tensors.CheckpointException">A file cannot be read, or is not the pinned one.</exception>
    /// <exception cref="PolicyMismatchException">A file makes other images, or takes other latents or noise.</exception>
    public static ShippedForms Load(UnlearningPolicy policy, InputFiles inputs, LoadedGenerator original, Device device)
    {
        var forms = new ShippedForms();
        try
        {
            foreach (var (index, form) in (policy.Generator.ShippedAs ?? []).Index())
            {
                var property = FormattableString.Invariant($"$.generator.shippedAs[{index}]");
                var loaded = inputs.LoadShippedForm(form, device);
                forms._forms.Add((form, $"{property}.checkpoint", loaded));
                GeneratorRequirements.RequireComparable(policy.Evaluation, property, loaded, original);
            }

            return forms;
        }
        catch
        {
            forms.Dispose();
            throw;
        }
    }

    /// <summary>Measures every file beside the artifact.</summary>
    /// <param name="evaluator">With the seed by which the artifact is judged.</param>
    /// <param name="artifact">Stays the caller's.</param>
    /// <param name="before">Readings of the original generator.</param>
    /// <param name="progressFor">Receives how many images were looked at, for the file of a name.</param>
    /// <param name="cancel">Ends the measurement between two batches.</param>
    public IReadOnlyList<ParityReading> Compare(
        ParityEvaluator evaluator,
        LoadedGenerator artifact,
        Measurement before,
        Func<string, IProgress<long>> progressFor,
        CancellationToken cancel) =>
    [
        .. _forms.Select(each => evaluator.Measure(
            each.Form, each.Property, each.Loaded, artifact, before, progressFor(each.Form.NameInEffect), cancel)),
    ];

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (_, _, loaded) in _forms)
            loaded.Dispose();
    }
}
