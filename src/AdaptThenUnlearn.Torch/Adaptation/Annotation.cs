using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Adaptation;

/// <summary>An undesired feature, and the rule by which the annotator finds it.</summary>
/// <param name="Name">The feature's name in the policy.</param>
/// <param name="Rule">The annotator's rule.</param>
/// <param name="Violated">
/// Whether the feature must be unlearned, and so needs negatives; false where the generator emits it within its limit.
/// </param>
public sealed record AnnotatedFeature(string Name, FeatureRule Rule, bool Violated = true)
{
    /// <summary>
    /// The same rule for each of the annotator's students. An image shows the feature when any of the rules says so.
    /// </summary>
    public IReadOnlyList<FeatureRule> Students { get; init; } = [];

    /// <summary>The annotator's rule, and its students'.</summary>
    public IReadOnlyList<FeatureRule> Rules => [Rule, .. Students];
}

/// <summary>Labels images with the annotators of a policy: which show an undesired feature, and which are clean.</summary>
/// <param name="features">The undesired features; at least one.</param>
/// <param name="cleanBelow">An image is clean when the probability of every undesired class is below this bound, 0 to 1.</param>
/// <param name="raw">
/// Whether the annotators look at the generator's output as it is; otherwise it is clipped and rounded to 8 bits, as users get
/// it.
/// </param>
public sealed class Annotation(IReadOnlyList<AnnotatedFeature> features, double cleanBelow, bool raw = false)
{
    /// <summary>Bound below which the probability of every undesired class must be for an image to be clean, 0 to 1.</summary>
    public double CleanBelow => cleanBelow;

    /// <summary>The undesired features.</summary>
    public IReadOnlyList<AnnotatedFeature> Features { get; } = features;

    /// <summary>The undesired classes, as the annotators call them.</summary>
    public IReadOnlyList<string> ClassNames { get; } = [.. features.Select(feature => feature.Rule.Class).Distinct()];

    /// <summary>The features' annotators, each once.</summary>
    internal IReadOnlyList<FeatureClassifier> Annotators { get; } =
        [.. features.Select(feature => feature.Rule.Classifier).Distinct()];

    /// <summary>
    /// The classifiers that describe images for the terms of training: annotators and students. Annotators without gradients are
    /// left out where they have students.
    /// </summary>
    internal List<FeatureClassifier> Guides { get; private init; } = [.. ClassifiersOf(features)];

    /// <summary>Whether the annotators look at the generator's output as it is.</summary>
    internal bool IsRaw => raw;

    /// <summary>The first feature's annotator. Its classes are the ones whose shares should survive.</summary>
    public FeatureClassifier FirstClassifier => Features[0].Rule.Classifier;

    /// <summary>Numbers of the undesired classes among those of <see cref="FirstClassifier"/>, each once.</summary>
    internal IReadOnlyList<int> UndesiredClasses =>
    [
        .. Features.Where(feature => feature.Rule.Classifier == FirstClassifier).Select(feature => feature.Rule.Index).Distinct(),
    ];

    /// <summary>
    /// Whether an annotator is a program. It may keep a state between two calls, so that one thread alone may ask it.
    /// </summary>
    public bool RunsProgram { get; } = features.Any(feature => feature.Rule.Classifier is IProbedProgram);

    /// <summary>Detects the classes of each image with the first feature's annotator.</summary>
    /// <param name="images"><c>[N, C, H, W]</c>, nominally [-1, 1].</param>
    /// <returns><c>[N, K]</c>, bool: whether an image shows a class; belongs to the caller's scope.</returns>
    public Tensor Classes(Tensor images)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        return FirstClassifier.DetectClasses(FirstClassifier.Logits(FirstClassifier.Features(ToClassifierInput(images))))
            .MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Describes images by every annotator and student that has gradients. Images are clipped, not rounded.
    /// </summary>
    /// <param name="images"><c>[N, C, H, W]</c>, nominally [-1, 1].</param>
    /// <returns>With the gradients of the images; belongs to the caller's scope.</returns>
    public DescribedImages Describe(Tensor images)
    {
        using var scope = NewDisposeScope();
        var pictures = raw ? images : images.clamp(Scalars.Of(-1), Scalars.Of(1));
        List<Tensor> features = [.. Guides.Select(guide => guide.Features(pictures))];
        List<Tensor> logits = [.. Guides.Zip(features).Select(pair => pair.First.Logits(pair.Second))];
        return new DescribedImages(
            images,
            [.. features.Select(one => one.MoveToOuterDisposeScope())],
            [.. logits.Select(one => one.MoveToOuterDisposeScope())],
            ShowsAny(logits).MoveToOuterDisposeScope());
    }

