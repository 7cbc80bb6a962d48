using System.CommandLine;
using System.Globalization;
using AdaptThenUnlearn.Cli.Comparing;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Comparing;
using AdaptThenUnlearn.Torch.Governing;
using AdaptThenUnlearn.Torch.Measuring;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary>What <c>atu compare</c> and <c>atu tune</c> have in common: one policy, run many times with something else set.</summary>
public sealed class ComparisonArguments(Terminal terminal)
{
    private readonly Argument<FileInfo> _policy = new("POLICY") { Description = "A policy with one undesired feature" };
    private readonly Option<string[]> _classes = new("--classes") { Description = "Classes to unlearn, one at a time, e.g. 1,4,8 (the policy's own)", HelpName = "a,b,…" };
    private readonly Option<string[]> _seeds = new("--seeds") { Description = "Seeds of training, e.g. 1,2,3", HelpName = "a,b,…" };
    private readonly Option<string[]> _set = new("--set") { Description = "Set a value over the policy, for every run", HelpName = "path=value" };
    private readonly Dictionary<string, string> _digests = [];   // the same few files are every run's inputs

    /// <summary>Gives a command the arguments that both have.</summary>
    public void AddTo(Command command)
    {
        command.Add(_policy);
        foreach (var option in new Option[] { _classes, _seeds, _set, Machine.Device, Machine.Threads })
            command.Add(option);
    }

    /// <summary>Reads the policy and what is asked of it; null when the policy is wrong, which has been told.</summary>
    /// <exception cref="BadArgumentException">An argument is wrong, or the policy is not about one feature.</exception>
    public ComparisonScope? Read(ParseResult parsed, IReadOnlyList<long> defaultSeeds)
    {
        var path = parsed.GetRequiredValue(_policy).ToString();
        var file = PolicyFile.Read(path, Overrides(parsed), terminal);
        if (file.Result.Policy is not { } policy)
            return null;
        if (policy.UndesiredFeatures is not [var feature])
            throw new BadArgumentException($"{path}: one class at a time is unlearned here, and this policy lists {policy.UndesiredFeatures.Count} undesired features");

        if (Overrides(parsed).Select(PathOf).FirstOrDefault(path => CellPolicy.ReservedPaths.Any(own => CellPolicy.Overlap(path, own))) is { } taken)
            throw new BadArgumentException($"--set {taken}: every run sets this itself (which classes and seeds there are is said with --classes and --seeds)");

        var classes = ParseList(parsed, _classes);
        if ((feature.Negatives ?? policy.Unlearning.Positives) is { } folder && classes.FirstOrDefault(name => name != feature.Class) is { } other)
            throw new BadArgumentException($"--classes {other}: the images in '{folder}' are for '{feature.Class}'; compare that class alone, or a policy without 'negatives' and 'positives'");

        if (classes.GroupBy(CellKey.Slug).FirstOrDefault(same => same.Count() > 1) is { } alike)
            throw new BadArgumentException($"--classes {string.Join(',', alike)}: their runs would go by the same names; compare one of them at a time, each with an --out of its own");

        return new ComparisonScope(file, classes.Count > 0 ? classes : [feature.Class], Seeds(parsed) is { Count: > 0 } seeds ? seeds : defaultSeeds);
    }

    /// <summary>What the command line sets over every run, as given.</summary>
    public IReadOnlyList<string> Overrides(ParseResult parsed) => parsed.GetValue(_set) ?? [];

    /// <summary>The path of something set, once it is known to be one.</summary>
    public static string PathOf(string set) => PolicyOverride.Parse(set).Path;

    /// <summary>The runs of some methods, every policy read and checked.</summary>
    /// <param name="scope">As read.</param>
    /// <param name="plan">Says which runs.</param>
    /// <param name="parsed">For what is set over every run.</param>
    /// <param name="data">Folder with the real images, or null.</param>
    /// <exception cref="BadArgumentException">A run's policy is wrong; what is wrong with it has been told.</exception>
    public IReadOnlyList<ComparisonRequest> Requests(ComparisonScope scope, Comparison plan, ParseResult parsed, string? data)
    {
        var requests = new List<ComparisonRequest>();
        foreach (var key in plan.Keys())
        {
            var method = plan.Methods.Single(each => each.Name == key.Method);
            string[] overrides = [.. Overrides(parsed), .. CellPolicy.Overrides(method, key, scope.Policy.Evaluation.Samples, data)];
            var file = ReadPolicy(overrides);
            if (method.IncludesAdaptationSteps)
                file = ReadPolicy([.. overrides, CellPolicy.CombinedStepsOverride(file.Policy.Unlearning)]);
            var policy = file.Policy;
            var inputs = file.Inputs();
            requests.Add(new ComparisonRequest(
                key, policy,
                new PolicySource(Path.GetFullPath(scope.File.Path), file.Text, file.Result.TextSha256, CanonicalJson.Digest(policy), file.Overrides),
                inputs, ComparedCell.DigestOf(policy, inputs.EnumerateFiles().Select(input => (input.Role, Digest(input.Path))))));
        }

        return requests;

        PolicyFile ReadPolicy(string[] overrides)
        {
            var file = PolicyFile.Read(scope.File.Path, overrides, terminal, warnings: false);   // those were told once
            return file.Result.Policy is null ? throw new BadArgumentException($"{scope.File.Path}: a run cannot be made with what the comparison sets") : file;
        }
    }

