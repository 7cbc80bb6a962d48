using System.Globalization;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Attacks;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.Sequence;
using AdaptThenUnlearn.Torch.Training;
using AdaptThenUnlearn.Torch.Unlearning;

namespace AdaptThenUnlearn.Torch.Governing;

/// <summary>What a policy requires of a generator before it is measured, and before it is trained.</summary>
public static class GeneratorRequirements
{
    /// <summary>Refuses to judge a generator whose layers were only assumed: a verdict must not rest on a guess.</summary>
    /// <param name="original">The generator.</param>
    /// <param name="property">JSON path of the object that names it.</param>
    /// <exception cref="PolicyMismatchException">
    /// The layers were assumed; the message has the statement that the policy needs.
    /// </exception>
    public static void RequireStatedLayers(LoadedGenerator original, string property = "$.generator")
    {
        if (original.Assumed is { } assumed)
            throw new PolicyMismatchException(
                $"{property}.layers",
                $"is missing: weights do not tell what this generator computes, and no verdict rests on a guess. If it is "
                    + $"{assumed.Sentence}, add {UnclearLayersException.Property(assumed.Layers)} to '{property[2..]}'; "
                + "if not, list its layers as Python's print(netG) shows them, or export it as TorchScript "
                + "(docs/bring-your-own-generator.md)",
                PolicyCodes.AssumedLayers);
    }

    /// <summary>Refuses to train on what an annotator only guesses.</summary>
    /// <exception cref="PolicyMismatchException">An annotator is prompts without a calibration.</exception>
    public static void RequireCalibratedAnnotators(UnlearningPolicy policy)
    {
        foreach (var (number, feature) in policy.UndesiredFeatures.Index())
            if (policy.Classifiers[feature.Annotator].WhyUncalibrated(feature.Annotator) is { } guess)
                throw new PolicyMismatchException(
                    FormattableString.Invariant($"$.undesiredFeatures[{number}].annotator"),
                    $"cannot label training feedback: {guess}", PolicyCodes.Uncalibrated);
    }

    /// <summary>Refuses to truncate a generator that has no truncation.</summary>
    /// <exception cref="PolicyMismatchException">The policy truncates, and the generator cannot.</exception>
    public static void RequireTruncation(EvaluationOptions options, LoadedGenerator original)
    {
        if (options.Truncation != 1 && !original.Generator.SupportsTruncation)
            throw new PolicyMismatchException(
                "$.evaluation.truncation",
                original.Format == OnnxFormat.FormatName
                    ? "none of the graph's inputs is the truncation: leave it at 1, or say which one is, in 'generator.inputs'"
                    : $"a {original.Architecture} generator has no truncation; leave it at 1");
    }

    /// <summary>Refuses a policy that lacks a limit of an earlier run, which the generator's file holds.</summary>
    /// <param name="policy">In effect.</param>
    /// <param name="runs">The generator's, as its file says; null where it names none.</param>
    /// <param name="digestOf">Digest of a classifier as it is used, by its name; null where it is not known.</param>
    /// <param name="today">UTC day.</param>
    /// <returns>The earlier runs, the oldest first; empty where there are none, or where the policy drops them.</returns>
    /// <exception cref="PolicyMismatchException">
    /// A limit is not kept, or the list is damaged; the message says how to mend it.
    /// </exception>
    public static IReadOnlyList<EarlierRun> RequireEarlierRules(
        UnlearningPolicy policy, string? runs, Func<string, string?> digestOf, DateOnly today)
    {
        if (runs is null || policy.Generator.DropEarlierRules is true)
            return [];

        const string Way = "To judge it without them, set \"dropEarlierRules\": true in 'generator'; the report then says so";
        IReadOnlyList<EarlierRun> read;
        try
        {
            read = EarlierRun.Read(runs);
        }
        catch (FormatException damaged)
        {
            throw new PolicyMismatchException(
                "$.generator.checkpoint",
                $"names earlier runs whose limits must be kept, but the list in its metadata is damaged: {damaged.Message}. "
                    + $"Take the file that the last run released. {Way}",
                PolicyCodes.DropsEarlierRule);
        }

        return EarlierRun.FindUnkept(read, policy, digestOf, today).FirstOrDefault() is { } unkept
            ? throw new PolicyMismatchException(
                "$.undesiredFeatures", $"lack a limit that this generator was trained to keep: {unkept}. {Way}",
                PolicyCodes.DropsEarlierRule)
            : read;
    }

