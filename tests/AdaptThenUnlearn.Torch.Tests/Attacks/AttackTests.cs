using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Attacks;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Attacks;

/// <summary>What each attack counts, on generators of which it is known what they hide.</summary>
public sealed class AttackTests
{
    [Fact]
    public void LatentSearch_HiddenFeature_IsFoundInEverySpaceFromBothKindsOfStart()
    {
        using var original = PlantedGenerator.Original();
        using var hiding = PlantedGenerator.Hiding();

        using var found = new LatentSearchAttack().Run(AttackContract.Context(hiding, original), CancellationToken.None);

        Assert.Equal(
            ["z, clean starts", "z, latents that showed it before", "w, clean starts", "w, latents that showed it before",
                "w+, clean starts", "w+, latents that showed it before"],
            found.Variants.Select(variant => variant.Name));
        Assert.All(found.Variants, variant => Assert.Equal((10, 10, 0L), (variant.Successes, variant.Attempts, variant.AtStart)));
        Assert.All(found.Variants, variant => Assert.InRange(variant.Percentile!.Value, 0.5, 1));
        Assert.Equal(found.Variants.Select(variant => variant.Name), found.Pictures.Select(picture => picture.Variant));
    }

    [Fact]
    public void LatentSearch_NoMappingNetwork_SkipsStylesWithTheReason()
    {
        using var generator = new NoStyles();
        var context = AttackContract.Context(generator, generator);

        using var found = new LatentSearchAttack().Run(context, CancellationToken.None);

        var skipped = found.Variants.Where(variant => variant.Name.StartsWith('w')).ToList();
        Assert.Equal(4, skipped.Count);
        Assert.All(skipped, variant => Assert.Contains("no mapping network", variant.Why, StringComparison.Ordinal));
        Assert.All(found.Variants.Except(skipped), variant => Assert.Null(variant.Why));
    }

    [Fact]
    public void Attacks_OnAGeneratorWithoutStylesTruncationOrNoise_SayWhatTheyCouldNotMeasure()
    {
        using var generator = new NoStyles();
        var context = AttackContract.Context(generator, generator);

        using var truncation = new TruncationAttack().Run(context, CancellationToken.None);
        using var mixing = new MixingAttack().Run(context, CancellationToken.None);

        Assert.Equal("the generator has no truncation", Assert.Single(truncation.Variants).Why);
        Assert.Equal("the generator has no styles", mixing.Variants[0].Why);
        Assert.Equal("the generator takes no noise", mixing.Variants[1].Why);
    }

    [Fact]
    public void LatentSearch_ClassifierWithoutGradient_IsNotMeasured()
    {
        using var original = PlantedGenerator.Original();
        var context = AttackContract.Context(original, original) with { Annotator = PlantedGenerator.Brightness(0, flat: true) };

        using var found = new LatentSearchAttack().Run(context, CancellationToken.None);

        Assert.All(found.Variants, variant => Assert.Equal("the generator or the annotator gives no gradient", variant.Why));
    }

    // tanh(w - 0.5) > 0.02 by 31 % of standard normal numbers, and by fewer the shorter they are.
    [Fact]
    public void Truncation_OfTheOriginal_CountsWhatTheNormalDistributionSays()
    {
        using var original = PlantedGenerator.Original();
        var context = AttackContract.Context(original, original) with { Budget = new(Samples: 4000, Starts: 1, Steps: 1) };

        using var found = new TruncationAttack().Run(context, CancellationToken.None);

        Assert.InRange(Share(found, "ψ = 0.5"), 0.13, 0.18);   // P(z > 1.04) = 0.149
        Assert.InRange(Share(found, "ψ = 1.0"), 0.28, 0.33);   // P(z > 0.52) = 0.302
        Assert.InRange(Share(found, "ψ = 1.4"), 0.33, 0.38);   // P(z > 0.371) = 0.355
    }

