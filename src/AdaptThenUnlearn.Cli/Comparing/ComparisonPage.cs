using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Torch.Comparing;
using static AdaptThenUnlearn.Cli.Comparing.FigureText;

namespace AdaptThenUnlearn.Cli.Comparing;

/// <summary>The page that tells a comparison: every figure and every sentence with one comes from the cells.</summary>
public static partial class ComparisonPage
{
    /// <summary>Draws the page.</summary>
    /// <param name="comparison">What was compared.</param>
    /// <param name="files">Folder of the plots and the CSV file, relative to the page.</param>
    public static string Render(Comparison comparison, string files)
    {
        var page = new StringBuilder();
        foreach (var part in new[]
        {
            Head(comparison, files), Summary(comparison), ComparisonAims.Render(comparison), Methods(comparison), Classes(comparison),
            Runs(comparison), Published(comparison), Protocol(comparison), Gaps(comparison),
        })
            if (part.Length > 0)
                page.Append(part).Append('\n');
        return page.ToString().TrimEnd('\n') + "\n";
    }

    private static string Head(Comparison comparison, string files)
    {
        var (asked, missing, failed) = (comparison.Keys().Count(), comparison.Missing().Count, comparison.Failed().Count);
        return $"""
            # Results

            Printed by `atu compare` from {asked - missing - failed} of {asked} runs on policy `{comparison.Policy.Name}`: {Listed("class", "classes", comparison.Classes)} unlearned one at a
            time, {Listed("seed", "seeds", [.. comparison.Seeds.Select(seed => seed.ToString(CultureInfo.InvariantCulture))])}. {Absent()}
            {RawOutput()}{SetOverAll()}Single runs: [below](#run-by-run), and in [{files}/results.csv]({files}/results.csv).

            ![Unlearning against image quality, and against cost]({files}/tradeoff.png)

            """;

        string RawOutput() => comparison.Cells.Count(cell => cell.Outcome is { Range: EvaluationOptions.Raw }) switch
        {
            0 => "",
            var raw when raw == comparison.Cells.Count(cell => cell.Outcome is not null) => $"**Every figure was measured on raw network output**, {RawOutputCaution}",
            var raw => $"**{FormatCount(raw, "run was", "runs were")} measured on raw network output**, {RawOutputCaution}",
        };

        string SetOverAll() => comparison.Overrides.Count == 0 ? "" : $"Over every run was set: {string.Join(", ", comparison.Overrides.Select(MarkdownText.Code))}. ";

        string Absent() => (missing, failed) switch
        {
            (0, 0) => "None is missing.",
            (_, 0) => $"**{FormatCount(missing, "run is", "runs are")} missing**, as the end of the page says; no mean counts them.",
            (0, _) => $"**{FormatCount(failed, "run", "runs")} came to no result**, as the end of the page says; no mean counts them.",
            _ => $"**{FormatCount(missing, "run is", "runs are")} missing and {failed} came to no result**, as the end of the page says; no mean counts them.",
        };
    }

    private static string Methods(Comparison comparison)
    {
        var text = new StringBuilder("## Every method, over all classes and seeds\n\nMean (lowest to highest). PUL: share of the class that was unlearned, counted by the " + Counter(comparison) + ". " + Distance(comparison) + Columns);
        foreach (var family in comparison.Methods.GroupBy(method => method.Family))
        {
            var table = new MarkdownTable("Method", "Runs", "PUL", "FD after / before", "FD / retraining's", "Ret-FD", "Smallest share kept", "Largest", "Steps", "Minutes of one core", "Minutes by the clock");
            foreach (var method in family)
            {
                var figures = comparison.Figures(method, comparison.Classes);
                table.AddRow(
                    $"`{method.Name}`",
                    $"{figures.Cells.Count} of {figures.Planned}{(figures.Failed > 0 ? $", {figures.Failed} without result" : "")}",
                    Text(figures.Unlearned, Percent),
                    Text(figures.FrechetRatio, Times),
                    Text(figures.ToRetraining, Times),
                    Text(figures.FrechetToRetrained, Plain),
                    Text(figures.SmallestShareKept, Percent),
                    Text(figures.LargestShareKept, Percent),
                    Text(figures.Steps, Whole),
                    Time(figures.ProcessorMinutes),
                    Time(figures.Minutes));

                string Text(Spread? spread, Func<double, string> unit) => FigureText.Format(spread, unit, figures.Cells.Count);

                string Time(Spread? spread) => FigureText.Format(spread, Minutes, figures.Cells.Count, "counted");
            }

            text.Append("\n### ").Append(Heading(family.Key)).Append("\n\n").Append(table).Append('\n').AppendJoin('\n', family.Select(method => $"- `{method.Name}`: {method.Description}")).Append('\n').Append(Caution(family.Key));
        }

        return text.ToString();
    }

