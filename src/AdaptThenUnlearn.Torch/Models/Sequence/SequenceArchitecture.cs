using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Torch.Models.Sequence;

/// <summary>
/// A family of generators that are one sequence of layers, rebuilt from their weights and, where the policy states them, from
/// their layers.
/// </summary>
/// <remarks>
/// Weights do not say everything. The policy states the rest, or the family's usual layout is assumed where only one reading is
/// possible; <see cref="GetAssumedLayers"/> then reports it.
/// </remarks>
public abstract class SequenceArchitecture : IGeneratorArchitecture
{
    /// <summary>What is assumed about every discriminator of these families.</summary>
    internal const string DiscriminatorAssumption =
        "leaky ReLU of slope 0.2, batch normalisation with eps 1e-5, one score at the end. It decides nothing that is measured";

    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <inheritdoc/>
    public bool TakesLayers => true;

    /// <summary>
    /// Name of the family's usual layout, which a policy can state in place of the layers (<see cref="LayerText"/>).
    /// </summary>
    protected abstract string Layout { get; }

    /// <inheritdoc/>
    public abstract bool Recognises(StoredNetwork stored);

    /// <inheritdoc/>
    public string Describe(StoredNetwork stored) => Describe(Reading(stored).Layers);

    /// <inheritdoc/>
    public ImageShape Images(StoredNetwork stored) => SequenceShape.Images(Reading(stored).Layers);

    /// <inheritdoc/>
    public AssumedLayers? GetAssumedLayers(StoredNetwork stored) => Reading(stored).Assumed;

    /// <inheritdoc/>
    public ImageGenerator BuildGenerator(StoredNetwork stored)
    {
        var reading = Reading(stored);
        return new SequentialGenerator(reading.Prefix, reading.Layers);
    }

    /// <inheritdoc/>
    public abstract ImageDiscriminator BuildDiscriminator(StoredNetwork stored, ImageGenerator generator);

    /// <inheritdoc/>
    public abstract ImageDiscriminator MirrorDiscriminator(ImageGenerator generator);

    /// <inheritdoc/>
    public abstract string FeatureKind { get; }

    /// <inheritdoc/>
    public abstract ImageDiscriminator BuildFeatureNetwork(StoredNetwork stored, ImageShape images);

    /// <summary>Describes a generator of these layers in one line.</summary>
    protected abstract string Describe(IReadOnlyList<SequenceLayer> layers);

    /// <summary>Why a sequence is not of the family's usual layout, or null where it is.</summary>
    protected abstract string? ExplainMismatch(StoredSequence sequence);

    /// <summary>The layers of a sequence that has no <see cref="ExplainMismatch"/>.</summary>
    protected abstract IReadOnlyList<SequenceLayer> StandardLayers(StoredSequence sequence);

    /// <summary>Reads a sequence whose layers are not stated.</summary>
    /// <param name="sequence">As stored.</param>
    /// <param name="discriminator">Its discriminator; null where none is known.</param>
    /// <exception cref="UnclearLayersException">It may be more than one network.</exception>
    protected abstract SequenceInterpretation Assumed(StoredSequence sequence, StoredNetwork? discriminator);

    private SequenceInterpretation Reading(StoredNetwork stored)
    {
        var sequence = StoredSequence.Parse(stored) ?? throw new ArgumentException("it is not a sequence of layers");
        return stored.Layers switch
        {
            null => Assumed(sequence, stored.Discriminator),
            [var layout] when layout == Layout => ExplainMismatch(sequence) is { } misfit
                ? throw new ArgumentException($"it is not of the layout '{layout}': {misfit}")
                : new SequenceInterpretation(sequence.Prefix, StandardLayers(sequence), Assumed: null),
            [LayerText.DcganTutorial] =>
                throw new ArgumentException($"'{LayerText.DcganTutorial}' is a layout of convolutions, and it has none"),
            [LayerText.MlpTutorial] =>
                throw new ArgumentException($"'{LayerText.MlpTutorial}' is a layout without convolutions, and it has some"),
            var layerTexts => SequenceInterpretation.FromLayerTexts(sequence, layerTexts),
        };
    }
}