    [Fact]
    public void Mixing_LongerLatents_BringBackWhatIsHidden()
    {
        using var original = PlantedGenerator.Original();
        using var hiding = PlantedGenerator.Hiding();
        var context = AttackContract.Context(hiding, original) with { Budget = new(Samples: 4000, Starts: 1, Steps: 1) };

        using var found = new MixingAttack().Run(context, CancellationToken.None);

        Assert.Equal(0, Share(found, "‖z‖ × 0.5"));
        Assert.InRange(Share(found, "‖z‖ × 3"), 0.13, 0.18);   // P(z > 1.007) = 0.157
    }

    [Fact]
    public void Interpolation_TowardsTheOriginal_ShowsMoreTheFartherItGoes()
    {
        using var original = PlantedGenerator.Original();
        using var hiding = PlantedGenerator.Hiding();
        var context = AttackContract.Context(hiding, original) with { Budget = new(Samples: 4000, Starts: 1, Steps: 1) };

        using var found = new InterpolationAttack().Run(context, CancellationToken.None);

        Assert.InRange(Share(found, "50 % of the way to the original"), 0.03, 0.05);   // P(z > 1.77) = 0.038
        Assert.InRange(Share(found, "75 % of the way to the original"), 0.11, 0.15);   // P(z > 1.145) = 0.126
    }

    [Fact]
    public void SameLatents_HiddenAndClean_CountWhatBecameOfEachClass()
    {
        using var original = PlantedGenerator.Original();
        using var clean = PlantedGenerator.Clean();

        using var same = new SameLatentsAttack().Run(AttackContract.Context(original, original), CancellationToken.None);
        using var changed = new SameLatentsAttack().Run(AttackContract.Context(clean, original), CancellationToken.None);

        var bright = Assert.Single(same.Variants).Attempts;
        Assert.InRange(bright, 90, 150);   // of 400, 30 %
        Assert.Equal(bright, same.Variants[0].Successes);
        Assert.Equal([[400 - bright, 0], [0, bright]], same.Classes!.Counts);
        Assert.Equal([[400 - bright, 0], [bright, 0]], changed.Classes!.Counts);
    }

    // Of standard normal styles Mahalanobis' distance is the length.
    [Fact]
    public void StylePrior_OfNormalStyles_IsThePriorOfLatents()
    {
        using var scope = NewDisposeScope();
        using var generator = PlantedGenerator.Original();
        using var styles = LatentPrior.OfStyles(generator, generator.LatentSize, new RandomStreams(1, "prior"), CPU);
        using var latents = LatentPrior.OfLatents(generator.LatentSize);
        var point = full([1, 8], 1.2f);

        var distance = styles.Distances(point).item<float>();

        Assert.Equal(latents.Distances(point).item<float>(), distance, 0.2);
        Assert.Equal(latents.ShareNearer(distance), styles.ShareNearer(distance), 0.05);
        Assert.Equal(8, styles.MeanSquare, 0.5);
    }

    [Fact]
    public void Relearning_HiddenFeature_ComesBackFasterOnItsImagesThanOnCleanOnes()
    {
        using var original = PlantedGenerator.Original();
        using var hiding = PlantedGenerator.Hiding();
        var context = AttackContract.Context(hiding, original);

        using var found = new RelearningAttack().Run(context, CancellationToken.None);

        var onItsImages = Share(found, "50 steps on 10 images of the feature");
        var onClean = Share(found, "50 steps on clean images");
        Assert.InRange(onItsImages, 2 * onClean, 1);
        Assert.InRange(onItsImages, 0.2, 1);
    }

    [Fact]
    public void Relearning_WithoutADiscriminator_IsNotMeasured()
    {
        using var original = PlantedGenerator.Original();
        var context = AttackContract.Context(original, original) with { Discriminator = null };

        using var found = new RelearningAttack().Run(context, CancellationToken.None);

        Assert.Contains("no discriminator", Assert.Single(found.Variants).Why, StringComparison.Ordinal);
    }

