using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Threading;
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
    double EmaHalfLife)
{
    // Not public, so that they are not in the text of these settings, which digests of attacks are made of.

    /// <summary>
    /// Into how many parts each batch is cut, one after another, to save memory; at least 1. Gradients of the parts are added.
    /// </summary>
    internal int Accumulate { get; init; } = 1;

    /// <summary>Whether a GPU may train in TF32; a CPU always trains in float32.</summary>
    internal bool AllowTf32 { get; init; }

    /// <summary>
    /// Whether the discriminator's update takes the images of the generator's update, in place of images of its own. The
    /// generator does not change between the two.
    /// </summary>
    internal bool SharesImages { get; init; }

    /// <summary>
    /// Lets a GPU compute in TF32 where these settings allow it, until the result is disposed; null where nothing changes.
    /// </summary>
    internal IDisposable? EnterPrecision(Device device) =>
        AllowTf32 && device.type == TorchSharp.DeviceType.CUDA ? TorchBackend.AllowTf32() : null;
}

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

/// <summary>
/// A term of the generator's loss that depends on its images, such as retention anchoring, which compares them with targets. Its
/// methods are called from several threads at once, each with a part of the batch.
/// </summary>
public interface IImageTerm
{
    /// <summary>What the images of a draw should be.</summary>
    /// <param name="draw">Latents and noise.</param>
    /// <returns>Without gradient; belongs to the caller's scope.</returns>
    ImageTarget Target(LatentDraw draw);

    /// <summary>The weighted loss of the images of this step's generator update.</summary>
    /// <param name="target">Of the same draw.</param>
    /// <param name="images"><c>[N, C, H, W]</c>, part of the graph.</param>
    /// <param name="weights">
    /// Sum of <see cref="ImageTarget.Weights"/> over the whole batch, a scalar. The losses of the batch's parts add up to its
    /// loss.
    /// </param>
    /// <returns>A scalar that belongs to the caller's scope.</returns>
    Tensor Loss(ImageTarget target, Tensor images, Tensor weights);
}

/// <summary>What generated images are compared with.</summary>
/// <param name="Images"><c>[N, C, H, W]</c>.</param>
/// <param name="Weights"><c>[N]</c>, ≥ 0: how much each image counts.</param>
public sealed record ImageTarget(Tensor Images, Tensor Weights)
{
    /// <summary>Which part of the batch this is, from 0; the trainer sets it.</summary>
    public int Part { get; init; }

    /// <summary><c>[N, K]</c>: probabilities of classes in <see cref="Images"/>; null where no term asks for them.</summary>
    public Tensor? Probabilities { get; init; }

    /// <summary>All of its tensors.</summary>
    internal IReadOnlyList<Tensor> Tensors => Probabilities is null ? [Images, Weights] : [Images, Weights, Probabilities];
}

