using System.Runtime.InteropServices;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>
/// Tries every kind of gradient that training takes, on copies of TorchScript networks and through annotators, so that what
/// cannot be trained is refused before hours are spent.
/// </summary>
internal static class GradientCheck
{
    private const int BatchSize = 4;   // enough for batch normalisation; the check must cost seconds
    private const string NoGradient = "gradients do not pass through it";

    /// <summary>Checks the gradients of TorchScript networks; other networks need no check.</summary>
    /// <param name="original">Not changed; has a discriminator.</param>
    /// <param name="options">Decide which gradients training will need.</param>
    /// <exception cref="PolicyMismatchException">
    /// A program cannot be trained; the message says which, why, and what to do.
    /// </exception>
    public static void Run(LoadedGenerator original, UnlearningOptions options)
    {
        const string Generator = "$.generator.checkpoint", Discriminator = "$.generator.discriminator";
        if (original is not { Generator: ScriptedGenerator generator, Discriminator: ScriptedDiscriminator discriminator })
            return;

        // Refuse programs that say themselves that they cannot be trained.
        RequireTrainable(generator, Generator);
        RequireTrainable(discriminator, Discriminator);

        // Prepare copies and inputs as training does.
        using var copies = new GanPair(generator, discriminator).Copy();
        using var scope = NewDisposeScope();
        using var generatorParameters = new ParameterVector(copies.Generator) { RequiresGradient = true };
        using var discriminatorParameters = new ParameterVector(copies.Discriminator) { RequiresGradient = true };
        copies.Generator.train();
        copies.Discriminator.train();
        using var random = new RandomStreams(options.Seed, "rehearsal").At("inputs");
        var latents = randn([BatchSize, generator.LatentSize], generator: random).to(generator.Program.Device);
        var images = randn(
            [BatchSize, generator.Shape.Channels, generator.Shape.Resolution, generator.Shape.Resolution],
            generator: random).to(generator.Program.Device);

        // Try the gradients of both losses, then the second derivative that R1 takes.
        Try(generator, Generator, NoGradient, () => copies.Generator.Generate(latents, noise: null).square().mean().backward());
        RequireGradients(generator, generatorParameters, Generator);
        Try(
            discriminator,
            Discriminator,
            NoGradient,
            () => Losses.Generator(copies.Discriminator.Score(images.detach().requires_grad_())).backward());
        RequireGradients(discriminator, discriminatorParameters, Discriminator);
        if (options.Adversarial.R1Weight > 0)
            Try(
                discriminator,
                Discriminator,
                "R1 regularisation needs the gradient of its gradient, and one of its operators has none "
                    + "(unlearning.adversarial.r1Weight of 0 does without)",
                () => Losses.R1(copies.Discriminator, images).backward());
    }

    /// <summary>
    /// Checks that annotators have gradients where training is to follow their features or answers, and that the discriminator
    /// has features where they are to be matched.
    /// </summary>
    /// <param name="annotation">The annotators.</param>
    /// <param name="discriminator">Null where one is still to be made.</param>
    /// <param name="shape">The generator's images.</param>
    /// <param name="options">Say what is followed.</param>
    /// <param name="device">Where the annotators are.</param>
    /// <param name="isTaught">Whether an annotator has students, which serve instead of it if it has no gradients.</param>
    /// <exception cref="PolicyMismatchException">One of them has none.</exception>
    public static void RunOnFeatures(
        Annotation annotation, ImageDiscriminator? discriminator, ImageShape shape, UnlearningOptions options, Device device,
        Func<FeatureClassifier, bool> isTaught)
    {
        const string Frechet = "$.unlearning.frechetLoss";
        if (options.FrechetLoss?.DiscriminatorWeight > 0 && discriminator is ScriptedDiscriminator)
            throw new PolicyMismatchException(
                Frechet,
                "the features of a TorchScript discriminator are not known; \"discriminatorWeight\": 0 leaves them out");

        // Ask the annotators only where something follows them.
        var (property, without) = options switch
        {
            { Retention.FeatureWeightOrOff: > 0 } =>
                ("$.unlearning.retention.featureWeight", "leave this out, and pixels alone are compared"),
            { FrechetLoss.AnnotatorWeightOrDefault: > 0 } => (Frechet, "\"annotatorWeight\": 0 leaves them out"),
            { Guidance.Weight: > 0 } => ("$.unlearning.guidance", "\"weight\": 0 does without"),
            { ClassBalance.Guidance: > 0 } => ("$.unlearning.classBalance.guidance", "0 does without"),
            _ => ("", ""),
        };
        if (property.Length > 0
            && !annotation.Annotators.All(
                annotator => isTaught(annotator) || HasGradients(annotator, shape, options, device)))
            throw new PolicyMismatchException(
                property,
                $"gradients do not pass through an annotator, so that training cannot follow its features; {without}, or "
                    + "'unlearning.students' learn from it and have gradients");
    }

    /// <summary>Whether gradients pass through an annotator, so that training can follow its features and answers.</summary>
    /// <param name="annotator">In eval mode.</param>
    /// <param name="shape">The generator's images.</param>
    /// <param name="options">Have the seed of the images that are tried.</param>
    /// <param name="device">Where the annotator is.</param>
    public static bool HasGradients(FeatureClassifier annotator, ImageShape shape, UnlearningOptions options, Device device)
    {
        using var scope = NewDisposeScope();
        using var random = new RandomStreams(options.Seed, "rehearsal").At("features");
        var images = rand([BatchSize, shape.Channels, shape.Resolution, shape.Resolution], generator: random).to(device) - 0.5;
        return Gradients.Reach(images, pictures => annotator.Features(pictures).square());
    }

    private static void RequireTrainable(IScriptedNetwork network, string property)
    {
        if (network.Program.WhyNotTrainable() is { } reason)
            throw new PolicyMismatchException(property, $"the program {network.Program.Path} {reason}");
    }

    private static void RequireGradients(IScriptedNetwork network, ParameterVector parameters, string property)
    {
        if (parameters.Gradients.count_nonzero().item<long>() == 0)
            throw new PolicyMismatchException(
                property,
                $"the program {network.Program.Path} cannot be trained: {NoGradient}: what it returns does not depend on "
                    + "its parameters");
    }

    private static void Try(IScriptedNetwork network, string property, string problem, Action work)
    {
        try
        {
            work();
        }
        catch (ExternalException failed) when (!MemoryShortage.IsShortage(failed))
        {
            throw new PolicyMismatchException(
                property,
                $"the program {network.Program.Path} cannot be trained: {problem}: "
                    + $"{ScriptProgram.ExtractReason(failed.Message)}");
        }
    }
}
