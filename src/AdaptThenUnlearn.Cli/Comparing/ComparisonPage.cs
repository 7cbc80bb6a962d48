using System.Text;
using System.Text.RegularExpressions;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Torch.Comparing;
using static AdaptThenUnlearn.Cli.Comparing.FigureText;

namespace AdaptThenUnlearn.Cli.Comparing;

/// <summary>The page of a comparison. Every figure on it, and every sentence with a figure, is computed from the cells.</summary>
public static partial class ComparisonPage
{
    private const string ThirdColumn = "PUL, third";

    /// <summary>Renders the page as Markdown.</summary>
    /// <param name="comparison">The plan and its runs.</param>
    /// <param name="files">Folder of the plots and the CSV file, relative to the page.</param>
    public static string Render(Comparison comparison, string files)
    {
        var page = new StringBuilder();
        foreach (var part in new[]
        {
            Head(comparison, files),
            Summary(comparison),
            ComparisonAims.Render(comparison),
            Methods(comparison),
            Classes(comparison),
            Runs(comparison), Published(comparison), Protocol(comparison), Gaps(comparison),
        })
            if (part.Length > 0)
                page.Append(part).Append('\n');
        return page.ToString().TrimEnd('\n') + "\n";
    }

    private static string Head(Comparison comparison, string files)
    {
        var (planned, missing, failed) = (comparison.Keys().Count(), comparison.Missing().Count, comparison.Failed().Count);
        var classes = Listed("class", "classes", comparison.Classes);
        var seeds = Listed("seed", "seeds", [.. comparison.Seeds.Select(seed => Invariant($"{seed}"))]);
        return $"""
            # Results

            Printed by `atu compare` from {planned - missing - failed} of {planned} runs on policy `{comparison.Policy.Name}`.
            The runs unlearn {classes}, one at a time, with {seeds}. {Absent()}
            {RawOutput()}{SetForEveryRun()}Each run is listed [below](#run-by-run) and in
            [{files}/results.csv]({files}/results.csv).

            ![Unlearning against image quality, and against cost]({files}/tradeoff.png)

            """;

        string RawOutput()
        {
            var raw = comparison.Cells.Count(cell => cell.Outcome is { Range: EvaluationOptions.Raw });
            if (raw == 0)
                return "";
            var which = raw == comparison.Cells.Count(cell => cell.Outcome is not null) ? "Every figure " +
                "was" : FormatCount(raw, "run was", "runs were");
            return $"**{which} measured on raw network output**, not on the clipped 8-bit pictures that users get.\n"
                + "Its presets are those of that time: without Fréchet loss, guidance and students, and with repulsion. This\n"
                + "applies until the runs are made again.\n";
        }

        string SetForEveryRun() => comparison.Overrides.Count == 0
            ? ""
            : $"Set for every run: {string.Join(", ", comparison.Overrides.Select(MarkdownText.Code))}.\n";

        string Absent() => (missing, failed) switch
        {
            (0, 0) => "No run is missing.",
            (_, 0) => $"**{FormatCount(missing, "run is", "runs are")} missing**; the last section lists them. No mean " +
                "includes them.",
            (0, _) => $"**{FormatCount(failed, "run", "runs")} ended without a result**; the last section says why. No mean " +
                "includes them.",
            _ => $"**{FormatCount(missing, "run is", "runs are")} missing and {failed} ended without a result**; the last " +
                "section lists them. No mean includes them.",
        };
    }

    private static string Methods(Comparison comparison)
    {
        var text = new StringBuilder("## Every method, over all classes and seeds\n\n").Append(Columns(comparison));
        foreach (var family in comparison.Methods.GroupBy(method => method.Family))
        {
            text.Append("\n### ").Append(Heading(family.Key)).Append("\n\n").Append(MethodTable(comparison, family));
            text.Append('\n').AppendJoin('\n', family.Select(method => $"- `{method.Name}`: {method.Description}")).Append('\n');
            text.Append(family.Key == MethodFamily.Refusing ? RefusingSection.Render(comparison) : Caution(family.Key));
        }

        return text.ToString();
    }