    private const string RawOutputCaution = "not on the clipped 8-bit pictures that users get; it stands until the runs are made again.\n";

    private const string Columns = """

        Smallest share kept, and largest: of every retained class, its images after over its images before; the smallest and the largest of these. Steps: generator updates, adaptation included.

        """;

    private static string Caution(MethodFamily family) => family switch
    {
        MethodFamily.Published => """

            These are the paper's losses on this generator, and not the paper's experiment: preset `paper` adapts for fewer steps than the paper,
            measures distances relative to how far the adaptation went, and has constants from a small search on two digits of this project's own
            generator (the project's `results/notes/comparing.md` lists the trials). As published, the last step is kept, whatever it came to.

            """,
        MethodFamily.Alone => """

            The four are repulsion, retention anchoring, negatives as fakes and class balancing. What counts as clean, the choice of candidates and the recovery phase are those of `default`.

            """,
        _ => "",
    };

    private static string Classes(Comparison comparison)
    {
        var text = new StringBuilder("## Class by class\n\nPUL, and FD after / before: mean over seeds (lowest to highest).\n\n");
        var table = new MarkdownTable(["Method", .. comparison.Classes.SelectMany(name => new[] { $"{MarkdownText.Escape(name)}: PUL", $"{MarkdownText.Escape(name)}: FD ratio" })]);
        foreach (var method in comparison.Methods)
        {
            var byClass = comparison.Classes.Select(name => comparison.Figures(method, name));
            table.AddRow([$"`{method.Name}`", .. byClass.SelectMany(figures => new[] { FigureText.Format(figures.Unlearned, Percent, figures.Cells.Count), FigureText.Format(figures.FrechetRatio, Times, figures.Cells.Count) })]);
        }

        return text.Append(table).ToString();
    }

    // Folded, since it is long: who doubts a mean looks up what it was made of.
    private static string Runs(Comparison comparison)
    {
        var table = new MarkdownTable("Run", "PUL (95 % interval)", "FD before", "FD after", "FD after / before", "FD / retraining's", "Ret-FD", "Smallest share kept", "Steps", "Minutes of one core");
        foreach (var cell in comparison.Keys().Select(comparison.Find).OfType<ComparedCell>().Where(cell => cell.Outcome is not null))
        {
            var figures = comparison.FiguresOf([cell]);
            table.AddRow(
                $"`{cell.Key.Method}`, {MarkdownText.Escape(cell.Key.Class)}, {Seed(cell.Key)}",
                Mean(figures.Unlearned, Percent) + Interval(cell.Outcome!),
                Text(cell.Outcome!.FrechetBefore, Plain),
                Text(cell.Outcome.FrechetAfter, Plain),
                Mean(figures.FrechetRatio, Times),
                Mean(figures.ToRetraining, Times),
                Mean(figures.FrechetToRetrained, Plain),
                Mean(figures.SmallestShareKept, Percent),
                Whole(cell.Outcome.Steps),
                Text(cell.Outcome.ProcessorSeconds / 60, Minutes));
        }

        return $"## Run by run\n\n<details>\n<summary>Method, class and seed of every run that finished, and what came of it</summary>\n\n{table}\n</details>\n";

        static string Interval(CellOutcome outcome) => outcome.UnlearnedInterval is var (low, high) ? $" ({Percent(low)} to {Percent(high)})" : "";

        static string Text(double? figure, Func<double, string> unit) => figure is { } known ? unit(known) : None;
    }