/// <summary>
/// Receives the images that training makes anyway; it does not take part in training. It is called from several threads at once.
/// </summary>
public interface IImageObserver
{
    /// <summary>Receives the generator's images of both updates of a step, each batch in one or more parts.</summary>
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
/// <remarks>
/// <para>Karras et al. 2020 (arXiv:1912.04958); the order of updates follows rosinality's <c>train.py</c>. The two updates of a
/// step may share their generated images (<see cref="TrainingSettings.SharesImages"/>), as in PyTorch's DCGAN example
/// (<c>pytorch/examples</c>, <c>dcgan/main.py</c>).</para>
/// <para>On a CPU the batch is cut into as many parts as torch has threads, where the networks allow it. Each part has its own
/// thread, and networks whose parameters are views of the same values. Gradients of the parts are added in their order, so the
/// same number of threads gives the same bits. <see cref="TrainingSettings.Accumulate"/> cuts it further, into parts that follow
/// one another.</para>
/// </remarks>
public sealed class AdversarialTrainer : IDisposable
{
    private readonly RandomStreams _random;
    private readonly Device _device;
    private readonly IReadOnlyList<TrainedPart> _parts;
    private readonly WorkerThreads _workers;
    private readonly int _turns;   // parts that each thread works on, one after another
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
    /// <param name="mayShareBatches">
    /// Whether threads may share each batch; false where a term or an observer may be called by one thread alone.
    /// </param>
    /// <exception cref="ArgumentException">The networks do not allow to cut the batch as the settings say.</exception>
    public AdversarialTrainer(
        ImageGenerator generator,
        ImageDiscriminator discriminator,
        TrainingSettings settings,
        RandomStreams random,
        Tensor? initialEmaWeights = null,
        bool mayShareBatches = true)
    {
        _random = random;
        Settings = settings;
        var first = new TrainedPart(generator, discriminator);
        (Generator, Discriminator) = (first.GeneratorParameters, first.DiscriminatorParameters);
        _device = Generator.Values.device;
        _turns = settings.Accumulate;
        if (!first.AllowsParts(settings.BatchSize, _turns))
            throw new ArgumentException(
                FormattableString.Invariant($"a batch of {settings.BatchSize} images cannot be cut into {_turns} parts"),
                nameof(settings));
        _workers = new WorkerThreads(
            mayShareBatches && _device.type == TorchSharp.DeviceType.CPU
                ? first.MostParts(settings.BatchSize / _turns, get_num_threads())
                : 1);
        _parts = [first, .. Enumerable.Range(1, _workers.Count - 1).Select(_ => first.Share())];
        _generatorAdam = new Adam(Generator, settings.LearningRate, settings.PathLengthWeight > 0 ? settings.PathLengthEvery : 0);
        _discriminatorAdam = new Adam(Discriminator, settings.LearningRate, settings.R1Weight > 0 ? settings.R1Every : 0);
        EmaWeights = (initialEmaWeights ?? Generator.Values).detach().clone().DetachFromDisposeScope();
    }

    /// <summary>The settings; they may change between steps, but for the batch size.</summary>
    public TrainingSettings Settings { get; set; }

    /// <summary>The generator's parameters.</summary>
    public ParameterVector Generator { get; }

    /// <summary>The discriminator's parameters.</summary>
    public ParameterVector Discriminator { get; }

    /// <summary>The moving average of the generator's parameters, <c>[P]</c>: what is measured and saved.</summary>
    public Tensor EmaWeights { get; }

    // Into how many parts a batch is cut.
    private int PartCount => _parts.Count * _turns;

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
        using var precision = Settings.EnterPrecision(_device);
        using var scope = NewDisposeScope();   // frees every tensor of this step together
        var batch = new GeneratorBatch(imageTerms ?? [], Draw("generator", step, Settings.BatchSize), PartCount);
        var discriminatorLoss = UpdateDiscriminator(step, reals, extraFakes, batch, observer, learningRateFactor);
        var (generatorLoss, weightLoss, imageLoss) =
            UpdateGenerator(scope, step, weightTerms ?? [], batch, observer, learningRateFactor);
        if (Settings.PathLengthWeight > 0 && step % Settings.PathLengthEvery == 0)
            RegulariseGenerator(step, learningRateFactor);
        UpdateEmaWeights();
        return Finite(new(step, generatorLoss, discriminatorLoss, weightLoss, imageLoss));
    }

