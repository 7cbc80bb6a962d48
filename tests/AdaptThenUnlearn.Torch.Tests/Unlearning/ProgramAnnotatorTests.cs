using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Unlearning;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Unlearning;

/// <summary>
/// An annotator that is a program may keep a state between two calls: in training one thread alone asks it. A network of ours is
/// asked by every thread that trains.
/// </summary>
public sealed class ProgramAnnotatorTests : IDisposable
{
    private readonly int _threads = get_num_threads();

    [Fact]
    public void Training_AnnotatorIsAProgram_AsksItFromOneThread()
    {
        using var network = Small.Classifier();
        using var program = new WatchedProgram(network);

        Train(program);

        Assert.Single(program.Threads.Distinct());
    }

    [Fact]
    public void Training_AnnotatorIsANetwork_AsksItFromSeveralThreads()
    {
        using var network = Small.Classifier();
        using var watched = new WatchedNetwork(network);

        Train(watched);

        // Two that describe samples of the original, two that train, and the one that judges candidates.
        Assert.Equal(5, watched.Threads.Distinct().Count());
    }

    public void Dispose() => set_num_threads(_threads);

    private static void Train(WatchedNetwork annotator)
    {
        set_num_threads(2);
        using var networks = Small.Gan();
        using var feedback = Small.Feedback(networks, annotator.Inner, CPU);
        var options = Small.Options with { BatchSize = 8, Steps = 2, RecoverySteps = 1 };
        var context = Small.Context(networks, annotator, feedback, CPU) with { Options = options };

        new UnlearningStage(context, adapted: null).Run(CancellationToken.None).Dispose();
    }

    /// <summary>Answers as another classifier, and keeps which threads asked.</summary>
    private class WatchedNetwork(FeatureClassifier inner) : FeatureClassifier("watched", inner.Shape, inner.Classes)
    {
        private readonly Lock _gate = new();
        private readonly List<int> _asked = [];

        public FeatureClassifier Inner { get; } = inner;

        public IReadOnlyList<int> Threads => _asked;

        public override int FeatureSize => Inner.FeatureSize;

        public override Device Device => Inner.Device;

        public override Tensor Features(Tensor images)
        {
            lock (_gate)
                _asked.Add(Environment.CurrentManagedThreadId);
            return Inner.Features(images);
        }

        public override Tensor Logits(Tensor features) => Inner.Logits(features);
    }

    private sealed class WatchedProgram(FeatureClassifier inner) : WatchedNetwork(inner), IProbedProgram
    {
        public string ProgramPath => "watched";

        public Tensor RunWithSeed(Tensor inputs, long seed) => throw new NotSupportedException();
    }
}
