using System.Globalization;
using System.Diagnostics;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Tests.Checkpoints;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Benchmarks;

/// <summary>
/// Time to load a <c>.pt</c> of 300 MB whose bytes are in the page cache, compared with reading those bytes and copying them
/// once.
/// </summary>
internal static class Loading
{
    private const int Tensors = 75;
    private const int Elements = 1 << 20;
    private const int Rounds = 7;

    public static void Run()
    {
        var folder = Directory.CreateTempSubdirectory("atu-loading-");
        try
        {
            var path = Path.Combine(folder.FullName, "large.pt");
            File.WriteAllBytes(path, StateDict());
            using var scope = NewDisposeScope();
            var targets = Enumerable.Range(0, Tensors).Select(_ => empty(Elements)).ToList();
            var (raw, loaded) = (new List<double>(), new List<double>());
            for (var round = 0; round < Rounds; round++)
            {
                raw.Add(Seconds(() => ReadAndCopy(path, targets)));
                loaded.Add(Seconds(() => Load(path, targets)));
            }

            var (best, ours) = (raw.Min(), loaded.Min());
            Terminal.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{new FileInfo(path).Length / 1e6:F0} MB: bytes and copy {best * 1000:F0} ms, loaded {ours * 1000:F0} ms, "
                    + $"{ours / best:F2} times (best of {Rounds})"));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static byte[] StateDict() => PickleText.Zip(
        PickleText.Pickle(PickleText.Dictionary([.. Enumerable.Range(0, Tensors).Select(number =>
            ($"layer{number}.weight", PickleText.Tensor(
                PickleText.Storage($"{number}", Elements, old: false), 0, [Elements], [1])))])),
        [.. Enumerable.Range(0, Tensors).Select(number => ($"{number}", new byte[4 * Elements]))]);

    private static void ReadAndCopy(string path, List<Tensor> targets)
    {
        using var scope = NewDisposeScope();
        using var file = File.OpenHandle(path);
        foreach (var (number, target) in targets.Index())
        {
            using var read = empty(Elements);
            RandomAccess.Read(file, read.bytes, 4L * Elements * number);
            target.copy_(read);
        }
    }

    private static void Load(string path, List<Tensor> targets)
    {
        foreach (var (target, stored) in targets.Zip(CheckpointFormats.Read(path).Tensors))
        {
            using var read = stored.Load();
            target.copy_(read);
        }
    }

    private static double Seconds(Action work)
    {
        var clock = Stopwatch.StartNew();
        work();
        return clock.Elapsed.TotalSeconds;
    }
}