    private double UpdateDiscriminator(
        int step, IImageSource reals, ExtraFakes? extraFakes, GeneratorBatch batch, IImageObserver? observer, double factor)
    {
        // Dmain: raise the scores of real images and lower those of generated ones.
        var own = Settings.SharesImages ? null : Draw("discriminator", step, Settings.BatchSize);
        using var order = _random.At("reals", step);
        var realImages = reals.Draw(Settings.BatchSize, order);
        var extraImages = extraFakes is null ? null : DrawExtraFakes(extraFakes, step);
        var extraParts = extraImages is null ? 0 : _parts[0].MostParts((int)extraImages.shape[0], PartCount);
        var losses = OnEachPart(generator: false, (part, number) =>
        {
            var fakes = own is null ? SharedFakes(part, number, batch) : Fakes(part, own.Part(number, PartCount));
            if (own is not null)
                observer?.Observe(fakes);
            batch.FindTargets(number);   // of the generator's update: other threads would wait for it there
            IReadOnlyList<Tensor> sets = [
                realImages.Part(number, PartCount),
                fakes,
                .. number < extraParts ? [extraImages!.Part(number, extraParts)] : (Tensor[])[],
            ];
            var scores = Score(part.Discriminator, sets);
            var loss = Losses.Discriminator(scores[0], scores[1]);
            var total = scores.Count == 2
                ? ShareOf(loss)
                : ShareOf(loss) + nn.functional.softplus(scores[2]).mean() * (extraFakes!.Weight / extraParts);
            total.backward();
            return loss.item<float>();
        });
        _discriminatorAdam.Step(factor);

        // Dreg: apply R1 in a separate update every few steps, with a weight that makes up for the others.
        if (Settings.R1Weight > 0 && step % Settings.R1Every == 0)
        {
            OnEachPart(generator: false, (part, number) =>
            {
                var penalty = Losses.R1(part.Discriminator, realImages.Part(number, PartCount));
                ShareOf(penalty * (Settings.R1Weight / 2 * Settings.R1Every)).backward();
                return 0;
            });
            _discriminatorAdam.Step(factor);
        }

        return losses.Average();
    }

    private static Tensor Fakes(TrainedPart part, LatentDraw draw)
    {
        using var _ = no_grad();
        return draw.Images(part.Generator);
    }

    // Their graph is kept for the generator's update, but where parts follow one another: only one may be in memory there.
    private Tensor SharedFakes(TrainedPart part, int number, GeneratorBatch batch)
    {
        if (_turns > 1)
            return Fakes(part, batch.Draw.Part(number, PartCount));

        part.GeneratorParameters.RequiresGradient = true;
        return batch.Make(part.Generator, number).detach();
    }

    private Tensor DrawExtraFakes(ExtraFakes extra, int step)
    {
        using var order = _random.At("extra fakes", step);
        return extra.Source.Draw(extra.BatchSize, order);
    }

    private (double Adversarial, double Weight, double Image) UpdateGenerator(
        TorchSharp.DisposeScope scope,
        int step,
        IReadOnlyList<IWeightTerm> weightTerms,
        GeneratorBatch batch,
        IImageObserver? observer,
        double factor)
    {
        // Gmain: raise the scores of generated images, and add the gradients of the terms on images.
        batch.SumWeights(scope);
        var losses = OnEachPart(generator: true, (part, number) =>
        {
            var images = batch.Images(part.Generator, number);
            observer?.Observe(images.detach());
            var adversarial = Losses.Generator(part.Discriminator.Score(images));
            var onImages = batch.Losses(number, images);
            onImages.Aggregate(ShareOf(adversarial), (sum, loss) => sum + loss).backward();
            return (Adversarial: adversarial.item<float>(), Image: onImages.Sum(loss => loss.item<float>()));
        });

        // Add the gradients of the terms on parameters: these need no graph.
        double weightLoss;
        using (no_grad())
            weightLoss = weightTerms.Sum(term => term.Accumulate(Generator, step));
        _generatorAdam.Step(factor);
        return (losses.Average(part => part.Adversarial), weightLoss, losses.Sum(part => part.Image));
    }

