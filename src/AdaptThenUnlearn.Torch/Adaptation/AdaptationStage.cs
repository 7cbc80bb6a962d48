using System.Globalization;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Adaptation;

/// <summary>
/// The first stage: trains copies of the GAN towards the undesired features, held back by elastic weight consolidation.
/// </summary>
/// <remarks>Tiwary et al. 2025 (arXiv:2309.14054), section 3.2.</remarks>
/// <param name="options">From the policy. Batch size and adversarial terms are those of the second stage.</param>
/// <param name="seed">From the policy.</param>
/// <param name="journal">Keeps the states from which the stage resumes.</param>
/// <param name="progress">Receives every step.</param>
public sealed class AdaptationStage(
    UnlearningOptions options, long seed, ITrainingJournal journal, IProgress<StageProgress> progress)
{
    /// <summary>Beginning of the names in the journal; the number of the copy follows, counted from 1.</summary>
    public const string NamePrefix = "adaptation-";

    private const int SaveEvery = 50;

    /// <summary>Adapts K copies, one after another.</summary>
    /// <param name="original">The GAN before training; it is not changed.</param>
    /// <param name="negatives">The images that the copies learn to make.</param>
    /// <param name="cancel">Ends training between two steps; the journal has the latest state that was saved.</param>
    /// <returns>Belongs to the caller.</returns>
    /// <exception cref="TrainingDivergedException">A loss is not finite.</exception>
    public AdaptedGenerators Run(GanPair original, IImageSource negatives, CancellationToken cancel) =>
        new([.. Enumerable.Range(1, options.Adaptation.Models).Select(number => Adapt(number, original, negatives, cancel))]);

    private Tensor Adapt(int number, GanPair original, IImageSource negatives, CancellationToken cancel)
    {
        // Copy the GAN, and prepare to train the copy.
        var name = string.Create(CultureInfo.InvariantCulture, $"{NamePrefix}{number}");
        var random = new RandomStreams(seed, name);
        using var copy = original.Copy();
        using var trainer = new AdversarialTrainer(
            copy.Generator, copy.Discriminator, options.TrainingSettings(options.Adaptation.LearningRate), random);
        using var scope = NewDisposeScope();

        // EWC: estimate how much each parameter matters, and penalise leaving the original in proportion to that.
        var anchor = trainer.Generator.Values.detach().clone();   // θ*, [P]
        var fisher = options.Adaptation.EwcWeight > 0
            ? FisherInformation.Estimate(
                copy.Generator,
                copy.Discriminator,
                trainer.Generator,
                options.Adaptation.FisherSamples,
                random,
                options.Adversarial.StyleMixing)
            : zeros_like(anchor);                                  // F, [P]
        var ewc = new ElasticPenalty(fisher, anchor, options.Adaptation.EwcWeight);
        var schedule = new LearningRateSchedule(
            options.Adaptation.Steps, DecaySteps: 0, WarmupSteps: LearningRateSchedule.WarmUpFor(options.Adaptation.Steps));

        // Resume from the journal.
        var done = 0;
        if (journal.Load(name) is { } saved)
        {
            trainer.Restore(saved.Vectors, saved.Counters);
            done = saved.Step;
        }

        // Train the copy as a GAN whose real images are the negatives.
        while (done < options.Adaptation.Steps)
        {
            cancel.ThrowIfCancellationRequested();
            var losses = trainer.Step(done + 1, negatives, schedule.FactorAt(done + 1), [ewc]);
            done++;
            progress.Report(new StageProgress(name, done, options.Adaptation.Steps, losses));
            if (done % SaveEvery == 0 || done == options.Adaptation.Steps)
                journal.Save(name, new StageState(done, trainer.State(out var counters), counters));
        }

        // Keep the moving average of the weights.
        return trainer.EmaWeights.clone().DetachFromDisposeScope();
    }
}

/// <summary>θN: the parameters of each adapted generator.</summary>
/// <param name="Parameters">
/// For each adapted generator <c>[P]</c>, in the layout of its <see cref="ParameterVector"/>; owned by this.
/// </param>
public sealed record AdaptedGenerators(IReadOnlyList<Tensor> Parameters) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var parameters in Parameters)
            parameters.Dispose();
    }
}