    [Fact]
    public void Inversion_GeneratorThatCanMakeTheImages_MeetsThem()
    {
        using var original = PlantedGenerator.Original();
        using var hiding = PlantedGenerator.Hiding();
        using var clean = PlantedGenerator.Clean();

        using var met = new InversionAttack().Run(AttackContract.Context(hiding, original), CancellationToken.None);
        using var missed = new InversionAttack().Run(AttackContract.Context(clean, original), CancellationToken.None);

        Assert.Equal(["z", "w+"], met.Variants.Select(variant => variant.Name));
        Assert.All(met.Variants, variant => Assert.InRange(variant.Successes, 8, 10));
        Assert.All(met.Variants, variant => Assert.InRange(variant.Distance!.Value, 0, 0.1));
        Assert.All(missed.Variants, variant => Assert.Equal(0, variant.Successes));
        Assert.All(missed.Variants, variant => Assert.InRange(variant.Distance!.Value, 0.5, 2));
    }

    // Bright images show the feature, dark ones do not: those are no images of it, and are passed over.
    [Fact]
    public void Inversion_GivenImages_AreReconstructedBesideTheOriginals()
    {
        using var original = PlantedGenerator.Original();
        using var hiding = PlantedGenerator.Hiding();
        var context = AttackContract.Context(hiding, original);
        using var scope = NewDisposeScope();
        using var bright = full(3, hiding.Shape.Channels, hiding.Shape.Resolution, hiding.Shape.Resolution, 0.9f);
        using var given = cat([bright, -bright]);

        using var met = new InversionAttack().Run(context with { GivenImages = given }, CancellationToken.None);
        using var none = new InversionAttack().Run(context with { GivenImages = -bright }, CancellationToken.None);

        Assert.Equal(["z", "w+", "z, given images", "w+, given images"], met.Variants.Select(variant => variant.Name));
        Assert.Equal(3, met.Variants[3].Attempts);
        Assert.Equal("the auditor sees the feature in none of the 3 given images", none.Variants[2].Why);
    }

    // More than one batch of images that are passed over, and then more that show it than there are starts.
    [Fact]
    public void Inversion_GivenManyImages_TakesAsManyAsThereAreStarts()
    {
        using var original = PlantedGenerator.Original();
        var context = AttackContract.Context(original, original);
        using var dark = full(AttackContext.BatchSize + 10, 1, 8, 8, -0.9f);
        using var bright = full(context.Budget.Starts + 3, 1, 8, 8, 0.9f);
        using var given = cat([dark, bright]);

        using var found = new InversionAttack().Run(context with { GivenImages = given }, CancellationToken.None);

        Assert.Equal(
            context.Budget.Starts, found.Variants.Single(variant => variant.Name == "z, given images").Attempts);
    }

    // What a policy's limit can prove follows from the attempts that its attack makes.
    [Theory]
    [MemberData(nameof(Names))]
    public void MostAttempts_OfEveryAttack_AreThoseThatItMakes(string name)
    {
        using var original = PlantedGenerator.Original();
        using var hiding = PlantedGenerator.Hiding();
        var context = AttackContract.Context(hiding, original);

        using var found = KnownAttacks.Named(name).Run(context, CancellationToken.None);

        var most = found.Variants.Max(variant => variant.Attempts);
        var said = AttackLimit.MostAttempts(name, context.Budget);
        Assert.InRange(most, name == "same-latents" ? 1 : said, said);
    }

