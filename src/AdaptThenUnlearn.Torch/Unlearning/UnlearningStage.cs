using System.Globalization;
using System.Text.Json;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Training;
using AdaptThenUnlearn.Torch.Unlearning.Repulsion;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>The second stage: keep making good images while moving away from the adapted generators.</summary>
/// <remarks>
/// Tiwary et al. 2025 (arXiv:2309.14054), section 3.3: adversarial training on positives plus γ·L_rep(θ, θN). The policy can add
/// terms of this project: retention anchoring, negatives as fakes, class balancing, the Fréchet loss and guidance.
/// </remarks>
/// <param name="context">Networks, options and data.</param>
/// <param name="adapted">θN; null for plain fine-tuning.</param>
public sealed class UnlearningStage(UnlearningContext context, AdaptedGenerators? adapted)
{
    /// <summary>The stage's name in progress and journal.</summary>
    public const string Name = "unlearning";

    private const int CurveEvery = 10;   // a curve of some hundred points shows what training does
    private const int SaveEvery = 200;   // bounds what an interruption loses; a save also follows every candidate
    private const string BalanceKey = "classBalance";
    private const string CountsKey = "classCounts";

    /// <summary>Trains both networks and returns the best candidate.</summary>
    /// <param name="cancel">Ends training between two steps.</param>
    /// <exception cref="TrainingDivergedException">A loss is not finite.</exception>
    public UnlearnedGenerator Run(CancellationToken cancel)
    {
        // Copy the networks: the original stays as it was.
        var options = context.Options;
        var random = new RandomStreams(options.Seed, Name);
        using var copy = context.Original.Copy();
        using var trainer = new AdversarialTrainer(
            copy.Generator,
            copy.Discriminator,
            options.TrainingSettings(options.LearningRate) with { SharesImages = options.SharedImages == true },
            random,
            mayShareBatches: !context.Annotation.RunsProgram);
        using var scope = NewDisposeScope();
        var original = trainer.Generator.Values.detach().clone();

        // Set up the terms that the policy switches on. The push ends where recovery begins.
        var repulsion = adapted is null || options.Repulsion.Weight == 0
            ? null
            : new RepulsionTerm(
                RepulsionLosses.Named(options.Repulsion.Loss),
                adapted.Parameters,
                original,
                options.Repulsion,
                options.Steps - options.RecoverySteps,
                trainer.Generator.Slices);
        IReadOnlyList<IWeightTerm> weightTerms = repulsion is null ? [] : [repulsion];
        using var imageTerms = new ImageTerms(context, random);
        var extraFakes = options.NegativesAsFakes.Weight > 0
            ? new ExtraFakes(context.Feedback.Negatives, options.NegativesAsFakes.Weight, options.NegativesAsFakes.BatchSize)
            : null;
        var schedule =
            new LearningRateSchedule(options.Steps, options.RecoverySteps, LearningRateSchedule.WarmUpFor(options.Steps));
        var fading = new LearningRateSchedule(options.Steps, options.RecoverySteps);   // without the rise of the first steps
        using var balance = options.ClassBalance.Rate > 0
            ? new ClassBalance(
                context.Feedback.Positives, context.Annotation, options.ClassBalance, context.Feedback.RetainedShares)
            : null;

        // Continue from the journal, or begin.
        var moving = StateOf(balance, imageTerms);
        var (done, log) = Resume(trainer, moving);
        using var best = new BestCandidate(trainer, log, context.Journal);
        while (done < options.Steps)
        {
            // Train one step; the weights of the classes follow at their own pace.
            cancel.ThrowIfCancellationRequested();
            var factor = schedule.FactorAt(done + 1);
            var losses = trainer.Step(
                done + 1,
                balance ?? (IImageSource)context.Feedback.Positives,
                factor,
                weightTerms,
                imageTerms.IsOn ? [imageTerms] : [],
                extraFakes is null || options.NegativesAsFakes.Fades != true
                    ? extraFakes
                    : extraFakes with { Weight = extraFakes.Weight * fading.FactorAt(done + 1) * fading.FactorAt(done + 1) },
                balance);
            done++;
            imageTerms.Update(done);
            if (done % ClassBalance.Every == 0)
                balance?.UpdateWeights(factor);

            // Log, judge a candidate, and save where they are due.
            string? note = null;
            if (done % CurveEvery == 0 || done == 1 || done == options.Steps)
                log.Curve.Add(PointOf(losses, trainer, original));
            if (done % options.CandidateEvery == 0 || done == options.Steps)
                note = best.Consider(Judge(trainer, done));
            if (note is not null || done % SaveEvery == 0)
            {
                var vectors = Vectors(trainer, best, moving, out var counters);
                context.Journal.Save(Name, new StageState(done, vectors, counters, log.ToJson()));
            }

            context.Progress.Report(new StageProgress(Name, done, options.Steps, losses, note));
        }

        // Return the best candidate, which need not be the last.
        return new UnlearnedGenerator(
            Networks(best.Parameters, trainer),
            log.Candidates,
            log.Kept,
            log.Curve,
            ParameterDistances.Compute(original, best.Parameters, adapted?.Parameters ?? []));
    }

