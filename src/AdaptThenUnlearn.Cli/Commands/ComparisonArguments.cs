using System.CommandLine;
using System.Globalization;
using AdaptThenUnlearn.Cli.Comparing;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Comparing;
using AdaptThenUnlearn.Torch.Governing;
using AdaptThenUnlearn.Torch.Measuring;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary>
/// The arguments that <c>atu compare</c> and <c>atu tune</c> share: one policy that is run many times with different settings.
/// </summary>
public sealed class ComparisonArguments(Terminal terminal)
{
    private readonly Argument<FileInfo> _policy = new("POLICY") { Description = "A policy with one undesired feature" };
    private readonly Option<string[]> _classes = new("--classes")
    {
        Description = "Classes to unlearn, one at a time, e.g. 1,4,8 (default: the policy's class)",
        HelpName = "a,b,…",
    };

    private readonly Option<string[]> _seeds = new("--seeds")
    {
        Description = "Seeds for training, e.g. 1,2,3",
        HelpName = "a,b,…",
    };

    private readonly Option<string[]> _set = new("--set")
    {
        Description = "Replace a value of the policy in every run",
        HelpName = "path=value",
    };

    private readonly Dictionary<string, string> _digests = [];   // all runs have the same few input files

    /// <summary>Adds the shared arguments to a command.</summary>
    public void AddTo(Command command)
    {
        command.Add(_policy);
        foreach (var option in new Option[] { _classes, _seeds, _set, Machine.Device, Machine.Threads })
            command.Add(option);
    }

    /// <summary>Reads the policy, the classes and the seeds; null if the policy has errors, which have been printed.</summary>
    /// <exception cref="BadArgumentException">An argument is wrong, or the policy does not have exactly one undesired
    /// feature.</exception>
    public ComparisonScope? Read(ParseResult parsed, IReadOnlyList<long> defaultSeeds)
    {
        var path = parsed.GetRequiredValue(_policy).ToString();
        var file = PolicyFile.Read(path, Overrides(parsed), terminal);
        if (file.Result.Policy is not { } policy)
            return null;
        if (policy.UndesiredFeatures is not [var feature])
            throw new BadArgumentException(
                $"{path}: this command unlearns one class at a time, and this policy lists {policy.UndesiredFeatures.Count} " +
                "undesired features");

        if (policy.Generator.ShippedAs is not null)
            throw new BadArgumentException(
                $"{path}: the files of 'generator.shippedAs' are none of the generators that this command trains; leave them out "
                    + "with --set generator.shippedAs=null");

        if (Overrides(parsed)
            .Select(PathOf)
            .FirstOrDefault(path => CellPolicy.ReservedPaths.Any(own => CellPolicy.Overlap(path, own))) is { } taken)
            throw new BadArgumentException(
                $"--set {taken}: every run sets this itself (choose classes and seeds with --classes and --seeds)");

        var classes = ParseList(parsed, _classes);
        if ((feature.Negatives ?? policy.Unlearning.Positives) is { } folder
            && classes.FirstOrDefault(name => name != feature.Class) is { } other)
            throw new BadArgumentException(
                $"--classes {other}: the images in '{folder}' are for '{feature.Class}'; compare only that class, or a policy " +
                "without 'negatives' and 'positives'");

        if (classes.GroupBy(CellKey.Slug).FirstOrDefault(same => same.Count() > 1) is { } alike)
            throw new BadArgumentException(
                $"--classes {string.Join(',', alike)}: their runs would have the same names; compare one of them at a time, " +
                "each with another --out");

        var seeds = ParseSeeds(parsed);
        return new ComparisonScope(file, classes.Count > 0 ? classes : [feature.Class], seeds.Count > 0 ? seeds : defaultSeeds);
    }

    /// <summary>The values that the command line sets for every run, as given.</summary>
    public IReadOnlyList<string> Overrides(ParseResult parsed) => parsed.GetValue(_set) ?? [];

    /// <summary>The path of a setting that could be parsed.</summary>
    public static string PathOf(string set) => PolicyOverride.Parse(set).Path;

