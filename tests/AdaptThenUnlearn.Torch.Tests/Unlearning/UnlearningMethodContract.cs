using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Training;
using AdaptThenUnlearn.Torch.Unlearning;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Unlearning;

/// <summary>What every unlearning method must do, as a function over any method, on the smallest GAN.</summary>
internal static class UnlearningMethodContract
{
    public const string FiniteAndJudged = "the result is finite, judged and in eval mode";
    public const string Repeatable = "the same context gives the same bytes";
    public const string OriginalLeftAlone = "the original stays as it was";
    public const string Cancellable = "cancellation ends it";

    /// <summary>Runs a method twice and cancels it twice.</summary>
    /// <returns>Each part of the contract that it breaks, with what was found; empty for a correct method.</returns>
    public static IReadOnlyDictionary<string, string> FindViolations(IUnlearningMethod method)
    {
        using var setting = new Setting();
        var original = Setting.Bytes(setting.Original);
        var violations = new Dictionary<string, string>();

        byte[] first;
        using (var unlearned = setting.Run(method))
        {
            first = Setting.Bytes(unlearned.Networks);
            Check(FiniteAndJudged, () => RequireFiniteAndJudged(unlearned, setting.Original));
            using (no_grad())
                unlearned.Networks.Generator.parameters().First().fill_(7);   // reaches the original where the tensor is shared
        }

        Check(OriginalLeftAlone, () => Assert.Equal(original, Setting.Bytes(setting.Original)));
        using (var again = setting.Run(method))
            Check(Repeatable, () => Assert.Equal(first, Setting.Bytes(again.Networks)));
        Check(Cancellable, () => RequireCancellation(method, setting));
        return violations;

        void Check(string rule, Action check)
        {
            if (Record.Exception(check) is { } broken)
                violations.Add(rule, broken.Message);
        }
    }

    private static void RequireFiniteAndJudged(UnlearnedGenerator unlearned, GanPair original)
    {
        var (generator, discriminator) = unlearned.Networks;
        Assert.All(
            generator.parameters().Concat(discriminator.parameters()),
            parameter => Assert.True(isfinite(parameter).all().item<bool>()));
        Assert.False(generator.training || discriminator.training, "the networks are not in eval mode");
        Assert.True(unlearned.Distances.ToOriginal > 0, "the generator has not moved");
        Assert.Contains(unlearned.SelectedStep, unlearned.Candidates.Select(candidate => candidate.Step));
        Assert.Equal((original.Generator.Shape, original.Generator.LatentSize), (generator.Shape, generator.LatentSize));
    }

    // Before it begins, and after its first report; a method without reports has nothing to be ended in the middle of.
    private static void RequireCancellation(IUnlearningMethod method, Setting setting)
    {
        using var before = new CancellationTokenSource();
        before.Cancel();
        Assert.Throws<OperationCanceledException>(() => setting.Run(method, cancel: before.Token).Dispose());

        using var stop = new CancellationTokenSource();
        var progress = new Small.StopAfter(1, stop);
        var ended = Record.Exception(() => setting.Run(method, progress, stop.Token).Dispose());
        Assert.True(ended is null or OperationCanceledException, ended?.ToString());
        Assert.InRange(progress.Reports, 0, 1);
    }

    /// <summary>
    /// The smallest GAN with everything that a method may need: feedback, real images and a factory of fresh networks.
    /// </summary>
    private sealed class Setting : IDisposable
    {
        private readonly string _folder = Directory.CreateTempSubdirectory("atu-method-").FullName;
        private readonly FeatureClassifier _classifier = Small.Classifier();
        private readonly Feedback _feedback;

        public Setting()
        {
            Original.Generator.eval();
            Original.Discriminator.eval();
            _feedback = Small.Feedback(Original, _classifier, CPU);
            LabelledPictures.Write(_folder, count: 24);
        }

        public GanPair Original { get; } = Small.Gan();

        public UnlearnedGenerator Run(
            IUnlearningMethod method, IProgress<StageProgress>? progress = null, CancellationToken cancel = default)
        {
            var context = Small.Context(Original, _classifier, _feedback, CPU) with
            {
                Options = Small.Options with { Method = method.Name, Data = _folder },
                Progress = progress ?? new Small.Silent(),
            };
            return method.Run(context, cancel);
        }

        public static byte[] Bytes(GanPair networks) =>
            [.. networks.Generator.state_dict().Values
                .Concat(networks.Discriminator.state_dict().Values)
                .SelectMany(Small.Bytes)];

        public void Dispose()
        {
            _feedback.Dispose();
            Original.Dispose();
            _classifier.Dispose();
            Directory.Delete(_folder, recursive: true);
        }
    }
}
