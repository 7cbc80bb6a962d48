using System.Diagnostics;
using System.Globalization;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Sources;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Sources;

/// <summary>A command as the generator that is measured: what it gets, what it must give, and that nothing of it stays.</summary>
public sealed class CommandGeneratorTests : IDisposable
{
    private const int Pool = 50;

    // Copies pictures of the pool, from the place that the seed says.
    private const string Good =
        "for i in $(seq 1 $2); do cp pool/$(printf %04d $(((i + $1 * 7) % 50))).png $3/$(printf %04d $i).png; done";

    private static readonly RandomStreams _random = new(20, "evaluation");

    private readonly string _folder = Directory.CreateTempSubdirectory("atu-script-").FullName;

    public CommandGeneratorTests()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the commands of these tests are shell scripts");
        Pictures.Write(At("pool"), Pool);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Take_AcrossCalls_GivesTheImagesOfEachCallsSeed()
    {
        using var scope = NewDisposeScope();
        using var loaded = Load(Good + "; echo $1 $2 >> calls", choice => choice with { ImagesPerCall = 30 });
        var sequence = (ImageSequence)loaded.Generator;

        var images = cat([sequence.Take(_random, 0, 25), sequence.Take(_random, 25, 45)]);

        Assert.Equal(new ImageShape(3, 16), sequence.Shape);
        Assert.True(sequence.IsRepeatable);
        Assert.Null(sequence.Count);
        var pool = ImageFolder.Read(At("pool"), channels: 3);
        long[] seeds = [.. Enumerable.Range(0, 3).Select(call => (long)_random.SeedAt("command", call) & int.MaxValue)];
        for (var number = 0; number < 70; number++)
        {
            var expected = pool[(number % 30 + 1 + seeds[number / 30] * 7) % Pool];
            Assert.True(images[number].equal(expected).all().item<bool>(), $"image {number}");
        }

        // Three calls try the command; then each seed is asked for once.
        Assert.Equal(
            ["1 4", "1 4", "2 4", .. seeds.Select(seed => FormattableString.Invariant($"{seed} 30"))],
            File.ReadAllLines(At("calls")));
        Assert.False(images[0].equal(sequence.Take(_random with { Scope = "reference" }, 0, 1)[0]).all().item<bool>());
    }

    [Fact]
    public void Take_Array_GivesItsNumbersUnclipped()
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        foreach (var count in (int[])[4, 10])
            foreach (var digit in Enumerable.Range(0, 10))
                NumpyFile.Write(At($"{digit}-{count}.npy"), randn(count, 1, 8, 8) * 0.5 + digit * 0.01);
        using var loaded = Load("cp ${1: -1}-$2.npy $3/images.npy", choice => choice with { ImagesPerCall = 10 });
        var sequence = (ImageSequence)loaded.Generator;

        var images = sequence.Take(_random, 5, 3);