    private static string Columns(Comparison comparison) => $"""
        Each cell shows the mean, then the range (lowest to highest).

        - **PUL**: share of the class that was unlearned, counted by the {Counter(comparison)}.
        {Third(comparison)}{Distance(comparison)}
        - **Smallest share kept**, **Largest**: for every retained class, its images after divided by its images before. The
          columns show the smallest and the largest of these.
        - **Steps**: generator updates, adaptation included.
        - **Minutes**: see [Protocol](#protocol).

        """;

    // Only refusing makes images that it does not keep.
    private static MarkdownTable MethodTable(Comparison comparison, IGrouping<MethodFamily, ComparedMethod> methods)
    {
        var refuses = methods.Key == MethodFamily.Refusing;
        var table = new MarkdownTable(
        [
            "Method", "Runs", "PUL", .. WhereThird(comparison, ThirdColumn), "FD after / before", "FD after",
            .. WhereFloor(comparison, "FD after / floor"),
            "FD / retraining's", "Ret-FD", "Smallest share kept", "Largest",
            .. refuses ? ["Images made for each that is kept"] : Array.Empty<string>(),
            "Steps", "Minutes of one core", "Minutes by the clock",
        ]);
        foreach (var method in methods)
        {
            var figures = comparison.Figures(method, comparison.Classes);
            table.AddRow(
            [
                $"`{method.Name}`",
                $"{figures.Cells.Count} of {figures.Planned}{(figures.Failed > 0 ? $", {figures.Failed} without result" : "")}",
                Text(figures.Unlearned, Percent),
                .. WhereThird(comparison, Text(figures.UnlearnedByThird, Percent)),
                Text(figures.FrechetRatio, Times),
                Text(figures.FrechetAfter, Plain),
                .. WhereFloor(comparison, Text(figures.ToFloor, Floors)),
                Text(figures.ToRetraining, Times),
                Text(figures.FrechetToRetrained, Plain),
                Text(figures.SmallestShareKept, Percent),
                Text(figures.LargestShareKept, Percent),
                .. refuses ? [Text(figures.MadeForEach, Ratio)] : Array.Empty<string>(),
                Text(figures.Steps, Whole),
                Time(figures.ProcessorMinutes),
                Time(figures.Minutes),
            ]);

            string Text(Spread? spread, Func<double, string> unit) => FigureText.Format(spread, unit, figures.Cells.Count);

            string Time(Spread? spread) => FigureText.Format(spread, Minutes, figures.Cells.Count, "counted");
        }

        return table;
    }

    private static string Caution(MethodFamily family) => family switch
    {
        MethodFamily.Published => """

            These are the paper's losses on this generator, not the paper's experiment:

            - Preset `paper` adapts for fewer steps than the paper.
            - It measures distances relative to how far the adaptation went.
            - Its constants come from a small search on two digits of this project's generator. The project's
              `results/notes/comparing.md` lists the trials.
            - As published, the last step is kept, whatever its result.

            """,
        _ => "",
    };

    private static string Classes(Comparison comparison)
    {
        var text = new StringBuilder("## Class by class\n\nMean over seeds, then the range (lowest to highest). FD ratio: FD " +
            "after divided by FD before.");
        text.AppendJoin("", WhereFloor(comparison, " Floors: FD after divided by the floor."));
        text.Append("\n\n");
        var columns = comparison.Classes.Select(MarkdownText.Escape).SelectMany(IEnumerable<string> (name) =>
        [
            $"{name}: PUL", .. WhereThird(comparison, $"{name}: {ThirdColumn}"), $"{name}: FD ratio",
            .. WhereFloor(comparison, $"{name}: floors"),
        ]);
        var table = new MarkdownTable(["Method", .. columns]);
        foreach (var method in comparison.Methods)
        {
            var byClass = comparison.Classes.Select(name => comparison.Figures(method, name));
            table.AddRow([$"`{method.Name}`", .. byClass.SelectMany(IEnumerable<string> (figures) =>
            [
                FigureText.Format(figures.Unlearned, Percent, figures.Cells.Count),
                .. WhereThird(comparison, FigureText.Format(figures.UnlearnedByThird, Percent, figures.Cells.Count)),
                FigureText.Format(figures.FrechetRatio, Times, figures.Cells.Count),
                .. WhereFloor(comparison, FigureText.Format(figures.ToFloor, Floors, figures.Cells.Count)),
            ])]);
        }

        return text.Append(table).ToString();
    }