    /// <summary>
    /// The logarithm of the probability that images lack the undesired features, taken as independent: of each feature the mean
    /// over those who have described the images.
    /// </summary>
    /// <returns><c>[N]</c>, at most 0, with the gradients of the description; belongs to the caller's scope.</returns>
    public Tensor AbsenceLogarithms(DescribedImages described)
    {
        using var scope = NewDisposeScope();
        return Features
            .Select(feature => RulesOfGuides(feature)
                .Select(one => one.Rule.AbsenceLogarithm(described.Logits[one.Guide]))
                .ToList())
            .Select(logarithms => stack(logarithms).mean([0]))
            .Aggregate((sum, one) => sum + one)
            .MoveToOuterDisposeScope();
    }

    /// <summary>
    /// The probabilities of the first annotator's classes: the mean of it and its students, as far as they guide.
    /// </summary>
    /// <returns><c>[N, K]</c>, with the gradients of the description; belongs to the caller's scope.</returns>
    internal Tensor FirstProbabilities(DescribedImages described)
    {
        using var scope = NewDisposeScope();
        List<Tensor> probabilities =
        [
            .. RulesOfGuides(Features[0]).Select(one => one.Rule.Classifier.ProbabilitiesOf(described.Logits[one.Guide])),
        ];
        return stack(probabilities).mean([0]).MoveToOuterDisposeScope();
    }

    // Whether images show any undesired feature, by those who have described them: [N], bool.
    private Tensor ShowsAny(List<Tensor> logitsOfGuides)
    {
        using var _ = no_grad();
        return Features.SelectMany(RulesOfGuides)
            .Select(one => one.Rule.Shows(logitsOfGuides[one.Guide]))
            .Aggregate((any, one) => any.logical_or(one));
    }

    // The rules of a feature whose classifiers guide, each with the classifier's position among the guides.
    private IEnumerable<(FeatureRule Rule, int Guide)> RulesOfGuides(AnnotatedFeature feature) =>
        feature.Rules.Select(rule => (rule, Guide: Guides.IndexOf(rule.Classifier))).Where(one => one.Guide >= 0);

    /// <summary>Ends gradients of the annotators' own parameters, which nothing trains from here on.</summary>
    internal void Freeze()
    {
        foreach (var parameter in Guides.SelectMany(guide => guide.parameters()))
            parameter.requires_grad = false;
    }

    /// <summary>The same annotators with another bound for clean images.</summary>
    /// <param name="below">The bound, as <see cref="CleanBelow"/>.</param>
    public Annotation WithCleanBelow(double below) => new(Features, below, raw) { Guides = Guides };

    /// <summary>The same annotators, with students that look at every image too.</summary>
    /// <param name="students">Of these annotators; stay the caller's.</param>
    /// <param name="follows">Whether training can follow the gradients of an annotator.</param>
    internal Annotation WithStudents(IReadOnlyList<AnnotatorStudent> students, Func<FeatureClassifier, bool> follows)
    {
        List<AnnotatedFeature> taught =
        [
            .. Features.Select(feature => feature with
            {
                Students = [.. students.Where(student => student.Annotator == feature.Rule.Classifier)
                    .Select(student => feature.Rule with { Classifier = student.Network })],
            }),
        ];
        return new Annotation(taught, cleanBelow, raw)
        {
            Guides =
            [
                .. ClassifiersOf(taught).Where(guide => !Annotators.Contains(guide) || follows(guide) || !HasStudents(guide)),
            ],
        };

        bool HasStudents(FeatureClassifier annotator) => students.Any(student => student.Annotator == annotator);
    }

    // Annotators and students, each once.
    private static IEnumerable<FeatureClassifier> ClassifiersOf(IEnumerable<AnnotatedFeature> features) =>
        features.SelectMany(feature => feature.Rules).Select(rule => rule.Classifier).Distinct();

