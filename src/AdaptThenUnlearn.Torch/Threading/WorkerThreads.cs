using System.Runtime.ExceptionServices;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Threading;

/// <summary>Threads that work on batches, or on the parts of one, side by side.</summary>
/// <remarks>
/// The operations of small networks are too short to share: two threads that compute each operation together make a step only a
/// third faster. Two threads that compute half of the batch each wait for one another only at the end of an update. Each has its
/// share of torch's threads, mostly one, and gives the same bits however many others there are.
/// </remarks>
internal sealed class WorkerThreads : IDisposable
{
    private readonly Thread[] _threads;
    private readonly SemaphoreSlim[] _starts;
    private readonly ExceptionDispatchInfo?[] _failures;
    private readonly CountdownEvent _running;
    private Action<int>? _work;   // null ends the threads

    /// <param name="count">Number of parts, at least 1. A single part is worked on by the caller's own thread.</param>
    public WorkerThreads(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        Count = count;
        _failures = new ExceptionDispatchInfo?[count];
        _running = new CountdownEvent(count);
        var own = count == 1 ? 0 : count;
        _starts = [.. Enumerable.Range(0, own).Select(_ => new SemaphoreSlim(0))];
        var all = get_num_threads();
        _threads = [.. Enumerable.Range(0, own).Select(number => new Thread(() => Work(number, Math.Max(1, all / count)))
        {
            IsBackground = true,
            Name = $"training {number + 1} of {count}",
        })];
        if (own == 0)
            return;

        // A thread says its number of torch threads for itself, but also for threads that are new later.
        _running.Reset();
        foreach (var thread in _threads)
            thread.Start();
        _running.Wait();
        set_num_threads(all);
    }

    /// <summary>As many threads as torch has for a device: those of the CPU, and the caller's own for any other.</summary>
    /// <param name="device">Where the work is done.</param>
    /// <param name="runsProgram">
    /// Whether the work runs a program. It may keep a state between two calls, so that one thread alone may ask it.
    /// </param>
    /// <returns>Belongs to the caller.</returns>
    public static WorkerThreads For(Device device, bool runsProgram) =>
        new(device.type == TorchSharp.DeviceType.CPU && !runsProgram ? get_num_threads() : 1);

    /// <summary>Number of parts.</summary>
    public int Count { get; }

    /// <summary>Does some work for every part, and waits until all of it is done.</summary>
    /// <param name="work">
    /// Receives the number of the part, from 0. Dispose scopes belong to a thread: a result must be detached from its scope.
    /// </param>
    /// <returns>The results by part.</returns>
    /// <exception cref="Exception">What the first part that failed has thrown.</exception>
    public IReadOnlyList<T> Run<T>(Func<int, T> work)
    {
        var results = new T[Count];
        if (Count == 1)
        {
            results[0] = work(0);
            return results;
        }

        _work = part => results[part] = work(part);
        _running.Reset();
        foreach (var start in _starts)
            start.Release();
        _running.Wait();
        _failures.FirstOrDefault(failure => failure is not null)?.Throw();
        return results;
    }

    /// <summary>Does some work for every item, for as many at once as there are threads.</summary>
    /// <param name="items">Any number; those that are worked on together are taken together.</param>
    /// <param name="work">As of <see cref="Run"/>.</param>
    /// <param name="release">
    /// Frees what a result holds that nobody will take, because other work failed or the caller stopped.
    /// </param>
    /// <returns>The results, in the order of the items. Each belongs to the caller as soon as it was taken.</returns>
    public IEnumerable<TResult> InOrder<TItem, TResult>(
        IEnumerable<TItem> items, Func<TItem, TResult> work, Action<TResult> release)
    {
        foreach (var together in items.Chunk(Count))
        {
            var results = new (bool IsDone, TResult Value)[together.Length];
            var taken = 0;
            try
            {
                Run(number => number < together.Length && (results[number] = (true, work(together[number]))).IsDone);
                while (taken < results.Length)
                    yield return results[taken++].Value;
            }
            finally
            {
                foreach (var (isDone, value) in results[taken..])
                    if (isDone)
                        release(value);
            }
        }
    }

    private void Work(int number, int threads)
    {
        _ = get_num_threads();   // torch sets the number for a thread when it is first asked: not later, over ours
        set_num_threads(threads);
        _running.Signal();
        while (true)
        {
            _starts[number].Wait();
            if (_work is not { } work)
                return;

            _failures[number] = null;
            try
            {
                work(number);
            }
#pragma warning disable CA1031 // the thread that asked for the work throws it again
            catch (Exception failure)
#pragma warning restore CA1031
            {
                _failures[number] = ExceptionDispatchInfo.Capture(failure);
            }

            _running.Signal();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _work = null;
        foreach (var start in _starts)
            start.Release();
        foreach (var thread in _threads)
            thread.Join();
        foreach (var start in _starts)
            start.Dispose();
        _running.Dispose();
    }
}