    // Folded, because it is long. It shows what each mean is made of.
    private static string Runs(Comparison comparison)
    {
        var table = new MarkdownTable(
        [
            "Run", "PUL (95 % interval)", .. WhereThird(comparison, ThirdColumn), "FD before", "FD after", "FD after / before",
            .. WhereFloor(comparison, "FD after / floor"), "FD / retraining's", "Ret-FD", "Smallest share kept",
            "Steps", "Minutes of one core",
        ]);
        foreach (var cell in comparison.Keys()
            .Select(comparison.Find)
            .OfType<ComparedCell>()
            .Where(cell => cell.Outcome is not null))
        {
            var figures = comparison.FiguresOf([cell]);
            table.AddRow(
            [
                $"`{cell.Key.Method}`, {MarkdownText.Escape(cell.Key.Class)}, {Seed(cell.Key)}",
                Mean(figures.Unlearned, Percent) + Interval(cell.Outcome!),
                .. WhereThird(comparison, Mean(figures.UnlearnedByThird, Percent)),
                Text(cell.Outcome!.FrechetBefore, Plain),
                Text(cell.Outcome.FrechetAfter, Plain),
                Mean(figures.FrechetRatio, Times),
                .. WhereFloor(comparison, Mean(figures.ToFloor, Floors)),
                Mean(figures.ToRetraining, Times),
                Mean(figures.FrechetToRetrained, Plain),
                Mean(figures.SmallestShareKept, Percent),
                Whole(cell.Outcome.Steps),
                Text(cell.Outcome.ProcessorSeconds / 60, Minutes),
            ]);
        }

        return $"## Run by run\n\n<details>\n<summary>Method, class and seed of every run that finished, with its " +
            $"figures</summary>\n\n{table}\n</details>\n";

        static string Interval(CellOutcome outcome) =>
            outcome.UnlearnedInterval is var (low, high) ? $" ({Percent(low)} to {Percent(high)})" : "";

        static string Text(double? figure, Func<double, string> unit) => figure is { } known ? unit(known) : None;
    }

    private static string Published(Comparison comparison)
    {
        var classes = comparison.Classes.Where(name => PublishedResults.Rows[0].FiguresFor(name) is not null).ToList();
        if (classes.Count == 0 || !PublishedResults.AppliesTo(comparison.Policy))
            return "";

        var ours = HasAuditor(comparison) ? ", ours by another classifier" : "";
        return $"""
            ## Beside the published table

            {PublishedTable(comparison, classes)}
            Published: Tiwary et al. 2025 (arXiv:2309.14054), MNIST. **The absolute numbers do not compare:**

            - Their FID uses Inception-v3 on their generator. Our FD uses another extractor on another generator.
            - Their PUL is counted by the classifier that also labelled the training feedback{ours}.

            The distance relative to retraining can be compared, with care.
            {PublishedDifferences(comparison, classes)}
            """;
    }