    /// <summary>Labels images.</summary>
    /// <param name="images"><c>[N, C, H, W]</c>, nominally [-1, 1].</param>
    /// <returns>Labels that belong to the caller's scope.</returns>
    public ImageLabels Label(Tensor images)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();

        // Run each annotator once, whatever number of features it finds.
        var pictures = ToClassifierInput(images);
        var rules = Features.SelectMany(feature => feature.Rules).ToList();
        var logits = rules.Select(rule => rule.Classifier).Distinct()
            .ToDictionary(classifier => classifier, classifier => classifier.Logits(classifier.Features(pictures)));

        // Find the features.
        var shows = Features.Select(feature => feature.Rules.Select(rule => rule.Shows(logits[rule.Classifier]))
            .Aggregate((any, one) => any.logical_or(one)).MoveToOuterDisposeScope()).ToList();

        var likeliest = stack([.. rules.Select(rule => rule.Probability(logits[rule.Classifier]))]).amax([0]);

        // An image is clean below the bound. With many classes even the likeliest may be below a lenient bound, so a shown
        // feature excludes too.
        var clean = likeliest.lt(Scalars.Of(cleanBelow));
        foreach (var shown in shows)
            clean = clean.logical_and(shown.logical_not());
        return new ImageLabels(
            shows,
            clean.MoveToOuterDisposeScope(),
            likeliest.MoveToOuterDisposeScope(),
            FirstClassifier.DetectClasses(logits[FirstClassifier]).MoveToOuterDisposeScope());
    }

    private Tensor ToClassifierInput(Tensor images) => raw ? images : ImageQuantizer.Quantize(images);
}

/// <summary>The labels of N images.</summary>
/// <param name="Shows">For each feature <c>[N]</c>, bool: whether the image shows it.</param>
/// <param name="Clean">
/// <c>[N]</c>, bool: whether every undesired class is below the bound for clean images, and no feature is shown.
/// </param>
/// <param name="UndesiredProbability"><c>[N]</c>, 0 to 1: the probability of the likeliest undesired class.</param>
/// <param name="Classes"><c>[N, K]</c>, bool: whether the image shows a class, by the first feature's annotator.</param>
public sealed record ImageLabels(IReadOnlyList<Tensor> Shows, Tensor Clean, Tensor UndesiredProbability, Tensor Classes)
{
    /// <summary>All of the labels.</summary>
    internal IReadOnlyList<Tensor> Tensors => [.. Shows, Clean, UndesiredProbability, Classes];

    /// <summary><c>[N]</c>, bool: whether the image shows any feature; belongs to the caller's scope.</summary>
    public Tensor ShowsAny => ShowsAnyOf(Enumerable.Range(0, Shows.Count));

    /// <summary>Whether each image shows any of some features.</summary>
    /// <param name="features">Positions in <see cref="Shows"/>; at least one.</param>
    /// <returns><c>[N]</c>, bool; belongs to the caller's scope.</returns>
    public Tensor ShowsAnyOf(IEnumerable<int> features) =>
        features.Select(feature => Shows[feature]).Aggregate((any, one) => any.logical_or(one));
}

/// <summary>
/// Images, and what the annotators and students that training follows say of them. Each image is described once for all of a
/// step's terms.
/// </summary>
/// <param name="Images"><c>[N, C, H, W]</c>, as the generator made them.</param>
/// <param name="Features">For each annotator and student <c>[N, FeatureSize]</c>.</param>
/// <param name="Logits">For each of them <c>[N, classes]</c>.</param>
/// <param name="ShowsAny"><c>[N]</c>, bool, without gradient: whether any of them sees an undesired feature.</param>
public sealed record DescribedImages(
    Tensor Images, IReadOnlyList<Tensor> Features, IReadOnlyList<Tensor> Logits, Tensor ShowsAny)
{
    /// <summary>
    /// <c>[N, K]</c>: the probabilities of the first annotator's classes in the original generator's images of the same latents
    /// and noise; null where no term asks for them.
    /// </summary>
    public Tensor? Before { get; init; }

    /// <summary>N.</summary>
    public long Count => Images.shape[0];
}