    /// <summary>Loads what runs load first, once for each class, and holds every run's training against it, so that what is not there or does not fit shows at once and not after hours.</summary>
    /// <param name="scope">As read.</param>
    /// <param name="requests">The runs.</param>
    /// <param name="hint">What whoever asked for runs that the generator is not for can do about it.</param>
    /// <exception cref="BadArgumentException">A file does not fit the policy.</exception>
    /// <exception cref="DiagnosticException">A file cannot be read.</exception>
    public static void Check(ComparisonScope scope, IReadOnlyList<ComparisonRequest> requests, string hint)
    {
        foreach (var same in requests.GroupBy(request => request.Key.Class).Select(same => same.ToList()))
            scope.File.RunWithLocatedErrors(same[0].Inputs, () =>
            {
                using var generator = same[0].Inputs.LoadGenerator(CPU);
                using var classifiers = same[0].Inputs.LoadClassifiers(generator.Generator.Shape, CPU);
                foreach (var request in same)
                    CheckTraining(request, generator, hint);
            });
    }

    // The policy itself may be in order, and a row ask for what its generator cannot do.
    private static void CheckTraining(ComparisonRequest request, LoadedGenerator generator, string hint)
    {
        try
        {
            GeneratorRequirements.RequireTrainable(request.Policy.Unlearning, generator);
        }
        catch (PolicyMismatchException mismatch)
        {
            throw new PolicyMismatchException(mismatch.JsonPath, $"{mismatch.Problem} (asked for by the run {request.Key}; {hint})");
        }
    }

    /// <summary>Makes a run and tells what came of it.</summary>
    /// <exception cref="BadArgumentException">A file does not fit the policy.</exception>
    /// <exception cref="DiagnosticException">A file cannot be read.</exception>
    public ComparedCell RunAndReport(ComparisonScope scope, ComparisonRuns runs, ComparisonRequest request, CancellationToken cancel)
    {
        var cell = scope.File.RunWithLocatedErrors(request.Inputs, () => runs.Make(request, cancel));
        terminal.WriteStatus(cell.Outcome is { } outcome
            ? FormattableString.Invariant($"{request.Key}: PUL {100 * outcome.Unlearned:0.0} %, Fréchet distance ×{outcome.FrechetRatio:0.00}, smallest share kept {100 * outcome.SmallestShareKept:0} %, {outcome.TrainingSeconds / 60:0.0} minutes of training")
            : $"{request.Key}: could not finish: {cell.Failure}");
        return cell;
    }

    /// <summary>Every file that some runs read, and others that the command names.</summary>
    public static IEnumerable<(string What, string? Path)> Read(IReadOnlyList<ComparisonRequest> requests, params IEnumerable<(string What, string? Path)> more) =>
        requests.SelectMany(request => request.Inputs.EnumerateFiles()).DistinctBy(input => input.Path).Select(input => (input.Role, (string?)input.Path)).Concat(more);

    /// <summary>The values of an option that takes several, separated by commas or given again.</summary>
    public static IReadOnlyList<string> ParseList(ParseResult parsed, Option<string[]> option) =>
        [.. (parsed.GetValue(option) ?? []).SelectMany(text => text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)).Distinct()];

    private IReadOnlyList<long> Seeds(ParseResult parsed) =>
        [.. ParseList(parsed, _seeds).Select(text => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seed) ? seed : throw new BadArgumentException($"--seeds: '{text}' is no seed; use whole numbers from 0"))];

    // A missing file has none; its runs will say so.
    private string Digest(string input) => _digests.TryGetValue(input, out var known) ? known : _digests[input] = RunRecordFile.Digest(input) ?? "";

    /// <summary>What is run many times.</summary>
    /// <param name="File">Holds a policy.</param>
    /// <param name="Classes">At least one.</param>
    /// <param name="Seeds">At least one.</param>
    public sealed record ComparisonScope(PolicyFile File, IReadOnlyList<string> Classes, IReadOnlyList<long> Seeds)
    {
        /// <summary>As it is in the file, with what the command line sets.</summary>
        public UnlearningPolicy Policy => File.Policy;
    }
}