    private static MarkdownTable PublishedTable(Comparison comparison, IReadOnlyList<string> classes)
    {
        var table = new MarkdownTable(["Method", .. classes.SelectMany(name => new[]
        {
            $"{name}: paper PUL", $"{name}: our PUL", $"{name}: paper FID / retraining's", $"{name}: our FD / retraining's",
        })]);
        foreach (var row in PublishedResults.Rows)
            table.AddRow([row.Name, .. classes.SelectMany(name => Cells(row, name, row.Method))]);
        foreach (var method in new[] { ComparedMethods.Default, ComparedMethods.Thorough }.Where(comparison.Methods.Contains))
            table.AddRow([MarkdownText.Code(method.Name), .. classes.SelectMany(name => Cells(null, name, method.Name))]);
        return table;

        IEnumerable<string> Cells(PublishedRow? row, string name, string method)
        {
            var figures = FiguresOf(comparison, method, name);
            yield return row?.FiguresFor(name) is { } published ? Percent(published.Unlearned / 100) : None;
            yield return Mean(figures?.Unlearned, Percent);
            yield return row is not null && PublishedResults.ToRetraining(row, name) is { } ratio ? Times(ratio) : None;
            yield return Mean(figures?.ToRetraining, Times);
        }
    }

    // States in words what the table shows.
    private static string PublishedDifferences(Comparison comparison, IReadOnlyList<string> classes)
    {
        // Collect the cells of the table that have both figures.
        var places =
            (from row in PublishedResults.Rows
             from name in classes
             let figures = FiguresOf(comparison, row.Method, name)
             where figures?.Unlearned is not null
             let paper = row.FiguresFor(name)!.Unlearned / 100
             select (Row: row, Class: name, Paper: paper, Ours: figures.Unlearned!.Mean, figures.ToRetraining)).ToList();

        // Count those where less was unlearned here, and those where the images are further from retraining.
        var less = places.Where(place => Percent(place.Ours) != Percent(place.Paper) && place.Ours < place.Paper)
            .OrderByDescending(place => place.Paper - place.Ours).ToList();
        if (less.Count == 0)
            return "";

        var farther = places.Count(place => place.ToRetraining?.Mean > PublishedResults.ToRetraining(place.Row, place.Class));
        var (most, total) = (less[0], FormatCount(places.Count, "cell", "cells"));
        return $"""

            - In {less.Count} of {total} of the table, the method unlearned a smaller share here than in the paper, each counted by
              its own project's classifier. The largest difference is {most.Row.Name} on class {most.Class}:
              {Percent(most.Ours)} here, {Percent(most.Paper)} in the paper.
            - In {farther} of {total}, the distance relative to retraining is larger here.

            """;
    }

    private static MethodFigures? FiguresOf(Comparison comparison, string method, string className) =>
        comparison.Methods.FirstOrDefault(each => each.Name == method) is { } compared
            ? comparison.Figures(compared, className)
            : null;

    private static string Summary(Comparison comparison)
    {
        var paragraphs = new ComparisonSummary(comparison).Paragraphs()
            .Select(paragraph => (paragraph.About, Lines: paragraph.Sentences.Select(sentence => $"- {sentence}\n")))
            .Select(paragraph => $"{paragraph.About}:\n\n{string.Concat(paragraph.Lines)}").ToList();
        return "## Reading\n\n" + (paragraphs.Count > 0
            ? string.Join('\n', paragraphs)
            : "There is nothing to compare yet: no two compared methods have complete runs of the same class and seed.\n");
    }

    private static string Protocol(Comparison comparison) => $"""
        ## Protocol

        - Every run is `atu govern` on the same policy, with one class named undesired and the method's values set in the section
          `unlearning`. The policy's values there hold for every method that does not set them.
        {RefusingSection.Protocol(comparison)}- Before and after are measured on the same evaluation latents, which are never used in training.
        - PUL is counted by the {Counter(comparison)}.
        {Compared(comparison)}- The 95 % interval of a run's PUL is Clopper and Pearson's, of the rate after. It treats the rate
          before as known, and does not cover what another seed would give.
        - Minutes are of feedback and training, including the evaluation of candidates. Minutes by the clock depend on what else
          the machine did, so costs are compared by the time of the cores{Timed(comparison)}.{Waiting(comparison)}

        {Runners(comparison)} The CSV file gives each run's version in full.

        """;

    private static string Timed(Comparison comparison) =>
        comparison.TimingHardware is { } place ? $", and only of runs on {place}" : "";