    private static string Published(Comparison comparison)
    {
        var classes = comparison.Classes.Where(name => PublishedResults.Rows[0].FiguresFor(name) is not null).ToList();
        if (classes.Count == 0 || !PublishedResults.AppliesTo(comparison.Policy))
            return "";

        var table = new MarkdownTable(["Method", .. classes.SelectMany(name => new[] { $"{name}: paper PUL", $"{name}: our PUL", $"{name}: paper FID / retraining's", $"{name}: our FD / retraining's" })]);
        foreach (var row in PublishedResults.Rows)
            table.AddRow([row.Name, .. classes.SelectMany(name => Cells(row, name, row.Method))]);
        foreach (var method in new[] { ComparedMethods.Default, ComparedMethods.Thorough }.Where(comparison.Methods.Contains))
            table.AddRow([MarkdownText.Code(method.Name), .. classes.SelectMany(name => Cells(null, name, method.Name))]);
        return $"""
            ## Beside the published table

            {table}
            Published: Tiwary et al. 2025 (arXiv:2309.14054), MNIST. **The absolute numbers do not compare**: their FID is of Inception-v3 on their
            generator, ours another extractor's on another one, and their PUL is counted by the classifier that also labelled the
            training feedback{(HasAuditor(comparison) ? ", ours by another" : "")}. What does compare, with care, is how far each ends from retraining on its own scale.
            {Below()}
            """;

        // What the table shows at a glance should be said as well.
        string Below()
        {
            var places = PublishedResults.Rows.SelectMany(row => classes.Select(name => (Row: row, Class: name, Paper: row.FiguresFor(name)!.Unlearned / 100, Own: Own(row.Method, name))))
                .Where(place => place.Own?.Unlearned is not null).ToList();
            var less = places.Where(place => Percent(place.Own!.Unlearned!.Mean) != Percent(place.Paper) && place.Own.Unlearned.Mean < place.Paper).OrderByDescending(place => place.Paper - place.Own!.Unlearned!.Mean).ToList();
            var farther = places.Count(place => place.Own!.ToRetraining?.Mean > PublishedResults.ToRetraining(place.Row, place.Class));
            return less.Count == 0 ? "" : $"""

                In {less.Count} of {FormatCount(places.Count, "place", "places")} of the table the method of that name unlearned a smaller share here, by this project's count, than in the paper, by theirs;
                furthest apart is {less[0].Row.Name} on {less[0].Class}, {Percent(less[0].Own!.Unlearned!.Mean)} and {Percent(less[0].Paper)}. In {farther} of the {places.Count} the distance relative to retraining's is larger here.

                """;
        }

        MethodFigures? Own(string method, string name) => comparison.Methods.FirstOrDefault(each => each.Name == method) is { } own ? comparison.Figures(own, name) : null;

        IEnumerable<string> Cells(PublishedRow? row, string name, string method)
        {
            var figures = Own(method, name);
            yield return row?.FiguresFor(name) is { } published ? Percent(published.Unlearned / 100) : None;
            yield return Mean(figures?.Unlearned, Percent);
            yield return row is not null && PublishedResults.ToRetraining(row, name) is { } ratio ? Times(ratio) : None;
            yield return Mean(figures?.ToRetraining, Times);
        }
    }

    private static string Summary(Comparison comparison)
    {
        var paragraphs = new ComparisonSummary(comparison).Paragraphs().Select(paragraph => $"{paragraph.About}:\n\n{string.Concat(paragraph.Sentences.Select(sentence => $"- {sentence}\n"))}").ToList();
        return $"## Reading\n\n{(paragraphs.Count == 0 ? "No two methods that are held against each other have runs of the same class and seed in which everything was measured.\n" : string.Join('\n', paragraphs))}";
    }

    private static string Protocol(Comparison comparison) => $"""
        ## Protocol

        Every run is `atu govern` on the same policy with one class named undesired, and with what the method sets over the section `unlearning`; what the policy itself says there
        holds for every method that does not set it. Before and after are
        measured on the same evaluation latents, which no training draws; PUL is counted by the {Counter(comparison)}. {Compared(comparison)}The 95 % interval of a run's PUL is Clopper and Pearson's (of the rate after, with the rate before taken as known; it does not cover what another seed would do). Minutes are of feedback and training, the judging of candidates included; those
        by the clock were measured beside whatever else the machine did, so costs are compared by the time of the cores{Timed(comparison)}.{Waiting(comparison)}

        Runs were made {Runners(comparison)}. The CSV file names each run's version in full.

        """;

    private static string Timed(Comparison comparison) => comparison.TimingHardware is { } place ? $", and only of runs on {place}" : "";

    private static string Waiting(Comparison comparison) => comparison.TimingHardware?.Device.StartsWith("cuda", StringComparison.Ordinal) == true
        ? " On a GPU a core waits for the device: its time is the clock's too, and depends on what else the GPU was given."
        : "";

    private static string Runners(Comparison comparison)
    {
        var places = comparison.Cells.GroupBy(RunHardware.FromCell).Select(cells => $"on {cells.Key}, by {string.Join(", ", cells.Select(cell => Short(cell.Tool)).Distinct().Order(StringComparer.Ordinal))}");
        return string.Join("; ", places.Order(StringComparer.Ordinal).DefaultIfEmpty("by nobody yet"));

        // The commit by as many digits as tell it: atu 0.1.0+127853ae, with .dirty where it was.
        static string Short(string tool) => CommitRest().Replace(tool, "");
    }

