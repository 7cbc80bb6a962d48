using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Training;

/// <summary>How a GAN is trained.</summary>
/// <param name="BatchSize">Images in each update; at least 1.</param>
/// <param name="LearningRate">Adam's step size before the lazy correction; positive.</param>
/// <param name="R1Weight">γ in γ/2·R1, ≥ 0; 0 switches R1 off.</param>
/// <param name="R1Every">Steps between two R1 updates; at least 1.</param>
/// <param name="PathLengthWeight">Weight of the path-length penalty, ≥ 0; 0 switches it off.</param>
/// <param name="PathLengthEvery">Steps between two path-length updates; at least 1.</param>
/// <param name="StyleMixing">Probability of a second latent, 0 to 1.</param>
/// <param name="EmaHalfLife">Half-life of the moving average of weights, in images.</param>
public sealed record TrainingSettings(
    int BatchSize,
    double LearningRate,
    double R1Weight,
    int R1Every,
    double PathLengthWeight,
    int PathLengthEvery,
    double StyleMixing,
    double EmaHalfLife);

/// <summary>
/// A term of the generator's loss that depends on its parameters alone, such as elastic weight consolidation or repulsion.
/// </summary>
public interface IWeightTerm
{
    /// <summary>Adds the term's gradient and returns its value.</summary>
    /// <param name="generator">θ and the gradients of the other terms.</param>
    /// <param name="step">Counted from 1.</param>
    double Accumulate(ParameterVector generator, int step);
}

/// <summary>A term of the generator's loss that depends on images, such as retention anchoring.</summary>
public interface IImageTerm
{
    /// <summary>The weighted loss of the images of this step's generator update.</summary>
    /// <param name="draw">Latents and noise from which the images were made.</param>
    /// <param name="images"><c>[N, C, H, W]</c>, part of the graph.</param>
    /// <returns>A scalar that belongs to the caller's scope.</returns>
    Tensor Loss(LatentDraw draw, Tensor images);
}

/// <summary>Receives the images that training makes anyway; it does not take part in training.</summary>
public interface IImageObserver
{
    /// <summary>Receives the generator's images of both updates of a step.</summary>
    /// <param name="images"><c>[N, C, H, W]</c>, without gradient; disposed after the call.</param>
    void Observe(Tensor images);
}

/// <summary>Images that the discriminator should learn to reject besides the generator's own.</summary>
/// <param name="Source">Source of the images.</param>
/// <param name="Weight">Weight of their term in the discriminator loss, ≥ 0.</param>
/// <param name="BatchSize">
/// Images in each step; a multiple of 4, or below 4 (the groups of the minibatch standard deviation).
/// </param>
public sealed record ExtraFakes(IImageSource Source, double Weight, int BatchSize);

/// <summary>The losses of one step.</summary>
/// <param name="Step">Counted from 1.</param>
/// <param name="GeneratorLoss">Adversarial loss of the generator.</param>
/// <param name="DiscriminatorLoss">Adversarial loss of the discriminator.</param>
/// <param name="WeightLoss">Sum of the terms on parameters.</param>
/// <param name="ImageLoss">Sum of the terms on images.</param>
public sealed record TrainingStep(int Step, double GeneratorLoss, double DiscriminatorLoss, double WeightLoss, double ImageLoss);

/// <summary>Trains a generator and a discriminator against each other, one step at a time, as StyleGAN2 does.</summary>
/// <remarks>Karras et al. 2020 (arXiv:1912.04958); the order of updates follows rosinality's <c>train.py</c>.</remarks>
public sealed class AdversarialTrainer : IDisposable
{
    private readonly ImageGenerator _generator;
    private readonly ImageDiscriminator _discriminator;
    private readonly RandomStreams _random;
    private readonly Device _device;
    private readonly Adam _generatorAdam;
    private readonly Adam _discriminatorAdam;
    private double _meanPathLength;

    /// <param name="generator">Trained in place; stays the caller's.</param>
    /// <param name="discriminator">Trained in place; stays the caller's.</param>
    /// <param name="settings">Batch size, learning rate and regularisation.</param>
    /// <param name="random">Source of latents, noise and data order.</param>
    /// <param name="initialEmaWeights">
    /// First value of the moving average, <c>[P]</c>; the generator's parameters when null.
    /// </param>
    public AdversarialTrainer(
        ImageGenerator generator,
        ImageDiscriminator discriminator,
        TrainingSettings settings,
        RandomStreams random,
        Tensor? initialEmaWeights = null)
    {
        _generator = generator;
        _discriminator = discriminator;
        _random = random;
        Settings = settings;
        Generator = new ParameterVector(generator);
        Discriminator = new ParameterVector(discriminator);
        _device = Generator.Values.device;
        _generatorAdam = new Adam(Generator, settings.LearningRate, settings.PathLengthWeight > 0 ? settings.PathLengthEvery : 0);
        _discriminatorAdam = new Adam(Discriminator, settings.LearningRate, settings.R1Weight > 0 ? settings.R1Every : 0);
        EmaWeights = (initialEmaWeights ?? Generator.Values).detach().clone().DetachFromDisposeScope();
        generator.train();
        discriminator.train();
    }

