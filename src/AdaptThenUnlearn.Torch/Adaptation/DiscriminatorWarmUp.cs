using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Adaptation;

/// <summary>The stage before the first, for a generator that came without its discriminator: makes one from the generator's own samples.</summary>
/// <remarks>
/// Both stages begin with a discriminator that knows what the generator's images look like: a fresh one would lead their first updates
/// astray, and its logit would make a Fisher information of noise. In place of the lost training data stand the generator's own samples, all
/// of them: the lost discriminator had seen the undesired ones as real too, and to leave them out would begin unlearning before adaptation.
/// From other samples of the same generator nothing can be learned. The fakes are made by copies of it whose weights are damaged by
/// noise, another copy at each step: by much, so that there is something to begin with, down to so little that it takes
/// finer and finer features to tell. These are the generators that lie around the original in parameter space, and what lies there is what
/// the discriminator is asked about when training moves the weights. (A single damaged copy that is trained back against it, as in a GAN,
/// teaches it less in as many steps, and each costs twice as much: while neither knows anything, both wander.) The loss is the
/// adversarial one, with the policy's lazy R1.
/// </remarks>
/// <param name="options">From the policy.</param>
/// <param name="journal">Where it keeps what it needs to be resumed.</param>
/// <param name="progress">Told of every step.</param>
public sealed class DiscriminatorWarmUp(UnlearningOptions options, ITrainingJournal journal, IProgress<StageProgress> progress)
{
    /// <summary>The stage's name in progress, journal and times.</summary>
    public const string Name = "discriminator-warm-up";

    private const int SaveEvery = 50;
    private const string ValuesKey = "discriminator";
    private const string MomentKey = "discriminator.secondMoment";
    private const string UpdatesKey = "discriminatorUpdates";

    private readonly RandomStreams _random = new(options.Seed, Name);

    /// <summary>Makes the discriminator.</summary>
    /// <param name="original">As it was; left alone.</param>
    /// <param name="architecture">Of the original.</param>
    /// <param name="cancel">Ends training between two steps; what was done so far is in the journal.</param>
    /// <returns>In eval mode; belongs to the caller.</returns>
    /// <exception cref="TrainingDivergedException">A loss is not finite.</exception>
    public ImageDiscriminator Run(ImageGenerator original, IGeneratorArchitecture architecture, CancellationToken cancel)
    {
        using var scope = NewDisposeScope();
        using var discriminator = CreateUntrained(original, architecture, options.Seed);
        using var parameters = new ParameterVector(discriminator);
        using var adam = new Adam(parameters, options.LearningRate, options.Adversarial.R1Weight > 0 ? options.Adversarial.R1Every : 0);
        using var damaged = new DamagedSamples(original, _random);
        var own = new GeneratorSamples(original);
        var steps = options.WarmUp.Steps;
        var schedule = new LearningRateSchedule(steps, DecaySteps: 0, WarmupSteps: LearningRateSchedule.WarmUpFor(steps));

        var done = Resume(parameters, adam);
        discriminator.train();
        while (done < steps)
        {
            cancel.ThrowIfCancellationRequested();
            done++;
            progress.Report(new StageProgress(Name, done, steps, Update(done, schedule.FactorAt(done))));
            if (done % SaveEvery == 0 || done == steps)
                journal.Save(Name, new StageState(
                    done,
                    new Dictionary<string, Tensor> { [ValuesKey] = parameters.Values, [MomentKey] = adam.SecondMoment },
                    new Dictionary<string, double> { [UpdatesKey] = adam.Updates }));
        }

        var made = discriminator.Copy();
        made.eval();
        return made;

        TrainingStep Update(int step, double learningRateFactor)
        {
            using var stepScope = NewDisposeScope();
            parameters.Gradients.zero_();
            var reals = Draw(own, "own samples", step);
            var fakeScores = discriminator.Score(Draw(damaged, "damaged samples", step));
            var loss = Losses.Discriminator(discriminator.Score(reals), fakeScores);
            loss.backward();
            adam.Step(learningRateFactor);
            if (options.Adversarial.R1Weight > 0 && step % options.Adversarial.R1Every == 0)
            {
                parameters.Gradients.zero_();
                (Losses.R1(discriminator, reals) * (options.Adversarial.R1Weight / 2 * options.Adversarial.R1Every)).backward();
                adam.Step(learningRateFactor);
            }

            var losses = new TrainingStep(step, Losses.Generator(fakeScores.detach()).item<float>(), loss.item<float>(), WeightLoss: 0, ImageLoss: 0);
            return double.IsFinite(losses.DiscriminatorLoss) ? losses : throw new TrainingDivergedException(Name, losses);
        }
    }

    /// <summary>A discriminator that suits a generator, before it has learned anything; belongs to the caller.</summary>
    /// <param name="original">The generator.</param>
    /// <param name="architecture">Of the generator.</param>
    /// <param name="seed">From the policy.</param>
    public static ImageDiscriminator CreateUntrained(ImageGenerator original, IGeneratorArchitecture architecture, long seed) =>
        Weights.Detach(new RandomStreams(seed, Name).Seeded("discriminator", () => architecture.MirrorDiscriminator(original)).to(original.parameters().First().device));

    private Tensor Draw(IImageSource source, string purpose, int step)
    {
        using var random = _random.At(purpose, step);
        return source.Draw(options.BatchSize, random);
    }

    private int Resume(ParameterVector parameters, Adam adam)
    {
        if (journal.Load(Name) is not { } saved)
            return 0;

        using var _ = no_grad();
        parameters.Values.copy_(saved.Vectors[ValuesKey]);
        adam.SecondMoment.copy_(saved.Vectors[MomentKey]);
        adam.Updates = (long)saved.Counters[UpdatesKey];
        return saved.Step;
    }
}