    /// <summary>Refuses a shipped file that cannot be given the latents of the generator, or makes other images.</summary>
    /// <param name="options">Of the policy.</param>
    /// <param name="property">JSON path of the object that names the file.</param>
    /// <param name="form">The file.</param>
    /// <param name="original">The policy's generator.</param>
    /// <exception cref="PolicyMismatchException">They cannot be compared; the message says why.</exception>
    public static void RequireComparable(
        EvaluationOptions options, string property, LoadedGenerator form, LoadedGenerator original)
    {
        RequireStatedLayers(form, property);
        var (its, own) = (original.Generator, form.Generator);
        if (own.Shape != its.Shape)
            throw Unlike("checkpoint", $"makes {own.Shape} images, and the generator makes {its.Shape}");
        if (own.LatentSize != its.LatentSize || own.Classes != its.Classes)
            throw Unlike("checkpoint", $"takes latents of {Latents(own)}, and the generator takes {Latents(its)}");
        if (!own.NoiseSizes.SequenceEqual(its.NoiseSizes))
            throw Unlike(
                "checkpoint",
                $"takes {Noise(own)}, and the generator takes {Noise(its)}, so that they cannot be given the same noise; export "
                    + "it with the noise maps as inputs, as `atu export --onnx` does, and name them in 'inputs'");
        if (options.Truncation != 1 && !own.SupportsTruncation)
            throw Unlike(
                form.Format == OnnxFormat.FormatName ? "inputs" : "checkpoint",
                "has no truncation, and 'evaluation.truncation' is not 1; export it with the truncation as an input");

        PolicyMismatchException Unlike(string name, string problem) => new($"{property}.{name}", problem);

        static string Latents(ImageGenerator generator) => string.Create(
            CultureInfo.InvariantCulture,
            $"{generator.LatentSize} numbers{(generator.Classes > 0 ? $", {generator.Classes} of them the class" : "")}");

        static string Noise(ImageGenerator generator) => generator.NoiseSizes.Count == 0
            ? "no noise maps"
            : $"noise maps of {string.Join(", ", generator.NoiseSizes)} pixels";
    }

    /// <summary>Refuses a folder that holds fewer images than the policy may look at.</summary>
    /// <exception cref="PolicyMismatchException">It holds fewer; the message says what to set.</exception>
    public static void RequireImages(EvaluationOptions options, ImageGenerator generator)
    {
        if (generator is ImageSequence { Count: { } count } && WhyTooFew(options, count) is var (property, problem))
            throw new PolicyMismatchException(property, problem);
    }

    /// <summary>Why a number of images is too few for a sample, with the property to mend; null where it is enough.</summary>
    internal static (string Property, string Problem)? WhyTooFew(EvaluationOptions options, long count)
    {
        var (name, asked) = options.Samples > count ? ("samples", options.Samples) : ("maxSamples", options.MaxSamples);
        return asked <= count ? null : ($"$.evaluation.{name}", string.Create(
            CultureInfo.InvariantCulture,
            $"is {asked}, and the folder of generator.images holds {count} images: set it to {count} or less, or add images"));
    }

    /// <summary>Refuses what needs a generator's latents, where there are none.</summary>
    /// <param name="choice">The generator, which is not loaded for this: a command would be run.</param>
    /// <param name="what">What needs them, as a plural.</param>
    /// <exception cref="PolicyMismatchException">There are none.</exception>
    public static void RequireLatents(GeneratorChoice choice, string what)
    {
        if (choice.IsSample)
            throw new PolicyMismatchException(
                "$.generator",
                $"is a {(choice.Images is null ? "command" : "folder of images")}, and has no weights and no latents: {what} "
                    + "need them; it can be measured and judged (atu measure, atu govern)");
    }

    /// <summary>
    /// Refuses an attack that could never be measured in full, and so fails the gate for certain, before anything is measured.
    /// One that only warns is left to warn.
    /// </summary>
    /// <exception cref="PolicyMismatchException">The generator lacks what an attack needs; the message says what.</exception>
    public static void RequireAttackable(UnlearningPolicy policy, LoadedGenerator original) =>
        RequirePossible(policy, attack => attack.WhyImpossible(original.Generator, original.Discriminator));

    /// <summary>
    /// Refuses an attack that needs a discriminator: what <see cref="RequireAttackable"/> says where there is none, for a
    /// generator that is not loaded.
    /// </summary>
    /// <exception cref="PolicyMismatchException">An attack needs one; the message says how to give it.</exception>
    internal static void RequireAttackableAlone(UnlearningPolicy policy) =>
        RequirePossible(policy, attack => attack.WhyImpossibleAlone);

    private static void RequirePossible(UnlearningPolicy policy, Func<IAttack, string?> whyImpossible)
    {
        foreach (var (index, audit) in (policy.Audits ?? []).Index())
            if (!audit.IsAdvisory && whyImpossible(KnownAttacks.Named(audit.Attack)) is { } impossible)
                throw new PolicyMismatchException(
                    FormattableString.Invariant($"$.audits[{index}].attack"),
                    $"'{audit.Attack}' {impossible}: remove this attack, or make it 'advisory'");
    }