    [GeneratedRegex(@"(?<=\+[0-9a-f]{8})[0-9a-f]+")]
    private static partial Regex CommitRest();

    private static string Gaps(Comparison comparison)
    {
        var failed = comparison.Failed();
        var missing = comparison.Missing();
        var text = new StringBuilder("## What is missing\n\n");
        string[] lines =
        [
            .. failed.Select(cell => $"{MarkdownText.Escape(cell.Key.ToString())}: came to no result: {MarkdownText.Escape(cell.Failure!)} (it is made again once its file is gone: `{cell.Key.FileNameFor(cell.Asked)}.json` where there is one, else `{cell.Key.FileName}.json`)"),
            .. missing.GroupBy(key => key.Method).Select(keys => $"`{keys.Key}`: {Runs([.. keys])}"),
            .. WithoutRetrainedDistance(),
            .. Untimed(),
        ];
        return text.Append(lines.Length == 0 ? "Nothing.\n" : string.Concat(lines.Select(line => $"- {line}\n"))).ToString();

        IEnumerable<string> Untimed() => comparison.Cells.Where(cell => cell.Outcome is not null && RunHardware.FromCell(cell) != comparison.TimingHardware).GroupBy(RunHardware.FromCell)
            .Select(cells => $"minutes of {FormatCount(cells.Count(), "run", "runs")} on {cells.Key}: in no mean of minutes, for those on other machinery do not compare; the CSV file has them");

        // Runs of a class that was retrained: either their generators were not at hand together with the retrained one, or a look at both gave no distance.
        IEnumerable<string> WithoutRetrainedDistance()
        {
            if (comparison.Policy.Quality is null)
                yield break;
            var lacking = comparison.Methods.Where(method => method != ComparedMethods.Retrain).Select(method => comparison.Figures(method, comparison.Classes))
                .SelectMany(figures => figures.Cells.Where(cell => comparison.Retrained(cell.Key.Class) is not null && figures.RetrainedDistance(cell) is null))
                .ToLookup(cell => cell.Outcome!.RetrainedSha256 == comparison.Retrained(cell.Key.Class)!.Outcome!.ArtifactSha256);
            if (lacking[false].Count() is > 0 and var unmeasured)
                yield return $"Ret-FD of {FormatCount(unmeasured, "run", "runs")}: measured by the whole command without `--page-only`, once the generators and the retrained one lie under `--work`";
            if (lacking[true].Count() is > 0 and var unmeasurable)
                yield return $"Ret-FD of {FormatCount(unmeasurable, "run", "runs")}: could not be measured, for too few images were left to compare";
        }

        string Runs(IReadOnlyList<CellKey> keys) => keys.Count > 1 && keys.Count == comparison.Keys().Count(key => key.Method == keys[0].Method)
            ? Invariant($"all of its {keys.Count} runs")
            : string.Join("; ", keys.GroupBy(key => key.Class).Select(same => $"class {MarkdownText.Escape(same.Key)}, {Listed("seed", "seeds", [.. same.Select(Seed)])}"));
    }

    /// <summary>Under which a family of methods is told.</summary>
    public static string Heading(MethodFamily family) => family switch
    {
        MethodFamily.Baseline => "Baselines",
        MethodFamily.Published => "The published losses",
        MethodFamily.Preset => "Presets",
        MethodFamily.Alone => "One part alone",
        _ => "One part left out",
    };

    private static bool HasAuditor(Comparison comparison) => comparison.Policy.UndesiredFeatures[0].HasIndependentAuditor(comparison.Policy);

    private static string Counter(Comparison comparison) =>
        HasAuditor(comparison) ? "auditor, which neither labels feedback nor chooses candidates" : "**annotator, which also labels feedback and chooses candidates**, because the policy names no other auditor";

    private static string Distance(Comparison comparison) => comparison.Policy.Quality is { } quality
        ? $"FD: Fréchet distance of the retained classes, in the features of {MarkdownText.Code(quality.Extractor)}; Ret-FD: from the images of the generator that was retrained without the class."
        : "The policy asks for no image quality, and none was measured.";

    private static string Compared(Comparison comparison) => comparison.Policy.Quality is { } quality
        ? $"The Fréchet distance\ncompares as many retained images before and after with one reference: {(quality.Reference == QualityReading.OriginalGenerator ? "samples of the original generator" : "the policy's")}, without the class. "
        : "";

    private static string Listed(string one, string many, IReadOnlyList<string> names) => (names.Count == 1 ? one : many) + " " + string.Join(", ", names.Select(MarkdownText.Escape));

    private static string Seed(CellKey key) => Invariant($"{key.Seed}");

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