    /// <summary>Creates the requests for the runs of a plan, and checks the policy of each.</summary>
    /// <param name="scope">As read.</param>
    /// <param name="plan">Which runs.</param>
    /// <param name="parsed">The arguments, with the values set for every run.</param>
    /// <param name="data">Folder with the real images, or null.</param>
    /// <exception cref="BadArgumentException">A run's policy has errors, which have been printed.</exception>
    public IReadOnlyList<ComparisonRequest> Requests(ComparisonScope scope, Comparison plan, ParseResult parsed, string? data)
    {
        var requests = new List<ComparisonRequest>();
        foreach (var key in plan.Keys())
        {
            var method = plan.Methods.Single(each => each.Name == key.Method);
            string[] overrides =
            [
                .. Overrides(parsed), .. CellPolicy.Overrides(method, key, scope.Policy.Evaluation.Samples, data)
            ];
            var file = ReadPolicy(overrides);
            if (method.IncludesAdaptationSteps)
                file = ReadPolicy([.. overrides, CellPolicy.CombinedStepsOverride(file.Policy.Unlearning)]);
            var policy = file.Policy;
            var inputs = file.Inputs();
            requests.Add(new ComparisonRequest(
                key, policy,
                file.CreateSource(Path.GetFullPath(file.Path)),
                inputs,
                ComparedCell.DigestOf(policy, inputs.EnumerateFiles().Select(input => (input.Role, Digest(input.Path))))));
        }

        return requests;

        PolicyFile ReadPolicy(string[] overrides)
        {
            var file = scope.File.WithOverrides(overrides, terminal);
            return file.Result.Policy is null
                ? throw new BadArgumentException(
                    $"{scope.File.Path}: the values that the comparison sets for a run are not valid in this policy")
                : file;
        }
    }

    /// <summary>
    /// What the generators of each class are attacked under: the compared policy with this class, and with the training settings
    /// of its own <c>unlearning</c>, whatever the rows set.
    /// </summary>
    /// <param name="scope">As read.</param>
    /// <param name="parsed">The arguments, with the values set for every run.</param>
    public IReadOnlyList<AttackedClass> AttackedClasses(ComparisonScope scope, ParseResult parsed) =>
    [
        .. scope.Classes.Select(name =>
        {
            string[] overrides =
            [
                .. Overrides(parsed),
                .. CellPolicy.Overrides(
                    new ComparedMethod("attacked", MethodFamily.Baseline, "", []), new CellKey("attacked", name, 0),
                    scope.Policy.Evaluation.Samples, data: null),
            ];
            var file = scope.File.WithOverrides(overrides, terminal);
            var inputs = file.Inputs();
            return new AttackedClass(
                name, file.Policy, inputs,
                ComparedCell.DigestOf(
                    file.Policy, inputs.EnumerateFiles().Select(input => (input.Role, Digest(input.Path)))));
        }),
    ];

    /// <summary>
    /// Checks, for each class, that every run's files can be loaded and that the generator can be trained as requested. Errors
    /// show at once, not after hours.
    /// </summary>
    /// <param name="scope">As read.</param>
    /// <param name="requests">The runs.</param>
    /// <param name="hint">What the user can do about a run that the generator does not support.</param>
    /// <exception cref="BadArgumentException">A file does not fit the policy.</exception>
    /// <exception cref="DiagnosticException">A file cannot be read.</exception>
    public static void Check(ComparisonScope scope, IReadOnlyList<ComparisonRequest> requests, string hint)
    {
        foreach (var same in requests.GroupBy(request => request.Key.Class).Select(same => same.ToList()))
            scope.File.RunWithLocatedErrors(same[0].Inputs, () =>
            {
                GeneratorRequirements.RequireLatents(same[0].Policy.Generator, "methods");
                using var generator = same[0].Inputs.LoadGenerator(CPU);
                using var classifiers = same[0].Inputs.LoadClassifiers(generator.Generator.Shape, CPU);
                foreach (var request in same.Where(request => ComparedMethods.MakesGenerator(request.Key)))
                    CheckTraining(request, generator, hint);
                foreach (var request in same.Where(request => request.Policy.Unlearning.IsCleanByLabels))
                    request.Inputs.CheckGivenImages(generator.Generator.Shape);
            });
    }

