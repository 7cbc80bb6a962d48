using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Adaptation;

/// <summary>
/// The stage before the first, for a generator that came without its discriminator: trains one on the generator's own samples.
/// </summary>
/// <remarks>
/// <para>
/// Both later stages need a discriminator that knows what the generator's images look like. With a fresh one their first updates
/// would go astray, and its logits would make the Fisher information noise.
/// </para>
/// <para>
/// The real images are the generator's own samples, in place of the lost training data. Undesired samples are among them, because
/// the lost discriminator had seen these as real too; without them unlearning would begin before adaptation.
/// </para>
/// <para>
/// The fake images are made by copies of the generator whose weights are damaged by noise, a new copy at each step. Large damage
/// gives the discriminator something to begin with; small damage makes it learn fine features. The copies lie around the original
/// in parameter space, where training will move the weights. A single damaged copy that is trained against the discriminator, as
/// in a GAN, teaches it less in as many steps, and each step costs twice as much.
/// </para>
/// <para>
/// The loss is the adversarial one, with the policy's lazy R1. Batches are cut into parts, and a GPU computes in TF32, where the
/// policy says so.
/// </para>
/// </remarks>
/// <param name="options">From the policy.</param>
/// <param name="journal">Keeps the states from which the stage resumes.</param>
/// <param name="progress">Receives every step.</param>
public sealed class DiscriminatorWarmUp(UnlearningOptions options, ITrainingJournal journal, IProgress<StageProgress> progress)
{
    /// <summary>The stage's name in progress, journal and times.</summary>
    public const string Name = "discriminator-warm-up";

    private const int SaveEvery = 50;
    private const string ValuesKey = "discriminator";
    private const string MomentKey = "discriminator.secondMoment";
    private const string UpdatesKey = "discriminatorUpdates";

    private readonly RandomStreams _random = new(options.Seed, Name);

    /// <summary>Trains the discriminator.</summary>
    /// <param name="original">The generator; it is not changed.</param>
    /// <param name="architecture">The generator's architecture.</param>
    /// <param name="cancel">Ends training between two steps; the journal has the latest state that was saved.</param>
    /// <returns>In eval mode; belongs to the caller.</returns>
    /// <exception cref="TrainingDivergedException">A loss is not finite.</exception>
    public ImageDiscriminator Run(ImageGenerator original, IGeneratorArchitecture architecture, CancellationToken cancel)
    {
        // Build a fresh discriminator, its optimiser, and the two sources of images.
        using var scope = NewDisposeScope();
        using var discriminator = CreateUntrained(original, architecture, options.Seed);
        using var parameters = new ParameterVector(discriminator);
        using var adam = new Adam(
            parameters,
            options.LearningRate,
            options.Adversarial.R1Weight > 0
                ? options.Adversarial.R1Every
                : 0);
        using var damaged = new DamagedSamples(original, _random);
        var own = new GeneratorSamples(original);
        var (steps, parts) = (options.WarmUp.Steps, options.AccumulateOrDefault);
        var settings = options.TrainingSettings(options.LearningRate);
        var schedule = new LearningRateSchedule(steps, DecaySteps: 0, WarmupSteps: LearningRateSchedule.WarmUpFor(steps));

        // Train it to tell the generator's samples from those of damaged copies; save the state now and then.
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

        // Return a copy: these parameters are views of a vector that is disposed here.
        var trained = discriminator.Copy();
        trained.eval();
        return trained;

        TrainingStep Update(int step, double learningRateFactor)
        {
            // Dmain: minimise logits for images of a damaged copy, maximise logits for the generator's samples.
            using var precision = settings.EnterPrecision(parameters.Values.device);
            using var stepScope = NewDisposeScope();
            parameters.Gradients.zero_();
            var (reals, fakes) = (Draw(own, "own samples", step), Draw(damaged, "damaged samples", step));
            var (generatorLoss, discriminatorLoss) = (0.0, 0.0);
            OnEachPart(part =>
            {
                var fakeScores = discriminator.Score(fakes.Part(part, parts));
                var loss = Losses.Discriminator(discriminator.Score(reals.Part(part, parts)), fakeScores);
                generatorLoss += Losses.Generator(fakeScores.detach()).item<float>() / parts;
                discriminatorLoss += loss.item<float>() / parts;
                return loss;
            });
            adam.Step(learningRateFactor);

            // Dr1: every few steps, apply R1 regularisation on the real images.
            if (options.Adversarial.R1Weight > 0 && step % options.Adversarial.R1Every == 0)
            {
                parameters.Gradients.zero_();
                OnEachPart(part => Losses.R1(discriminator, reals.Part(part, parts))
                    * (options.Adversarial.R1Weight / 2 * options.Adversarial.R1Every));
                adam.Step(learningRateFactor);
            }

            var losses = new TrainingStep(step, generatorLoss, discriminatorLoss, WeightLoss: 0, ImageLoss: 0);
            return double.IsFinite(losses.DiscriminatorLoss) ? losses : throw new TrainingDivergedException(Name, losses);
        }

        // Adds the gradients of the parts of a batch; the graph of a part is freed before the next one's is built.
        void OnEachPart(Func<int, Tensor> loss)
        {
            for (var part = 0; part < parts; part++)
            {
                using var partScope = NewDisposeScope();
                (parts == 1 ? loss(part) : loss(part) / parts).backward();
            }
        }
    }

    /// <summary>Builds an untrained discriminator for a generator.</summary>
    /// <param name="original">The generator.</param>
    /// <param name="architecture">The generator's architecture.</param>
    /// <param name="seed">Seed of the weights, from the policy.</param>
    /// <returns>Where the generator is; belongs to the caller.</returns>
    public static ImageDiscriminator CreateUntrained(ImageGenerator original, IGeneratorArchitecture architecture, long seed) =>
        Weights.Detach(new RandomStreams(seed, Name)
            .Seeded("discriminator", () => architecture.MirrorDiscriminator(original))
            .to(original.parameters().First().device));

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
