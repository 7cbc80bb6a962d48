using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Adaptation;

/// <summary>The stage before the first, for a generator that came without its discriminator: makes one from the generator's own samples.</summary>
/// <remarks>
/// Both stages begin with a discriminator that knows what the generator's images look like; a fresh one would lead its first updates
/// astray, and its logit would make a Fisher information of noise. What takes the place of the lost training data are the generator's own
/// samples, all of them: the lost discriminator had seen every kind as real, the undesired ones too, and taking those away here would begin
/// unlearning before adaptation. Against which fakes? Against other samples of the same generator there is nothing to learn. So the
/// fakes come from a copy whose weights are damaged by noise, and which is trained back against the discriminator, by the terms of the
/// policy: a GAN's training in small, whose fakes are coarsely wrong at first and finely wrong later. The discriminator is kept, the copy
/// thrown away. Samples are drawn afresh at each step, so that none can be learned by heart.
/// </remarks>
/// <param name="options">From the policy.</param>
/// <param name="journal">Where it keeps what it needs to be resumed.</param>
/// <param name="progress">Told of every step.</param>
public sealed class DiscriminatorWarmUp(UnlearningOptions options, ITrainingJournal journal, IProgress<StageProgress> progress)
{
    /// <summary>The stage's name in progress, journal and times.</summary>
    public const string Name = "discriminator-warm-up";

    /// <summary>Standard deviation of the copy's damage, in units of each tensor's root mean square.</summary>
    public const double Damage = 0.3;

    private const int SaveEvery = 50;
    private const int WarmupSteps = 50;

    /// <summary>Makes the discriminator.</summary>
    /// <param name="original">As it was; left alone.</param>
    /// <param name="architecture">Of the original.</param>
    /// <param name="cancel">Ends training between two steps; what was done so far is in the journal.</param>
    /// <returns>In eval mode; belongs to the caller.</returns>
    /// <exception cref="TrainingDivergedException">A loss is not finite.</exception>
    public ImageDiscriminator Run(ImageGenerator original, IGeneratorArchitecture architecture, CancellationToken cancel)
    {
        var steps = options.WarmUp.Steps;
        var random = new RandomStreams(options.Seed, Name);
        using var scope = NewDisposeScope();
        var device = original.parameters().First().device;
        using var networks = new GanPair(original.Copy(), Fresh(original, architecture, random).to(device));
        using var trainer = new AdversarialTrainer(networks.Generator, networks.Discriminator, options.TrainingSettings(options.LearningRate), random);
        DamageWeights(trainer.Generator, random);
        var reals = new OwnSamples(original, device);
        var schedule = new LearningRateSchedule(steps, DecaySteps: 0, WarmupSteps: Math.Min(WarmupSteps, steps / 4));

        var done = 0;
        if (journal.Load(Name) is { } saved)
        {
            trainer.Restore(saved.Vectors, saved.Counters);
            done = saved.Step;
        }

        while (done < steps)
        {
            cancel.ThrowIfCancellationRequested();
            var losses = trainer.Step(done + 1, reals, schedule.FactorAt(done + 1));
            done++;
            progress.Report(new StageProgress(Name, done, steps, losses));
            if (done % SaveEvery == 0 || done == steps)
                journal.Save(Name, new StageState(done, trainer.State(out var counters), counters));
        }

        var discriminator = networks.Discriminator.Copy();
        discriminator.eval();
        return discriminator;
    }

    /// <summary>A discriminator that suits a generator, before it has learned anything; belongs to the caller.</summary>
    /// <param name="original">The generator.</param>
    /// <param name="architecture">Of the generator.</param>
    /// <param name="random">Where its weights come from.</param>
    public static ImageDiscriminator Fresh(ImageGenerator original, IGeneratorArchitecture architecture, RandomStreams random) =>
        Weights.Freed(random.Seeded("discriminator", () => architecture.MirrorDiscriminator(original)));

    /// <summary>Adds noise to every parameter, in proportion to the size of its tensor's values.</summary>
    /// <param name="parameters">Changed in place.</param>
    /// <param name="random">Where the noise comes from.</param>
    public static void DamageWeights(ParameterVector parameters, RandomStreams random)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var source = random.At("damage");
        foreach (var slot in parameters.Slots)
        {
            var values = slot.Of(parameters.Values);
            var noise = randn([.. slot.Shape], generator: source).to(values.device);
            values.add_(noise * values.square().mean().sqrt() * Damage);
        }
    }

    /// <summary>What a generator makes, never twice the same.</summary>
    private sealed class OwnSamples(ImageGenerator generator, Device device) : IImageSource
    {
        public long Count => long.MaxValue;

        public Tensor Draw(int count, Generator random)
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            return LatentDraw.Next(generator, count, random, device).Images(generator).MoveToOuterDisposeScope();
        }
    }
}