    /// <summary>The settings; they may change between steps.</summary>
    public TrainingSettings Settings { get; set; }

    /// <summary>The generator's parameters.</summary>
    public ParameterVector Generator { get; }

    /// <summary>The discriminator's parameters.</summary>
    public ParameterVector Discriminator { get; }

    /// <summary>The moving average of the generator's parameters, <c>[P]</c>: what is measured and saved.</summary>
    public Tensor EmaWeights { get; }

    /// <summary>The state that another process needs to continue from here, by name.</summary>
    /// <param name="counters">Numbers that are not tensors, by name.</param>
    /// <returns>Vectors by name; they stay this trainer's.</returns>
    public IReadOnlyDictionary<string, Tensor> State(out IReadOnlyDictionary<string, double> counters)
    {
        counters = new Dictionary<string, double>
        {
            ["generatorUpdates"] = _generatorAdam.Updates,
            ["discriminatorUpdates"] = _discriminatorAdam.Updates,
            ["meanPathLength"] = _meanPathLength,
        };
        return Vectors();
    }

    /// <summary>Continues from a saved state.</summary>
    /// <param name="vectors">As of <see cref="State"/>.</param>
    /// <param name="counters">As of <see cref="State"/>.</param>
    /// <exception cref="ArgumentException">The state belongs to other networks.</exception>
    public void Restore(IReadOnlyDictionary<string, Tensor> vectors, IReadOnlyDictionary<string, double> counters)
    {
        using var _ = no_grad();
        foreach (var (name, own) in Vectors())
        {
            if (!vectors.TryGetValue(name, out var saved) || saved.numel() != own.numel())
                throw new ArgumentException(
                    $"the saved state does not fit: '{name}' has {saved?.numel() ?? 0} numbers, {own.numel()} are needed");
            own.copy_(saved);
        }

        _generatorAdam.Updates = (long)counters["generatorUpdates"];
        _discriminatorAdam.Updates = (long)counters["discriminatorUpdates"];
        _meanPathLength = counters["meanPathLength"];
    }

    /// <summary>One update of each network, and the lazy regularisations where they are due.</summary>
    /// <param name="step">Counted from 1.</param>
    /// <param name="reals">Images that the discriminator should take for real.</param>
    /// <param name="learningRateFactor">The schedule's factor for this step, 0 to 1.</param>
    /// <param name="weightTerms">Terms on the generator's parameters.</param>
    /// <param name="imageTerms">Terms on the generator's images.</param>
    /// <param name="extraFakes">More images for the discriminator to reject; null for none.</param>
    /// <param name="observer">Receives the images of the two updates, and not those of regularisation; null for none.</param>
    /// <exception cref="TrainingDivergedException">A loss is not finite.</exception>
    public TrainingStep Step(
        int step,
        IImageSource reals,
        double learningRateFactor = 1,
        IReadOnlyList<IWeightTerm>? weightTerms = null,
        IReadOnlyList<IImageTerm>? imageTerms = null,
        ExtraFakes? extraFakes = null,
        IImageObserver? observer = null)
    {
        using var scope = NewDisposeScope();   // frees every tensor of this step together
        var discriminatorLoss = UpdateDiscriminator(step, reals, extraFakes, observer, learningRateFactor);
        var (generatorLoss, weightLoss, imageLoss) =
            UpdateGenerator(step, weightTerms ?? [], imageTerms ?? [], observer, learningRateFactor);
        if (Settings.PathLengthWeight > 0 && step % Settings.PathLengthEvery == 0)
            RegulariseGenerator(step, learningRateFactor);
        UpdateEmaWeights();
        return Finite(new(step, generatorLoss, discriminatorLoss, weightLoss, imageLoss));
    }