    private static string Waiting(Comparison comparison) =>
        comparison.TimingHardware?.Device.StartsWith("cuda", StringComparison.Ordinal) == true
            ? " On a GPU a core waits for the device. Its time is then the clock's, and depends on what else the GPU did."
            : "";

    private static string Runners(Comparison comparison)
    {
        var places =
            (from cells in comparison.Cells.GroupBy(RunHardware.FromCell)
             let tools = cells.Select(cell => Short(cell.Tool)).Distinct().Order(StringComparer.Ordinal)
             select $"on {cells.Key}, by {string.Join(", ", tools)}").ToList();
        return places.Count == 0 ? "No runs were made yet." : $"Runs were made " +
            $"{string.Join("; ", places.Order(StringComparer.Ordinal))}.";

        // Shorten the commit to eight digits: atu 0.1.0+127853ae, with .dirty where it was.
        static string Short(string tool) => CommitRest().Replace(tool, "");
    }

    [GeneratedRegex(@"(?<=\+[0-9a-f]{8})[0-9a-f]+")]
    private static partial Regex CommitRest();

    private static string Gaps(Comparison comparison)
    {
        string[] lines =
        [
            .. comparison.Failed().Select(DescribeFailure),
            .. comparison.Missing().GroupBy(key => key.Method).Select(keys => $"`{keys.Key}`: " +
                $"{DescribeRuns(comparison, [.. keys])}"),
            .. WithoutRetrainedDistance(comparison),
            .. Uncounted(comparison),
            .. Untimed(comparison),
        ];
        return "## What is missing\n\n" + (lines.Length == 0 ? "Nothing.\n" : string.Concat(lines.Select(line => $"- {line}\n")));
    }

    private static string DescribeFailure(ComparedCell cell)
    {
        var (run, reason) = (MarkdownText.Escape(cell.Key.ToString()), MarkdownText.Escape(cell.Failure!));
        return $"{run}: ended without a result: {reason} (to make it again, delete `{cell.Key.FileNameFor(cell.Asked)}.json` " +
            $"if it exists, otherwise `{cell.Key.FileName}.json`)";
    }

    private static string DescribeRuns(Comparison comparison, IReadOnlyList<CellKey> keys) =>
        keys.Count > 1 && keys.Count == comparison.Keys().Count(key => key.Method == keys[0].Method)
            ? Invariant($"all of its {keys.Count} runs")
            : string.Join("; ", keys.GroupBy(key => key.Class).Select(
                same => $"class {MarkdownText.Escape(same.Key)}, {Listed("seed", "seeds", [.. same.Select(Seed)])}"));

    private static IEnumerable<string> Untimed(Comparison comparison) =>
        from cell in comparison.Cells
        where cell.Outcome is not null && RunHardware.FromCell(cell) != comparison.TimingHardware
        group cell by RunHardware.FromCell(cell) into cells
        select $"minutes of {FormatCount(cells.Count(), "run", "runs")} on {cells.Key}: not in the means, because minutes on " +
            "different hardware do not compare; the CSV file has them";

    // Finds runs of a retrained class without Ret-FD: the generators were not at hand together, or the measurement gave no
    // distance.
    private static IEnumerable<string> WithoutRetrainedDistance(Comparison comparison)
    {
        if (comparison.Policy.Quality is null)
            yield break;

        var lacking =
            (from method in comparison.Methods
             where method != ComparedMethods.Retrain
             let figures = comparison.Figures(method, comparison.Classes)
             from cell in figures.Cells
             where comparison.Retrained(cell.Key.Class) is not null && figures.RetrainedDistance(cell) is null
             select cell)
            .ToLookup(cell => cell.Outcome!.RetrainedSha256 == comparison.Retrained(cell.Key.Class)!.Outcome!.ArtifactSha256);
        if (lacking[false].Count() is > 0 and var unmeasured)
            yield return $"Ret-FD of {FormatCount(unmeasured, "run", "runs")}: to measure it, run the whole command without " +
                "`--page-only`, with the generators and the retrained one under `--work`";
        if (lacking[true].Count() is > 0 and var unmeasurable)
            yield return $"Ret-FD of {FormatCount(unmeasurable, "run", "runs")}: could not be measured, because too few images " +
                "were left to compare";
    }