    /// <summary>Checks that a third classifier can count for every run, and that no run uses it for anything else.</summary>
    /// <param name="scope">As read.</param>
    /// <param name="requests">The runs.</param>
    /// <param name="third">The classifier.</param>
    /// <param name="pageOnly">Whether nothing will be counted, so that the generator is not looked at.</param>
    /// <exception cref="BadArgumentException">It cannot count, or a run reads its file.</exception>
    /// <exception cref="DiagnosticException">The generator cannot be read.</exception>
    public void CheckThird(
        ComparisonScope scope, IReadOnlyList<ComparisonRequest> requests, ThirdClassifier third, bool pageOnly)
    {
        var inputs = requests[0].Inputs;
        var images = pageOnly ? null : scope.File.RunWithLocatedErrors(inputs, () =>
        {
            GeneratorRequirements.RequireLatents(scope.Policy.Generator, "methods");
            using var generator = inputs.LoadGenerator(CPU);
            return generator.Generator.Shape;
        });
        var others = inputs.EnumerateFiles().Select(input => (input.Role, Digest(input.Path)));
        if (third.WhyUnfit(images, scope.Classes, others) is { } problem)
            throw new BadArgumentException($"--third-classifier {third.Path}: {problem}");
    }

    // The policy can be valid while a row needs something that its generator cannot do.
    private static void CheckTraining(ComparisonRequest request, LoadedGenerator generator, string hint)
    {
        try
        {
            GeneratorRequirements.RequireTrainable(request.Policy.Unlearning, generator);
        }
        catch (PolicyMismatchException mismatch)
        {
            throw new PolicyMismatchException(mismatch.JsonPath, $"{mismatch.Problem} (needed for the run {request.Key}; " +
                $"{hint})", mismatch.Code);
        }
    }

    /// <summary>Makes a run and prints its result.</summary>
    /// <exception cref="BadArgumentException">A file does not fit the policy.</exception>
    /// <exception cref="DiagnosticException">A file cannot be read.</exception>
    public ComparedCell RunAndReport(
        ComparisonScope scope, ComparisonRuns runs, ComparisonRequest request, CancellationToken cancel)
    {
        var cell = scope.File.RunWithLocatedErrors(request.Inputs, () => runs.Make(request, cancel));
        terminal.WriteStatus(cell.Outcome is { } outcome
            ? string.Create(CultureInfo.InvariantCulture,
                $"{request.Key}: PUL {100 * outcome.Unlearned:0.0} %, Fréchet distance ×{outcome.FrechetRatio:0.00}, " +
                $"smallest share kept {100 * outcome.SmallestShareKept:0} %, ")
                + (outcome.MadeForEach is { } made
                    ? $"{FigureText.Ratio(made)} images made for each that is kept"
                    : $"{FigureText.Minutes(outcome.TrainingSeconds / 60)} minutes of training")
            : $"{request.Key}: did not finish: {cell.Failure}");
        return cell;
    }

    /// <summary>Every file that some runs read, and other files that the command names.</summary>
    public static IEnumerable<(string What, string? Path)> EnumerateInputs(
        IReadOnlyList<ComparisonRequest> requests, params IEnumerable<(string What, string? Path)> more) =>
        requests.SelectMany(request => request.Inputs.EnumerateFiles())
            .DistinctBy(input => input.Path).Select(input => (input.Role, (string?)input.Path)).Concat(more);

    /// <summary>The values of an option that takes several, separated by commas or given repeatedly.</summary>
    public static IReadOnlyList<string> ParseList(ParseResult parsed, Option<string[]> option) =>
        [.. (parsed.GetValue(option) ?? [])
            .SelectMany(text => text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            .Distinct()];

    private IReadOnlyList<long> ParseSeeds(ParseResult parsed)
    {
        return [.. ParseList(parsed, _seeds).Select(ParseSeed)];

        static long ParseSeed(string text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seed)
            ? seed
            : throw new BadArgumentException($"--seeds: '{text}' is not a seed; use whole numbers from 0");
    }

    // A missing file has no digest; its runs will give the error.
    private string Digest(string input) =>
        _digests.TryGetValue(input, out var known) ? known : _digests[input] = Sha256Digest.FindAt(input) ?? "";
}
