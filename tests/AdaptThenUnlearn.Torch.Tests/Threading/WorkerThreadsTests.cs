using AdaptThenUnlearn.Torch.Threading;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Threading;

/// <summary>Threads that work side by side: who does what, in which order results come, and what a failure leaves.</summary>
public sealed class WorkerThreadsTests : IDisposable
{
    private readonly int _threads = get_num_threads();

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Run_EachPart_HasItsOwnThreadAndResult(int count)
    {
        using var workers = new WorkerThreads(count);

        var results = workers.Run(number => (Number: number, Thread: Environment.CurrentManagedThreadId));

        Assert.Equal(Enumerable.Range(0, count), results.Select(result => result.Number));
        Assert.Equal(count, results.Select(result => result.Thread).Distinct().Count());
        Assert.Equal(count == 1, results[0].Thread == Environment.CurrentManagedThreadId);
    }

    [Theory]
    [InlineData(2, 2, 1)]
    [InlineData(2, 4, 2)]
    [InlineData(4, 2, 1)]
    public void Run_TorchThreads_AreSharedOutAndStayTheCallers(int count, int threads, int each)
    {
        set_num_threads(threads);
        using var workers = new WorkerThreads(count);

        // The second time too: torch sets a thread's number when it first computes something.
        workers.Run(_ => { using var sum = ones(100, 100).mm(ones(100, 100)); return 0; });
        var own = workers.Run(_ => get_num_threads());

        Assert.All(own, number => Assert.Equal(each, number));
        Assert.Equal(threads, get_num_threads());
        var later = 0;
        var thread = new Thread(() => later = get_num_threads());
        thread.Start();
        thread.Join();
        Assert.Equal(threads, later);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void InOrder_AnyNumberOfItems_GivesTheResultsInTheirOrder(int count)
    {
        using var workers = new WorkerThreads(count);

        var squares = workers.InOrder(Enumerable.Range(0, 7), item =>
        {
            Thread.Sleep(7 - item);   // later items are done earlier
            return item * item;
        }, _ => Assert.Fail("every result is taken"));

        Assert.Equal([0, 1, 4, 9, 16, 25, 36], squares);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 3)]
    public void InOrder_WorkThatFails_ReleasesWhatTheOthersMade(int count, int failing)
    {
        using var workers = new WorkerThreads(count);
        List<int> released = [];

        Assert.Throws<InvalidDataException>(() => workers.InOrder(
            Enumerable.Range(0, 6), item => item == failing ? throw new InvalidDataException() : item, released.Add).Sum());

        // Of three at once the first three were taken; the two beside the one that failed were not.
        Assert.Equal(count == 1 ? [] : [4, 5], released);
    }

    [Fact]
    public void InOrder_CallerThatStops_ReleasesWhatItDidNotTake()
    {
        using var workers = new WorkerThreads(3);
        List<int> released = [];

        var first = workers.InOrder(Enumerable.Range(0, 6), item => item, released.Add).First();

        Assert.Equal(0, first);
        Assert.Equal([1, 2], released);
    }

    [Fact]
    public void Run_WorkThatFails_ThrowsTheFirstPartsErrorAndGoesOnWorking()
    {
        using var workers = new WorkerThreads(3);

        var failure = Assert.Throws<InvalidDataException>(() => workers.Run<int>(number => number == 0
            ? 0
            : throw new InvalidDataException($"part {number}")));

        Assert.Equal("part 1", failure.Message);
        Assert.Equal([0, 1, 2], workers.Run(number => number));
    }

    [Fact]
    public void Count_BelowOne_IsRefused() => Assert.Throws<ArgumentOutOfRangeException>(() => new WorkerThreads(0));

    public void Dispose() => set_num_threads(_threads);
}