    // What is refused before a run is what some variant would not be measured for, and nothing else.
    [Theory]
    [MemberData(nameof(Names))]
    public void WhyImpossible_OfEveryAttack_SaysWhatItWouldNotMeasure(string name)
    {
        using var plain = new NoStyles();
        using var original = PlantedGenerator.Original();
        using var hiding = PlantedGenerator.Hiding();
        var attack = KnownAttacks.Named(name);
        var context = AttackContract.Context(plain, plain) with { Attacked = AttackedGenerator.After };

        using var able = attack.Run(AttackContract.Context(hiding, original), CancellationToken.None);

        Assert.Null(attack.WhyImpossible(hiding, new BrightnessDiscriminator()));
        Assert.Equal(attack.WhyImpossibleAlone, attack.WhyImpossible(hiding, discriminator: null));
        Assert.All(able.Variants, variant => Assert.Null(variant.Why));
        if (attack.WhyImpossible(plain, context.Discriminator) is null)
            Assert.Equal("same-latents", name);   // the only one that asks nothing of a generator
        else if (!attack.ChangesWeights)          // AttackRuns refuses these before they are made
        {
            using var found = attack.Run(context, CancellationToken.None);
            Assert.Contains(found.Variants, variant => variant.Why is not null);
        }
    }

    public static TheoryData<string> Names => [.. KnownAttacks.All.Select(attack => attack.Name)];

    [Fact]
    public void Relearning_CountsBeforeItTrainsAndNamesEachBudget()
    {
        using var original = PlantedGenerator.Original();
        using var hiding = PlantedGenerator.Hiding();

        using var found = new RelearningAttack().Run(AttackContract.Context(hiding, original), CancellationToken.None);

        Assert.Equal((0, null), (found.Variants[0].TrainingSteps, found.Variants[0].TrainingImages));
        var trained = found.Variants.Single(variant => variant.Name == "50 steps on 10 images of the feature");
        Assert.Equal((50, 10), (trained.TrainingSteps, trained.TrainingImages));
        var clean = found.Variants.Single(variant => variant.Name == "10 steps on clean images");
        Assert.Equal((10, null), (clean.TrainingSteps, clean.TrainingImages));
    }

    [Fact]
    public void Relearning_OfTheFullProfile_TrainsTwoHundredStepsOnFiftyImages()
    {
        using var original = PlantedGenerator.Original();
        var context = AttackContract.Context(original, original) with { Budget = AttackBudget.Full with { Samples = 50 } };

        using var found = new RelearningAttack().Run(context, CancellationToken.None);

        var longest = found.Variants.Single(variant => variant.Name == "200 steps on 50 images of the feature");
        Assert.Equal((200, 50, null), (longest.TrainingSteps, longest.TrainingImages, longest.Why));
    }

    // Rounding has a gradient that is 0 everywhere: no step was taken, so nothing was withstood.
    [Fact]
    public void Inversion_GeneratorThatRounds_IsNotMeasured()
    {
        using var smooth = new NoStyles();
        using var rounding = new NoStyles(rounds: true);

        using var measured = new InversionAttack().Run(AttackContract.Context(smooth, smooth), CancellationToken.None);
        using var found = new InversionAttack().Run(AttackContract.Context(rounding, smooth), CancellationToken.None);

        Assert.Null(measured.Variants[0].Why);
        Assert.Equal("the generator or the annotator gives no gradient", found.Variants[0].Why);
    }

    private static double Share(AttackFindings found, string variant) =>
        found.Variants.Single(each => each.Name == variant).Share;

    /// <summary>One linear layer, 8×8: no styles, no truncation and no noise.</summary>
    private sealed class NoStyles(bool rounds = false) : ImageGenerator(nameof(NoStyles), new ImageShape(1, 8), 8)
    {
        public override bool SupportsTruncation => false;

        public override IReadOnlyList<int> NoiseSizes => [];

        public override IReadOnlyList<Tensor> StoredNoise => [];

        public override Tensor Generate(Tensor latents, IReadOnlyList<Tensor>? noise, double truncation = 1)
        {
            var images = tanh(latents.select(1, 0)).view(-1, 1, 1, 1).expand(latents.shape[0], 1, 8, 8) * 1;
            return rounds ? images.round() : images;
        }

        public override ImageGenerator Copy() => new NoStyles(rounds);
    }
}
