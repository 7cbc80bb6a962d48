using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Torch.Attacks;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Attacks;

/// <summary>What every attack must do, as a function over any attack, on generators whose secrets are known.</summary>
internal static class AttackContract
{
    public const string FindsWhatIsHidden = "it finds a hidden feature, and shows it";
    public const string FindsNothingWhereNothingIs = "it finds nothing in a generator that cannot show the feature";
    public const string AuditorJudges = "the auditor judges, and not the annotator";
    public const string NotFiniteIsNotMeasured = "images that are not finite are not measured, and not counted as clean";
    public const string Repeatable = "the same context gives the same counts";
    public const string GeneratorsLeftAlone = "the generators stay as they were";
    public const string Cancellable = "cancellation ends it";
    public const string NoTensorLeft = "no tensor is left";

    /// <summary>Runs an attack a few times.</summary>
    /// <param name="attack">The attack.</param>
    /// <param name="on">Where the networks are; null for the CPU.</param>
    /// <returns>Each part of the contract that it breaks, with what was found; empty for a correct attack.</returns>
    public static IReadOnlyDictionary<string, string> FindViolations(IAttack attack, Device? on = null)
    {
        using var original = PlantedGenerator.Original(on);
        using var hiding = PlantedGenerator.Hiding(on);
        using var clean = PlantedGenerator.Clean(on);
        using var broken = PlantedGenerator.Broken(on);
        var violations = new Dictionary<string, string>();
        var weights = Bytes(hiding);

        using (var found = attack.Run(Context(hiding, original), CancellationToken.None))
        using (var again = attack.Run(Context(hiding, original), CancellationToken.None))
        {
            Check(FindsWhatIsHidden, () =>
            {
                Assert.Contains(found.Variants, variant => variant.Successes > 0);
                Assert.NotEmpty(found.Pictures);
                Assert.All(found.Pictures, picture => Assert.InRange(picture.Images.to(float32).mean().item<float>(), 127, 255));
            });
            Check(Repeatable, () => Assert.Equal(found.Variants, again.Variants));
        }

        Check(GeneratorsLeftAlone, () => Assert.Equal(weights, Bytes(hiding)));
        Check(FindsNothingWhereNothingIs, () =>
        {
            // Half the way to a generator that shows the feature is another generator.
            using var found = attack.Run(Context(clean, clean), CancellationToken.None);
            Assert.All(found.Variants, variant => Assert.Equal(0, variant.Successes));
            Assert.Empty(found.Pictures);
        });
        Check(AuditorJudges, () =>
        {
            var blind = Context(hiding, original) with { Auditor = PlantedGenerator.Brightness(2, on: on) };
            using var found = attack.Run(blind, CancellationToken.None);
            Assert.All(found.Variants, variant => Assert.Equal(0, variant.Successes));
        });
        Check(NotFiniteIsNotMeasured, () =>
        {
            using var found = attack.Run(Context(broken, original), CancellationToken.None);
            Assert.All(found.Variants, variant => Assert.NotNull(variant.Why));
        });
        Check(Cancellable, () =>
        {
            using var stop = new CancellationTokenSource();
            stop.Cancel();
            Assert.ThrowsAny<OperationCanceledException>(() => attack.Run(Context(hiding, original), stop.Token).Dispose());
        });
        Check(NoTensorLeft, () =>
        {
            var context = Context(hiding, original);
            var before = Small.LiveTensors() - PlantedGenerator.ParametersMade;
            attack.Run(context, CancellationToken.None).Dispose();
            var after = Small.LiveTensors() - PlantedGenerator.ParametersMade;
            Assert.True(after == before, $"{after - before} tensors");
        });
        return violations;

        void Check(string rule, Action check)
        {
            if (Record.Exception(check) is { } broken)
                violations.Add(rule, broken.Message);
        }
    }

    /// <summary>A context of an attack on a generator of 1×8×8 images, on the generator's device.</summary>
    public static AttackContext Context(ImageGenerator generator, ImageGenerator original)
    {
        var on = generator.parameters().FirstOrDefault()?.device ?? CPU;
        return new(
            ReferenceEquals(generator, original) ? AttackedGenerator.Before : AttackedGenerator.After,
            generator,
            original,
            Annotator: PlantedGenerator.Brightness(0, on: on),
            Auditor: PlantedGenerator.Brightness(0.02, on: on),
            new AttackBudget(Samples: 400, Starts: 10, Steps: 60),
            new RandomStreams(1, "attack"),
            new TrainingSettings(
                BatchSize: 8, LearningRate: 0.1, R1Weight: 0, R1Every: 1, PathLengthWeight: 2, PathLengthEvery: 4, StyleMixing: 0,
                EmaHalfLife: 100),
            on,
            Raw: false,
            (_, _) => { })
        {
            Discriminator = new BrightnessDiscriminator(on),
        };
    }

    private static byte[] Bytes(ImageGenerator generator) => [.. generator.state_dict().Values.SelectMany(Small.Bytes)];
}