    /// <summary>The training options with the terms that the policy leaves to the generator's file.</summary>
    /// <param name="options">Of the policy.</param>
    /// <param name="regime">What the file says.</param>
    /// <returns>The same where the policy gives the terms itself.</returns>
    /// <exception cref="PolicyMismatchException">
    /// The file does not say them all; the message says what is missing, and how to give them.
    /// </exception>
    public static UnlearningOptions WithTrainedTerms(UnlearningOptions options, TrainedRegime regime) =>
        !options.Adversarial.IsAsTrained
            ? options
            : options with
            {
                Adversarial = regime.Terms ?? throw new PolicyMismatchException(
                    "$.unlearning.adversarial",
                    $"is '{AdversarialOptions.AsTrainedWord}', but the generator's file does not say with which terms it was "
                        + $"trained: its metadata lack {string.Join(", ", regime.MissingKeys)} (`atu pretrain` writes them); "
                        + $"nothing is guessed, so give the terms yourself: {regime.Property}",
                    PolicyCodes.UnknownTerms),
            };

    /// <summary>Refuses training options that do not suit the generator.</summary>
    /// <exception cref="PolicyMismatchException">They do not suit it; the message says what can be done.</exception>
    public static void RequireTrainable(UnlearningOptions options, LoadedGenerator original)
    {
        if (original.WhyNotTrainable is { } fixedForever)
            throw new PolicyMismatchException(
                "$.generator", $"it {fixedForever}: it can be measured and judged (atu measure, atu govern), and not be trained");
        options = WithTrainedTerms(options, original.TrainedRegime);

        // Refuse a method that needs fresh networks, or a loss term that needs styles, where there are none.
        if (UnlearningMethods.Named(options.Method).TrainsFromScratch && FactoryFor(original) is null)
            throw new PolicyMismatchException(
                "$.unlearning.method",
                $"'{options.Method}' cannot train a {original.Architecture} generator from scratch; choose another method");
        if (options.Adversarial.PathLengthWeight > 0 && original.Generator is not IStyleBasedGenerator)
            throw new PolicyMismatchException(
                "$.unlearning.adversarial.pathLengthWeight",
                $"a {original.Architecture} generator has no styles whose path length could be regularised; set it to 0");

        // Refuse to cut batches whose images the networks compare with one another.
        if (original.Discriminator is { } discriminator)
            RequireParts(options, original.Generator, discriminator);

        // Refuse a generator without a discriminator where none can be built for its layers.
        if (original.Discriminator is null && original.Generator is SequentialGenerator)
            RequireMirroredDiscriminator(original);
        if (original.Discriminator is null && original.Format == TorchScriptFormat.FormatName)
            throw new PolicyMismatchException(
                "$.generator.discriminator",
                "a TorchScript generator needs a TorchScript discriminator to be trained: none can be made to measure for an "
                    + "architecture that only its file knows; export it too");
        if (original.Discriminator is null)
        {
            using var made = DiscriminatorWarmUp.CreateUntrained(
                original.Generator, GeneratorArchitectures.Named(original.Architecture), options.Seed);
            RequireParts(options, original.Generator, made);
        }
    }

    /// <summary>
    /// What makes fresh networks like the loaded ones; null if the architecture cannot be trained from scratch.
    /// </summary>
    /// <param name="original">A TorchScript program's architecture is known to its file alone, so it has no factory.</param>
    internal static IGanFactory? FactoryFor(LoadedGenerator original) =>
        GeneratorArchitectures.Find(original.Architecture)?.GetFactory(original.Generator, original.Discriminator);

    /// <summary>Refuses to cut batches into parts where the networks would train otherwise than with whole ones.</summary>
    /// <param name="options">From the policy.</param>
    /// <param name="generator">As it is trained.</param>
    /// <param name="discriminator">The generator's own, or the one that was made for it.</param>
    /// <exception cref="PolicyMismatchException">The networks compare images of different parts with one another.</exception>
    public static void RequireParts(UnlearningOptions options, ImageGenerator generator, ImageDiscriminator discriminator)
    {
        var (images, parts) = (options.BatchSize, options.AccumulateOrDefault);
        if (TrainedPart.AllowsParts(generator, discriminator, images, parts))
            return;

        throw new PolicyMismatchException(
            "$.unlearning.accumulate",
            generator.MakesImagesApart && discriminator.ComparedImages is { } together
                ? string.Create(
                    CultureInfo.InvariantCulture,
                    $"is {parts}, but the discriminator compares {together} images with one another, so each part of "
                        + $"'batchSize' ({images}) needs a multiple of {together} images; use a smaller number, or a larger "
                        + $"batchSize")
                : string.Create(
                    CultureInfo.InvariantCulture,
                    $"is {parts}, but these networks may compare all images of a batch with one another (batch normalisation, "
                        + $"or a TorchScript program), so that parts would train otherwise; leave it at 1"));
    }

    private static void RequireMirroredDiscriminator(LoadedGenerator original)
    {
        try
        {
            GeneratorArchitectures.Named(original.Architecture).MirrorDiscriminator(original.Generator).Dispose();
        }
        catch (ArgumentException unlike)
        {
            throw new PolicyMismatchException(
                "$.generator.discriminator",
                $"is missing, and none can be made to measure for these layers ({unlike.Message}): name a file that has it, "
                    + "or export both as TorchScript");
        }
    }
}
