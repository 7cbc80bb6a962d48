using System.Globalization;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Adaptation;

/// <summary>The first stage: copies of the GAN are pulled towards the undesired features, held back by elastic weight consolidation.</summary>
/// <remarks>Tiwary et al. 2025 (arXiv:2309.14054), section 3.2.</remarks>
/// <param name="options">From the policy; batch size and adversarial terms are those of the second stage.</param>
/// <param name="seed">From the policy.</param>
/// <param name="journal">Where it keeps what it needs to be resumed.</param>
/// <param name="progress">Told of every step.</param>
public sealed class AdaptationStage(UnlearningOptions options, long seed, ITrainingJournal journal, IProgress<StageProgress> progress)
{
    /// <summary>How its name in the journal begins; the number of the copy follows.</summary>
    public const string NamePrefix = "adaptation-";

    private const int SaveEvery = 50;

    /// <summary>Adapts K copies.</summary>
    /// <param name="original">The GAN as it was; left alone.</param>
    /// <param name="negatives">What the copies should make.</param>
    /// <param name="cancel">Ends training between two steps; what was done so far is in the journal.</param>
    /// <exception cref="TrainingDivergedException">A loss is not finite.</exception>
    public AdaptedGenerators Run(GanPair original, IImageSource negatives, CancellationToken cancel) =>
        new([.. Enumerable.Range(1, options.Adaptation.Models).Select(number => Adapt(number, original, negatives, cancel))]);

    private Tensor Adapt(int number, GanPair original, IImageSource negatives, CancellationToken cancel)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"{NamePrefix}{number}");
        var random = new RandomStreams(seed, name);
        using var copy = original.Copy();
        using var trainer = new AdversarialTrainer(copy.Generator, copy.Discriminator, options.TrainingSettings(options.Adaptation.LearningRate), random);
        using var scope = NewDisposeScope();
        var anchor = trainer.Generator.Values.detach().clone();
        var fisher = options.Adaptation.EwcWeight > 0
            ? FisherInformation.Estimate(copy.Generator, copy.Discriminator, trainer.Generator, options.Adaptation.FisherSamples, random, options.Adversarial.StyleMixing)
            : zeros_like(anchor);
        var ewc = new ElasticPenalty(fisher, anchor, options.Adaptation.EwcWeight);
        var schedule = new LearningRateSchedule(options.Adaptation.Steps, DecaySteps: 0, WarmupSteps: LearningRateSchedule.WarmUpFor(options.Adaptation.Steps));

        var done = 0;
        if (journal.Load(name) is { } saved)
        {
            trainer.Restore(saved.Vectors, saved.Counters);
            done = saved.Step;
        }

        while (done < options.Adaptation.Steps)
        {
            cancel.ThrowIfCancellationRequested();
            var losses = trainer.Step(done + 1, negatives, schedule.FactorAt(done + 1), [ewc]);
            done++;
            progress.Report(new StageProgress(name, done, options.Adaptation.Steps, losses));
            if (done % SaveEvery == 0 || done == options.Adaptation.Steps)
                journal.Save(name, new StageState(done, trainer.State(out var counters), counters));
        }

        return trainer.EmaWeights.clone().DetachFromDisposeScope();
    }
}

/// <summary>θN: the parameters of each adapted generator.</summary>
/// <param name="Parameters">Each <c>[P]</c>, in the layout of the generator's <see cref="ParameterVector"/>; owned by this.</param>
public sealed record AdaptedGenerators(IReadOnlyList<Tensor> Parameters) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var parameters in Parameters)
            parameters.Dispose();
    }
}