    // What the terms estimate on the way, by name; the tensors stay theirs.
    private static Dictionary<string, Tensor> StateOf(ClassBalance? balance, ImageTerms imageTerms)
    {
        var state = new Dictionary<string, Tensor>(imageTerms.State);
        if (balance is not null)
            (state[BalanceKey], state[CountsKey]) = (balance.LogWeights, balance.Counts);
        return state;
    }

    private (int Done, StageLog Log) Resume(AdversarialTrainer trainer, Dictionary<string, Tensor> moving)
    {
        if (context.Journal.Load(Name) is not { } saved)
            return (0, new StageLog());

        trainer.Restore(saved.Vectors, saved.Counters);
        using var _ = no_grad();
        foreach (var (name, tensor) in moving)
            tensor.copy_(saved.Vectors[name]);
        return (saved.Step, StageLog.FromJson(saved.Notes));
    }

    private Candidate Judge(AdversarialTrainer trainer, int step)
    {
        using var candidate = Networks(trainer.EmaWeights, trainer);
        return context.Evaluator.Evaluate(candidate.Generator, step);
    }

    // The moving average is what is measured and saved; the discriminator is kept as it is.
    private Models.GanPair Networks(Tensor parameters, AdversarialTrainer trainer)
    {
        var networks = context.Original.Copy();
        using var _ = no_grad();
        using (var vector = new ParameterVector(networks.Generator))
            vector.Values.copy_(parameters);
        using (var vector = new ParameterVector(networks.Discriminator))
            vector.Values.copy_(trainer.Discriminator.Values);
        networks.Generator.eval();
        networks.Discriminator.eval();
        return networks;
    }

    private CurvePoint PointOf(TrainingStep losses, AdversarialTrainer trainer, Tensor original) => new(
        losses.Step,
        losses.GeneratorLoss,
        losses.DiscriminatorLoss,
        losses.WeightLoss,
        losses.ImageLoss,
        adapted?.Parameters.Average(parameters => RepulsionTerm.SquaredDistance(trainer.Generator.Values, parameters)),
        RepulsionTerm.SquaredDistance(trainer.Generator.Values, original));

    private static Dictionary<string, Tensor> Vectors(
        AdversarialTrainer trainer,
        BestCandidate best,
        Dictionary<string, Tensor> moving,
        out IReadOnlyDictionary<string, double> counters)
    {
        var vectors = new Dictionary<string, Tensor>(trainer.State(out counters)) { [BestCandidate.Key] = best.Parameters };
        foreach (var (name, tensor) in moving)
            vectors[name] = tensor;
        return vectors;
    }

    /// <summary>The weights of the best candidate so far.</summary>
    private sealed class BestCandidate : IDisposable
    {
        public const string Key = "best";

        private readonly AdversarialTrainer _trainer;
        private readonly StageLog _log;

        public BestCandidate(AdversarialTrainer trainer, StageLog log, ITrainingJournal journal)
        {
            _trainer = trainer;
            _log = log;
            var saved = log.Candidates.Count > 0 ? journal.Load(Name)!.Vectors[Key] : trainer.EmaWeights;
            Parameters = saved.to(trainer.EmaWeights.device).clone().DetachFromDisposeScope();
        }

        public Tensor Parameters { get; }

        /// <summary>Keeps the trainer's average if it is the best so far.</summary>
        /// <returns>One line about it.</returns>
        public string Consider(Candidate candidate)
        {
            var kept = candidate.IsBetterThan(_log.Candidates.FirstOrDefault(earlier => earlier.Step == _log.Kept));
            _log.Candidates.Add(candidate);
            if (kept)
            {
                _log.Kept = candidate.Step;
                using var _ = no_grad();
                Parameters.copy_(_trainer.EmaWeights);
            }

            return string.Create(CultureInfo.InvariantCulture,
                $"step {candidate.Step}: rate {candidate.Rate:P2}, Fréchet distance {candidate.FrechetDistance:F2}, smallest "
                    + $"share kept {candidate.SmallestShareKept:F2}{(kept ? ", best so far" : "")}");
        }

        public void Dispose() => Parameters.Dispose();
    }

    /// <summary>What was measured on the way; kept in the journal as text.</summary>
    private sealed class StageLog
    {
        public List<Candidate> Candidates { get; init; } = [];

        public List<CurvePoint> Curve { get; init; } = [];

        public int Kept { get; set; }

        public string ToJson() => JsonSerializer.Serialize(this);

        public static StageLog FromJson(string text) => JsonSerializer.Deserialize<StageLog>(text)
            ?? throw new InvalidDataException("the saved state of the unlearning stage is empty; start again without --resume");
    }
}
