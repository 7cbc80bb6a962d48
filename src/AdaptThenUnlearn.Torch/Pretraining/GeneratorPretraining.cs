using AdaptThenUnlearn.Torch.Models.StyleGan2;
using AdaptThenUnlearn.Torch.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Pretraining;

/// <summary>How a generator is trained from scratch.</summary>
/// <param name="Model">Its size.</param>
/// <param name="Training">Batch, learning rate, regularisation; the R1 weight is the later one.</param>
/// <param name="Steps">Generator updates.</param>
/// <param name="DecaySteps">The last of these, in which the learning rate falls linearly to zero.</param>
/// <param name="EarlyR1Weight">R1 weight of the first <paramref name="EarlySteps"/>: a strong penalty keeps a young GAN from collapsing.</param>
/// <param name="EarlySteps">How long it holds.</param>
/// <param name="Seed">Of weights, latents, noise and data order.</param>
public sealed record PretrainingSettings(
    StyleGan2Settings Model, TrainingSettings Training, int Steps, int DecaySteps, double EarlyR1Weight, int EarlySteps, long Seed);

/// <summary>Trains a StyleGAN2 from scratch on real images: how the embedded generators were made, and how a retrained baseline is.</summary>
public sealed class GeneratorPretraining : IDisposable
{
    private readonly PretrainingSettings _settings;
    private readonly IImageSource _reals;
    private readonly AdversarialTrainer _trainer;

    /// <summary>Builds fresh networks.</summary>
    /// <param name="settings">How.</param>
    /// <param name="reals">What images should look like; stays the caller's.</param>
    /// <param name="device">Where.</param>
    public GeneratorPretraining(PretrainingSettings settings, IImageSource reals, Device device)
    {
        var random = new RandomStreams(settings.Seed, "pretraining");
        _settings = settings;
        _reals = reals;
        Generator = random.Seeded("generator", () => new StyleGan2Generator(settings.Model));
        Discriminator = random.Seeded("discriminator", () => new StyleGan2Discriminator(settings.Model));
        Generator.to(device);
        Discriminator.to(device);
        _trainer = new AdversarialTrainer(Generator, Discriminator, settings.Training, random);
    }

    /// <summary>The generator in training.</summary>
    public StyleGan2Generator Generator { get; }

    /// <summary>The discriminator in training.</summary>
    public StyleGan2Discriminator Discriminator { get; }

    /// <summary>Steps made so far.</summary>
    public int StepsDone { get; private set; }

    /// <summary>The moving average of the generator's parameters, and everything else needed to go on.</summary>
    public AdversarialTrainer Trainer => _trainer;

    /// <summary>Goes on from a saved state.</summary>
    /// <param name="vectors">As <see cref="AdversarialTrainer.State"/> gave them.</param>
    /// <param name="counters">As <see cref="AdversarialTrainer.State"/> gave them.</param>
    /// <param name="stepsDone">Steps behind that state.</param>
    public void Restore(IReadOnlyDictionary<string, Tensor> vectors, IReadOnlyDictionary<string, double> counters, int stepsDone)
    {
        _trainer.Restore(vectors, counters);
        StepsDone = stepsDone;
    }

    /// <summary>Trains on until a step, or to the end.</summary>
    /// <param name="until">The last step to make.</param>
    /// <param name="progress">Told of every step.</param>
    /// <param name="cancel">Ends training between two steps.</param>
    public void Run(int until, IProgress<TrainingStep> progress, CancellationToken cancel)
    {
        var schedule = new LearningRateSchedule(_settings.Steps, _settings.DecaySteps);
        while (StepsDone < Math.Min(until, _settings.Steps))
        {
            cancel.ThrowIfCancellationRequested();
            var number = StepsDone + 1;
            _trainer.Settings = _settings.Training with
            {
                R1Weight = number <= _settings.EarlySteps ? _settings.EarlyR1Weight : _settings.Training.R1Weight,
            };
            progress.Report(_trainer.Step(number, _reals, schedule.FactorAt(number)));
            StepsDone = number;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _trainer.Dispose();
        Generator.Dispose();
        Discriminator.Dispose();
    }
}
