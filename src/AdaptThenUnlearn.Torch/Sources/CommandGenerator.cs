using System.Globalization;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Sources;

/// <summary>A command that makes images, in place of a generator. What it wrote is kept in a temporary folder.</summary>
/// <remarks>
/// Image number i of a sample is image i mod n of call number i / n, where n is <c>imagesPerCall</c>. Each call has its own seed,
/// which follows from the evaluation seed, so that any part of a sample can be made by itself.
/// </remarks>
internal sealed class CommandGenerator : ImageSequence
{
    /// <summary>What records call the format of such a generator.</summary>
    public const string FormatName = "command";

    private const int Asked = 4;             // images of a call that only tries
    private const long LargestSeed = int.MaxValue;   // what every language takes for a seed
    private static readonly long[] _triedSeeds = [1, 2];

    private readonly CommandProgram _program;
    private readonly DirectoryInfo _folder;
    private readonly int _imagesPerCall;
    private readonly Lock _calling = new();
    private readonly Dictionary<long, CommandOutput> _outputs = [];
    private readonly bool _isRepeatable;

    private CommandGenerator(
        CommandProgram program, DirectoryInfo folder, GeneratorChoice choice, ImageShape shape, bool isRepeatable)
        : base("command", shape)
    {
        (_program, _folder, _isRepeatable) = (program, folder, isRepeatable);
        _imagesPerCall = choice.ImagesPerCall ?? GeneratorChoice.UsualImagesPerCall;
        Choice = choice;
    }

    /// <inheritdoc/>
    public override long? Count => null;

    /// <inheritdoc/>
    public override bool IsRepeatable => _isRepeatable;

    private GeneratorChoice Choice { get; }

    /// <summary>Tries the command: what images it makes, and whether a seed gives the same ones again.</summary>
    /// <param name="choice">Of the policy.</param>
    /// <param name="folder">The policy's folder.</param>
    /// <param name="sha256">Digest of the command and its files.</param>
    /// <param name="cancel">Ends the command, now and later.</param>
    /// <returns>Belongs to the caller. Disposing deletes what the command wrote.</returns>
    /// <exception cref="PolicyMismatchException">The program is not there, or makes the same images of every seed.</exception>
    /// <exception cref="Diagnostics.RunException">The command fails, or writes something else than was asked.</exception>
    public static LoadedGenerator Load(GeneratorChoice choice, string folder, string sha256, CancellationToken cancel)
    {
        using var scope = NewDisposeScope();
        var program = new CommandProgram(choice, folder, cancel);
        var written = Directory.CreateTempSubdirectory("atu-command-");
        try
        {
            var first = Try("first", _triedSeeds[0]);
            var again = Try("again", _triedSeeds[0]);
            var other = Try("other", _triedSeeds[1]);
            if (other.Shape != first.Shape || again.Shape != first.Shape)
                throw program.Failed($"made {first.Shape} images, and then {(again.Shape != first.Shape ? again : other).Shape}");
            var images = first.Read(0, Asked);
            if (AreSame(images, other.Read(0, Asked)))
                throw new PolicyMismatchException(
                    "$.generator.command",
                    FormattableString.Invariant($"makes the same images of the seeds {_triedSeeds[0]} and {_triedSeeds[1]}: ")
                        + "what '{seed}' says must decide them");

            var isRepeatable = AreSame(images, again.Read(0, Asked));
            List<string> cautions =
            [
                .. choice.Files is null
                    ? new[]
                    {
                        "what it runs is not pinned: 'files' names no file, so its digest is that of the command line alone",
                    }
                    : [],
                .. isRepeatable
                    ? []
                    : new[]
                    {
                        "it made other images of the same seed when it was asked again: nobody can repeat this measurement, "
                            + "and it cannot be divided into parts",
                    },
                .. first.Doubt is { } doubt ? new[] { $"its array {doubt}" } : [],
            ];
            return new LoadedGenerator(
                new CommandGenerator(program, written, choice, first.Shape, isRepeatable), Discriminator: null, FormatName,
                string.Create(CultureInfo.InvariantCulture, $"command, {first.Shape}"), sha256, FormatName, Section: null)
            {
                WhyNotTrainable = "is a command, and has no weights",
                Notes =
                [
                    $"it is a command that makes {first.Shape} images: every bound holds for what it makes of seeds that follow "
                        + $"from the evaluation seed; the same seed gave {(isRepeatable ? "the same" : "other")} images when "
                        + "asked again",
                ],
                Cautions = cautions,
            };
        }
        catch
        {
            Delete(written);
            throw;
        }

        CommandOutput Try(string name, long seed)
        {
            var output = written.CreateSubdirectory(name).FullName;
            program.Run(seed, Asked, output);
            return CommandOutput.Find(output, Asked, choice, program);
        }
    }

    /// <inheritdoc/>
    /// <exception cref="Diagnostics.RunException">The command fails, or writes something else than was asked.</exception>
    public override Tensor Take(RandomStreams random, long first, int count)
    {
        using var scope = NewDisposeScope();
        List<Tensor> parts = [];
        for (var at = first; at < first + count;)
        {
            var (call, from) = (at / _imagesPerCall, (int)(at % _imagesPerCall));
            var some = (int)Math.Min(_imagesPerCall - from, first + count - at);
            parts.Add(Call((long)random.SeedAt("command", call) & LargestSeed).Read(from, some));
            at += some;
        }

        return cat(parts).MoveToOuterDisposeScope();
    }

    private CommandOutput Call(long seed)
    {
        lock (_calling)
        {
            if (_outputs.TryGetValue(seed, out var known))
                return known;

            var output = _folder.CreateSubdirectory(FormattableString.Invariant($"seed-{seed}")).FullName;
            _program.Run(seed, _imagesPerCall, output);
            var found = CommandOutput.Find(output, _imagesPerCall, Choice, _program);
            return found.Shape == Shape
                ? _outputs[seed] = found
                : throw _program.Failed($"made {found.Shape} images, and {Shape} before");
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing)
            Delete(_folder);
    }

    private static bool AreSame(Tensor one, Tensor other) => one.eq(other).all().item<bool>();

    private static void Delete(DirectoryInfo folder)
    {
        try
        {
            folder.Delete(recursive: true);
        }
        catch (Exception left) when (left is IOException or UnauthorizedAccessException)
        {
            // It is temporary, and the system's to delete.
        }
    }
}