        var seed = (long)_random.SeedAt("command") & int.MaxValue;
        Assert.Equal(new ImageShape(1, 8), sequence.Shape);
        Assert.True(images.equal(NumpyFile.Read(At($"{seed % 10}-10.npy")).narrow(0, 5, 3)).all().item<bool>());
        Assert.True(images.abs().max().item<float>() > 1);
    }

    [Fact]
    public void Load_Command_RunsInThePolicysFolderWithACleanEnvironmentAndNoShell()
    {
        var variable = "ATU_TEST_" + Guid.NewGuid().ToString("N");
        Environment.SetEnvironmentVariable(variable, "named");
        Environment.SetEnvironmentVariable(variable + "_NOT", "secret");
        using var loaded = Load(
            "env > seen; pwd -P >> seen; echo \"$4\" >> seen; " + Good,
            choice => choice with
            {
                Command = [.. choice.Command!, "$HOME; touch nothing `x`"],
                Environment = [variable],
            });

        var seen = File.ReadAllLines(At("seen"));
        string[] names = [.. seen[..^2].Select(line => line.Split('=')[0])];
        Assert.Contains(variable + "=named", seen);
        // The shell of the script adds four by itself.
        Assert.Equal(
            [variable, "OLDPWD", "PATH", "PWD", "SHLVL", "_"],
            names.Append("OLDPWD").Distinct().Order(StringComparer.Ordinal));
        Assert.EndsWith(Path.GetFileName(_folder), seen[^2], StringComparison.Ordinal);
        Assert.Equal("$HOME; touch nothing `x`", seen[^1]);
        Assert.False(File.Exists(At("nothing")));
    }

    [Fact]
    public void Load_VariableThatIsNotThere_IsRefused() => Assert.Contains(
        "there is no such environment variable",
        Assert.Throws<PolicyMismatchException>(
            () => Load(Good, choice => choice with { Environment = ["ATU_NOWHERE"] }).Dispose()).Message,
        StringComparison.Ordinal);

    [Fact]
    public void Load_OtherImagesOfTheSameSeed_IsSaid()
    {
        using var loaded = Load(
            "echo >> n; m=$(wc -l < n); "
                + "for i in $(seq 1 $2); do cp pool/$(printf %04d $(((i + m * 5) % 50))).png $3/$i.png; done");

        Assert.False(((ImageSequence)loaded.Generator).IsRepeatable);
        Assert.Contains(loaded.Cautions, caution => caution.Contains("other images of the same seed", StringComparison.Ordinal));
        Assert.Contains("the same seed gave other images", Assert.Single(loaded.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_FilesThatAreNamed_LeaveNoCaution()
    {
        using var unpinned = Load(Good);
        using var pinned = Load(Good, choice => choice with { Files = ["script.sh"] });

        Assert.Contains(unpinned.Cautions, caution => caution.Contains("is not pinned", StringComparison.Ordinal));
        Assert.Empty(pinned.Cautions);
    }

    [Fact]
    public void DescribeCommand_OtherFileOrArgument_IsAnotherGenerator()
    {
        var choice = Choice with { Files = ["script.sh"] };
        var digest = Describe(choice, "aa");

        Assert.Equal(digest, Describe(choice, "aa"));
        Assert.NotEqual(digest, Describe(choice, "bb"));
        Assert.NotEqual(digest, Describe(choice with { ImagesPerCall = 7 }, "aa"));
        Assert.NotEqual(digest, Describe(choice with { Command = [.. choice.Command!, "--fast"] }, "aa"));
        Assert.Equal(digest, Describe(choice with { Timeout = 7, MaxDuplicates = 0.5 }, "aa"));

        static string Describe(GeneratorChoice choice, string file) =>
            Files.Sha256Digest.Compute(CommandDescription.Write(choice, _ => file).Span);
    }

    [Theory]
    [InlineData("exit 0", "wrote no file: it must write PNG")]
    [InlineData("echo nothing > $3/notes.txt", "holds no images")]
    [InlineData("cp pool/0001.png $3/", "wrote 1 images, and was asked for 4 ({count})")]
    [InlineData("cp pool/000[123].png larger.png $3/", "0001.png is 16×16 pixels, larger.png is 32×32")]
    [InlineData("cp nan.npy $3/", "holds numbers that are not finite")]
    [InlineData("cp flat.npy $3/", "has the shape [4, 8], and images are [N, C, H, W]")]
    [InlineData("cp oblong.npy $3/", "wrote images of 8×16 pixels, and images are square")]
    [InlineData("cp bytes.npy $3/; cp pool/0001.png $3/", "wrote 1 arrays and 1 pictures")]
    [InlineData("cp script.sh $3/images.npy", "is not a NumPy array")]
    [InlineData("printf 'broken \\033[31mred\\a\\nlast\\n' >&2; exit 3", "ended with exit code 3. It said: broken [31mred last")]
    [InlineData("echo only here; exit 4", "ended with exit code 4. It said: only here")]
    [InlineData("exit 5", "ended with exit code 5, and said nothing")]
    public void Load_WhatIsNotAsked_IsOneClearError(string script, string expected)
    {
        using var scope = NewDisposeScope();
        Pictures.WriteOne(At("larger.png"), 32, 32, new Random(3));
        NumpyFile.Write(At("nan.npy"), full([4, 1, 8, 8], float.NaN));
        NumpyFile.Write(At("flat.npy"), zeros(4, 8));
        NumpyFile.Write(At("oblong.npy"), randn(4, 1, 16, 8).clamp(-1, 1));
        NumpyFile.Write(At("bytes.npy"), zeros([4, 1, 8, 8], uint8));

        var failed = Assert.Throws<RunException>(() => Load(script).Dispose());

        Assert.Equal(RunCodes.Command, failed.Code);
        Assert.StartsWith("the generator's command (./run) ", failed.Message, StringComparison.Ordinal);
        Assert.Contains(expected, failed.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(failed.Message, char.IsControl);
    }

    [Fact]
    public void Load_CommandThatSaysItsSecret_IsNotRepeated()
    {
        var variable = "ATU_TEST_" + Guid.NewGuid().ToString("N");
        Environment.SetEnvironmentVariable(variable, "abcdefgh12345");

        var failed = Assert.Throws<RunException>(
            () => Load($"echo key ${variable} >&2; exit 3", choice => choice with { Environment = [variable] }).Dispose());

        Assert.EndsWith("It said: key ***", failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_SeedThatDecidesNothing_IsRefused() => Assert.Contains(
        "makes the same images of the seeds 1 and 2",
        Assert.Throws<PolicyMismatchException>(
            () => Load("for i in $(seq 1 $2); do cp pool/$(printf %04d $i).png $3/; done").Dispose()).Message,
        StringComparison.Ordinal);

    [Fact]
    public void Load_ProgramThatIsNotThere_IsRefused()
    {
        Assert.Contains("is not in any folder of PATH", Missing("no-such-program"), StringComparison.Ordinal);
        Assert.Contains("is not in the policy's folder", Missing("./nowhere"), StringComparison.Ordinal);

        string Missing(string program) => Assert.Throws<PolicyMismatchException>(() => Load(
            Good, choice => choice with { Command = [program, .. choice.Command!.Skip(1)] }).Dispose()).Message;
    }

    // The script's child, and a grandchild whose parent has ended, end with it.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Load_CommandThatHangs_IsEndedWithAllThatItStarted(bool isCancelled)
    {
        const string hangs =
            "rm -f pids; (sleep 3000 & echo $! >> pids); sleep 3000 & echo $! >> pids; echo $$ >> pids; wait";
        using var cancel = new CancellationTokenSource();
        var clock = Stopwatch.StartNew();

        if (isCancelled)
        {
            var cancelling = new Thread(() =>
            {
                SpinWait.SpinUntil(() => Started().Length == 3, TimeSpan.FromMinutes(5));
                cancel.Cancel();
            });
            cancelling.Start();
            Assert.ThrowsAny<OperationCanceledException>(() => Load(hangs, cancel: cancel.Token).Dispose());
            cancelling.Join();
        }
        else
            // On a busy machine the script may need longer to start all that it starts.
            for (var timeout = 2; Started().Length < 3 && timeout <= 128; timeout *= 4)
                Assert.Contains(
                    $"did not end within {timeout} s (generator.timeout) and was ended",
                    Assert.Throws<RunException>(() => Load(hangs, choice => choice with { Timeout = timeout }).Dispose()).Message,
                    StringComparison.Ordinal);

        Assert.InRange(clock.Elapsed, TimeSpan.Zero, TimeSpan.FromMinutes(20));   // not the script's own 50 minutes
        var pids = Started();
        Assert.Equal(3, pids.Length);
        Assert.True(SpinWait.SpinUntil(() => pids.All(HasEnded), TimeSpan.FromMinutes(2)), "something is still running");
    }

    // A command that leaves something behind has ended, and so has what it left.
    [Fact]
    public void Load_WhatACommandLeavesBehind_IsEnded()
    {
        // With "set -m" each has a process group of its own.
        using var loaded = Load("set -m; (sleep 300 & echo $! >> pids); " + Good);

        var pids = File.ReadAllLines(At("pids"));
        Assert.Equal(3, pids.Length);
        Assert.True(SpinWait.SpinUntil(() => pids.All(HasEnded), TimeSpan.FromMinutes(2)), "something is still running");
    }

    [Fact]
    public void Dispose_Generator_DeletesWhatItsCommandWrote()
    {
        using var scope = NewDisposeScope();
        string written;
        using (var loaded = Load("echo $3 > out; " + Good))
        {
            _ = ((ImageSequence)loaded.Generator).Take(_random, 0, 1);
            written = Path.GetDirectoryName(File.ReadAllText(At("out")).Trim())!;
            Assert.True(Directory.Exists(written));
        }

        Assert.False(Directory.Exists(written));
    }

    private GeneratorChoice Choice { get; } =
        new(null, "auto", null, null, Command: ["./run", "{seed}", "{count}", "{out}"]);

    // A zombie has ended too: its parent, which is not this process, has not asked for it yet.
    private string[] Started() => File.Exists(At("pids")) ? File.ReadAllLines(At("pids")) : [];

    private static bool HasEnded(string pid)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{int.Parse(pid, CultureInfo.InvariantCulture)}/stat");
            return stat[(stat.LastIndexOf(')') + 2)..].StartsWith('Z');
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }

    private LoadedGenerator Load(
        string script, Func<GeneratorChoice, GeneratorChoice>? change = null, CancellationToken cancel = default)
    {
        File.WriteAllText(At("script.sh"), script);
        File.WriteAllText(At("run"), "#!/bin/bash\n. ./script.sh\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(At("run"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return GeneratorSource.LoadCommand((change ?? (choice => choice))(Choice), _folder, new string('0', 64), cancel);
    }

    private string At(string name) => Path.Combine(_folder, name);
}