    private void RegulariseGenerator(int step, double factor)
    {
        if (_parts[0].Generator is not IStyleBasedGenerator styleBased)
            throw new InvalidOperationException(
                $"path-length regularisation needs a style-based generator, not {_parts[0].Generator.GetName()}");

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

    // Computes gradients of one network on every part of the batch, and adds them up in the first part's.
    private IReadOnlyList<T> OnEachPart<T>(bool generator, Func<TrainedPart, int, T> work)
    {
        var results = _workers.Run(thread =>
        {
            using var scope = NewDisposeScope();
            var part = _parts[thread];
            part.Train(generator);
            var ofThread = new T[_turns];
            for (var turn = 0; turn < _turns; turn++)
            {
                using var eachTurn = NewDisposeScope();   // frees a part's graph before the next one's is built
                ofThread[turn] = work(part, thread * _turns + turn);
            }

            return ofThread;
        });
        using var _ = no_grad();
        foreach (var part in _parts.Skip(1))
            if (generator)
                Generator.Gradients.add_(part.GeneratorParameters.Gradients);
            else
                Discriminator.Gradients.add_(part.DiscriminatorParameters.Gradients);
        return [.. results.SelectMany(ofThread => ofThread)];
    }

    // One thread scores the sets one by one: in one pass the sums have other roundings than those of the published tables.
    private IReadOnlyList<Tensor> Score(ImageDiscriminator discriminator, IReadOnlyList<Tensor> sets) =>
        _parts.Count == 1 ? [.. sets.Select(discriminator.Score)] : discriminator.ScoreSets(sets);

    // The mean over the batch is the mean over its parts, which have the same size.
    private Tensor ShareOf(Tensor mean) => PartCount == 1 ? mean : mean / PartCount;

    private LatentDraw Draw(string purpose, int step, int images)
    {
        using var random = _random.At(purpose, step);
        return LatentDraw.Sample(_parts[0].Generator, images, random, _device, Settings.StyleMixing);
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
        _workers.Dispose();
        EmaWeights.Dispose();
        _generatorAdam.Dispose();
        _discriminatorAdam.Dispose();
        foreach (var part in _parts)
            part.Dispose();
    }

    /// <summary>The images of a generator's update: latents, terms on images, and what each part is compared with.</summary>
    /// <param name="terms">The terms.</param>
    /// <param name="draw">Of the generator's update.</param>
    /// <param name="parts">Into how many parts the batch is cut.</param>
    private sealed class GeneratorBatch(IReadOnlyList<IImageTerm> terms, LatentDraw draw, int parts)
    {
        private readonly Tensor?[] _images = new Tensor?[parts];                                          // those made ahead
        private readonly IReadOnlyList<ImageTarget>[] _targets = new IReadOnlyList<ImageTarget>[parts];   // by part, then by term
        private IReadOnlyList<Tensor> _weights = [];                                                      // by term

        public LatentDraw Draw => draw;

        /// <summary>Makes the images of a part ahead of its update, with their graph.</summary>
        /// <returns>Without a scope until <see cref="SumWeights"/> gives them the step's.</returns>
        public Tensor Make(ImageGenerator generator, int number) =>
            _images[number] = draw.Part(number, parts).Images(generator).DetachFromDisposeScope();

        /// <summary>The images of a part, with their graph: those made ahead, or new ones.</summary>
        public Tensor Images(ImageGenerator generator, int number) =>
            _images[number] ?? draw.Part(number, parts).Images(generator);

        /// <summary>Finds the targets of a part, on that part's thread.</summary>
        public void FindTargets(int number)
        {
            var part = draw.Part(number, parts);
            _targets[number] = [.. terms.Select(term => term.Target(part) with { Part = number })];
            foreach (var tensor in _targets[number].SelectMany(target => target.Tensors))
                tensor.DetachFromDisposeScope();
        }

        /// <summary>Sums the weights over all parts, and leaves targets and images to the scope of the step.</summary>
        public void SumWeights(TorchSharp.DisposeScope scope)
        {
            foreach (var target in _targets.SelectMany(part => part))
                scope.Attach(target.Tensors);
            scope.Attach(_images.OfType<Tensor>());
            _weights = [.. terms.Index().Select(term =>
                _targets.Select(part => part[term.Index].Weights.sum()).Aggregate((sum, weights) => sum + weights))];
        }

        /// <summary>The losses of a part, one for each term.</summary>
        public IReadOnlyList<Tensor> Losses(int number, Tensor images) =>
            [.. terms.Index().Select(term => term.Item.Loss(_targets[number][term.Index], images, _weights[term.Index]))];
    }
}