    private double UpdateDiscriminator(
        int step, IImageSource reals, ExtraFakes? extraFakes, IImageObserver? observer, double factor)
    {
        // Dmain: raise the scores of real images and lower those of generated ones.
        Generator.RequiresGradient = false;
        Discriminator.RequiresGradient = true;
        Discriminator.Gradients.zero_();
        Tensor fakes;
        using (no_grad())
            fakes = Draw("discriminator", step, Settings.BatchSize).Images(_generator);
        observer?.Observe(fakes);
        using var order = _random.At("reals", step);
        var realImages = reals.Draw(Settings.BatchSize, order);
        var loss = Losses.Discriminator(_discriminator.Score(realImages), _discriminator.Score(fakes));
        var total = extraFakes is null ? loss : loss + ExtraFakesLoss(extraFakes, step);
        total.backward();
        _discriminatorAdam.Step(factor);

        // Dreg: apply R1 in a separate update every few steps, with a weight that makes up for the others.
        if (Settings.R1Weight > 0 && step % Settings.R1Every == 0)
        {
            Discriminator.Gradients.zero_();
            (Losses.R1(_discriminator, realImages) * (Settings.R1Weight / 2 * Settings.R1Every)).backward();
            _discriminatorAdam.Step(factor);
        }

        return loss.item<float>();
    }

    private Tensor ExtraFakesLoss(ExtraFakes extra, int step)
    {
        using var order = _random.At("extra fakes", step);
        return nn.functional.softplus(_discriminator.Score(extra.Source.Draw(extra.BatchSize, order))).mean() * extra.Weight;
    }

    private (double Adversarial, double Weight, double Image) UpdateGenerator(
        int step,
        IReadOnlyList<IWeightTerm> weightTerms,
        IReadOnlyList<IImageTerm> imageTerms,
        IImageObserver? observer,
        double factor)
    {
        // Gmain: raise the scores of generated images, and add the gradients of the terms on images.
        Generator.RequiresGradient = true;
        Discriminator.RequiresGradient = false;
        Generator.Gradients.zero_();
        var draw = Draw("generator", step, Settings.BatchSize);
        var images = draw.Images(_generator);
        observer?.Observe(images.detach());
        var adversarial = Losses.Generator(_discriminator.Score(images));
        var onImages = imageTerms.Select(term => term.Loss(draw, images)).ToList();
        onImages.Aggregate(adversarial, (sum, loss) => sum + loss).backward();

        // Add the gradients of the terms on parameters: these need no graph.
        double weightLoss;
        using (no_grad())
            weightLoss = weightTerms.Sum(term => term.Accumulate(Generator, step));
        _generatorAdam.Step(factor);
        return (adversarial.item<float>(), weightLoss, onImages.Sum(loss => loss.item<float>()));
    }

    private void RegulariseGenerator(int step, double factor)
    {
        if (_generator is not IStyleBasedGenerator styleBased)
            throw new InvalidOperationException(
                $"path-length regularisation needs a style-based generator, not {_generator.GetName()}");

        // Greg: penalise styles whose small changes move images by more or less than the average. Half a batch bounds the memory.
        Generator.Gradients.zero_();
        var draw = Draw("path", step, Math.Max(1, Settings.BatchSize / 2));
        var styles = draw.LayerStyles(styleBased);
        var images = styleBased.Synthesize(styles, draw.Noise);
        using var random = _random.At("path noise", step);
        var path = Losses.PathLengthPenalty(images, styles, randn(images.shape, generator: random).to(_device), _meanPathLength);
        _meanPathLength = path.MeanLength;
        (path.Penalty * (Settings.PathLengthWeight * Settings.PathLengthEvery)).backward();
        _generatorAdam.Step(factor);
    }

    private LatentDraw Draw(string purpose, int step, int images)
    {
        using var random = _random.At(purpose, step);
        return LatentDraw.Sample(_generator, images, random, _device, Settings.StyleMixing);
    }

    private void UpdateEmaWeights()
    {
        using var _ = no_grad();
        EmaWeights.lerp_(
            Generator.Values, tensor((float)(1 - Math.Pow(0.5, Settings.BatchSize / Settings.EmaHalfLife)), device: _device));
    }

    private Dictionary<string, Tensor> Vectors() => new()
    {
        ["generator"] = Generator.Values,
        ["discriminator"] = Discriminator.Values,
        ["average"] = EmaWeights,
        ["generator.secondMoment"] = _generatorAdam.SecondMoment,
        ["discriminator.secondMoment"] = _discriminatorAdam.SecondMoment,
    };

    private TrainingStep Finite(TrainingStep step) =>
        double.IsFinite(step.GeneratorLoss)
            && double.IsFinite(step.DiscriminatorLoss)
            && double.IsFinite(step.WeightLoss)
            && double.IsFinite(step.ImageLoss)
            ? step
            : throw new TrainingDivergedException(_random.Scope, step);

    /// <inheritdoc/>
    public void Dispose()
    {
        EmaWeights.Dispose();
        _generatorAdam.Dispose();
        _discriminatorAdam.Dispose();
        Generator.Dispose();
        Discriminator.Dispose();
    }
}
