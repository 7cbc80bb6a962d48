using System.Globalization;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Pretraining;

/// <summary>Settings for training a generator.</summary>
/// <param name="Model">Creates its networks, untrained or trained (<see cref="TrainedGan"/>).</param>
/// <param name="Training">Batch size, learning rate and regularisation. Its R1 weight is that of the later steps.</param>
/// <param name="Steps">Number of generator updates.</param>
/// <param name="DecaySteps">Number of last steps in which the learning rate falls linearly to zero.</param>
/// <param name="EarlyR1Weight">R1 weight of the early steps, when a strong penalty keeps the GAN from collapsing.</param>
/// <param name="EarlySteps">Number of early steps.</param>
/// <param name="Seed">Seed of weights, latents, noise and data order.</param>
public sealed record PretrainingSettings(
    IGanFactory Model, TrainingSettings Training, int Steps, int DecaySteps, double EarlyR1Weight, int EarlySteps, long Seed);

/// <summary>
/// Trains a GAN on real images, from scratch or from trained networks on. The embedded generators and the retrained baseline are
/// made in this way.
/// </summary>
public sealed class GeneratorPretraining : IDisposable
{
    /// <summary>The stage's name in progress and journal.</summary>
    public const string Name = "pretraining";

    private const string StepsCounter = "steps";
    private const string DecayCounter = "decaySteps";

    private readonly PretrainingSettings _settings;
    private readonly IImageSource _reals;
    private readonly GanPair _networks;
    private readonly AdversarialTrainer _trainer;

    /// <summary>Creates the networks to train.</summary>
    /// <param name="settings">Sizes of the networks, and settings of the training.</param>
    /// <param name="reals">The real images; stay the caller's.</param>
    /// <param name="device">Where the networks are.</param>
    public GeneratorPretraining(PretrainingSettings settings, IImageSource reals, Device device)
    {
        var random = new RandomStreams(settings.Seed, "pretraining");
        _settings = settings;
        _reals = reals;
        _networks = new GanPair(
            random.Seeded("generator", settings.Model.CreateGenerator).to(device),
            random.Seeded("discriminator", settings.Model.CreateDiscriminator).to(device));
        _trainer = new AdversarialTrainer(_networks.Generator, _networks.Discriminator, settings.Training, random);
    }

    /// <summary>Steps between two saved states.</summary>
    internal int SaveEvery { get; init; } = 500;

    /// <summary>Trains to the last step, and resumes from the journal where it has a state.</summary>
    /// <remarks>
    /// A state may have been saved under another number of steps, as long as the learning rate has fallen under neither: it is
    /// the same training until then.
    /// </remarks>
    /// <param name="journal">Keeps the state, every 500 steps and after the last.</param>
    /// <param name="progress">Receives every step.</param>
    /// <param name="cancel">Ends training between two steps.</param>
    /// <returns>The generator with averaged weights, and the discriminator, in eval mode; belongs to the caller.</returns>
    /// <exception cref="TrainingDivergedException">A loss is not finite.</exception>
    /// <exception cref="InvalidDataException">
    /// The state was saved under another number of steps, and the learning rate falls before it under one of the two.
    /// </exception>
    public GanPair Run(ITrainingJournal journal, IProgress<StageProgress> progress, CancellationToken cancel)
    {
        // Resume from the journal.
        using var scope = NewDisposeScope();
        var done = 0;
        if (journal.Load(Name) is { } saved)
        {
            RequireSameSteps(saved);
            _trainer.Restore(saved.Vectors, saved.Counters);
            done = saved.Step;
        }

        // Train step by step, with the strong R1 penalty first; save the state now and then.
        var schedule = new LearningRateSchedule(_settings.Steps, _settings.DecaySteps);
        while (done < _settings.Steps)
        {
            cancel.ThrowIfCancellationRequested();
            var number = done + 1;
            _trainer.Settings = _settings.Training with
            {
                R1Weight = number <= _settings.EarlySteps ? _settings.EarlyR1Weight : _settings.Training.R1Weight,
            };
            var losses = _trainer.Step(number, _reals, schedule.FactorAt(number));
            done = number;
            progress.Report(new StageProgress(Name, done, _settings.Steps, losses));
            if (done % SaveEvery == 0 || done == _settings.Steps)
                journal.Save(Name, new StageState(done, _trainer.State(out var counters), WithSteps(counters)));
        }

        return Averaged();
    }

    private void RequireSameSteps(StageState saved)
    {
        var (steps, decay) = ((int)saved.Counters[StepsCounter], (int)saved.Counters[DecayCounter]);
        var falls = Math.Min(steps - decay, _settings.Steps - _settings.DecaySteps);
        if ((steps, decay) != (_settings.Steps, _settings.DecaySteps) && saved.Step > falls)
            throw new InvalidDataException(string.Create(
                CultureInfo.InvariantCulture,
                $"the saved state has {saved.Step} of {steps} steps, with a learning rate that falls over the last {decay}; it "
                    + $"cannot be continued to {_settings.Steps} steps with a rate that falls over the last "
                    + $"{_settings.DecaySteps}, because the rates differ from step {falls + 1} on; "
                    + $"ask for {steps} and {decay}, or start again"));
    }

    private Dictionary<string, double> WithSteps(IReadOnlyDictionary<string, double> counters) => new(counters)
    {
        [StepsCounter] = _settings.Steps,
        [DecayCounter] = _settings.DecaySteps,
    };

    private GanPair Averaged()
    {
        var networks = _networks.Copy();
        using var _ = no_grad();
        using var vector = new ParameterVector(networks.Generator);
        vector.Values.copy_(_trainer.EmaWeights);
        networks.Generator.eval();
        networks.Discriminator.eval();
        return networks;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _trainer.Dispose();
        _networks.Dispose();
    }
}