    // Runs that the third classifier did not count, or that another one counted.
    private static IEnumerable<string> Uncounted(Comparison comparison)
    {
        var uncounted =
            from method in comparison.Methods
            let figures = comparison.Figures(method, comparison.Classes)
            from cell in figures.Cells
            where figures.ThirdCount(cell.Outcome!) is null
            select cell;
        if (comparison.Third is not null && uncounted.Count() is > 0 and var runs)
            yield return $"PUL by the third classifier of {FormatCount(runs, "run", "runs")}: to count it, run the whole " +
                "command without `--page-only`, with the generators under `--work`";
    }

    /// <summary>The heading of a family of methods.</summary>
    public static string Heading(MethodFamily family) => family switch
    {
        MethodFamily.Baseline => "Baselines",
        MethodFamily.Published => "The published losses",
        MethodFamily.Preset => "Presets",
        MethodFamily.Refusing => "Refusing at sampling time",
        _ => "One part left out, or one more",
    };

    internal static bool HasAuditor(Comparison comparison) =>
        comparison.Policy.UndesiredFeatures[0].HasIndependentAuditor(comparison.Policy);

    private static string Counter(Comparison comparison) => HasAuditor(comparison)
        ? "auditor, which neither labels feedback nor chooses candidates"
        : "**annotator, which also labels feedback and chooses candidates**, because the policy names no other auditor";

    private static string Third(Comparison comparison) => comparison.Third is { } third
        ? $"""
            - **{ThirdColumn}**: the same share, counted by {MarkdownText.Code(third.Name)} (SHA-256 `{third.Sha256[..8]}…`)
              in the same images; it is used for nothing else: it labels no feedback, chooses no candidate and judges nothing.

            """
        : "";

    private static string Distance(Comparison comparison) => comparison.Policy.Quality is { } quality
        ? $"""
            - **FD**: Fréchet distance of the retained classes, in the features of {MarkdownText.Code(quality.Extractor)}.
            {Floor(comparison)}- **Ret-FD**: Fréchet distance to the images of the generator that was retrained without the class.
            """ + Retraining(comparison)
        : "- **FD**, **Ret-FD**: not measured, because the policy asks for no image quality.";

    // Says which of several retrainings the figures mean.
    private static string Retraining(Comparison comparison) =>
        comparison.Methods.Any(method => method.NeedsData && method != ComparedMethods.Retrain)
            ? "\n- **FD / retraining's** and **Ret-FD** mean the row `retrain` alone, in every row."
            : "";

    private static string Floor(Comparison comparison) => comparison.Floor is { } floor
        ? Invariant($"- **Floor**: {floor:0.0000}, the same distance of real images of all classes that were held out from the\n")
            + "  reference. A generator that is as good as new real images stands at 1.\n"
        : "";

    // A heading or a cell about the floor; none where there is no floor.
    private static string[] WhereFloor(Comparison comparison, string text) => comparison.Floor is null ? [] : [text];

    // A heading or a cell about the third classifier; none where there is none.
    private static string[] WhereThird(Comparison comparison, string text) => comparison.Third is null ? [] : [text];

    private static string Compared(Comparison comparison)
    {
        if (comparison.Policy.Quality is not { } quality)
            return "";

        var reference = quality.Reference == QualityReading.OriginalGenerator
            ? "samples of the original generator"
            : "the policy's";
        return $"""
            - The Fréchet distance compares the same number of retained images before and after with one reference: {reference},
              without the class.

            """;
    }

    private static string Listed(string one, string many, IReadOnlyList<string> names) =>
        (names.Count == 1 ? one : many) + " " + string.Join(", ", names.Select(MarkdownText.Escape));

    private static string Seed(CellKey key) => Invariant($"{key.Seed}");

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
