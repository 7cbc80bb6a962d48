using System.Globalization;
using System.Text;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Reports;

/// <summary>The pages that people read of <c>atu attack</c>: Markdown, and one file for a browser without scripts.</summary>
public static class AttackReport
{
    /// <summary>File name of the Markdown page.</summary>
    public const string MarkdownName = "attack.md";

    /// <summary>File name of the page for a browser.</summary>
    public const string HtmlName = "attack.html";

    /// <summary>What both pages say near their beginning, by which a page of this command is known.</summary>
    public const string Mark = "Printed by `atu attack`";

    private const string Security = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

    /// <summary>The page as Markdown; it names the pictures, which lie beside it.</summary>
    /// <param name="study">What was found.</param>
    /// <param name="showsPictures">Whether the page may show images of the feature (<c>report.publishSamples</c>).</param>
    public static string RenderMarkdown(AttackStudy study, bool showsPictures)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"# Attacks: {MarkdownText.Escape(study.Policy)}\n\n");
        text.Append(CultureInfo.InvariantCulture, $"{Facts(study, MarkdownText.Escape)}\n\n");
        text.AppendJoin("\n\n", Explanations(study)).Append('\n');
        foreach (var part in Parts(study))
        {
            text.Append(CultureInfo.InvariantCulture, $"\n## {part.Attack}: {MarkdownText.Escape(part.Feature)}\n\n");
            text.Append(CultureInfo.InvariantCulture, $"Tried: {part.Summary}.\n\n");
            var table = new MarkdownTable(["tried", .. study.Generators.Select(generator => generator.Name)], 1..);
            foreach (var row in part.Rows)
                table.AddRow([row.Name, .. row.Cells]);
            text.Append(table);
            if (RelearningText.Table(study, part.Feature, part.Attack) is { } costs)
            {
                text.Append(CultureInfo.InvariantCulture, $"\n{costs.Caption}\n\n");
                var cost = new MarkdownTable([.. costs.Columns], 1..);
                foreach (var row in costs.Rows)
                    cost.AddRow([.. row]);
                text.Append(cost);
            }

            foreach (var reason in part.Reasons)
                text.Append(CultureInfo.InvariantCulture, $"\nNot measured: {MarkdownText.Escape(reason)}.\n");
            foreach (var (generator, classes) in part.Matrices)
                text.Append(CultureInfo.InvariantCulture, $"\nClass before (rows), class {generator} (columns):\n\n")
                    .Append(Matrix(classes));
            foreach (var (generator, picture) in part.Pictures)
                text.Append(showsPictures
                    ? $"\n![What {part.Attack} found in the generator {generator}]({picture})\n"
                    : $"\nFound in the generator {generator}: `{picture}`.\n");
        }

        return text.ToString();
    }

    /// <summary>The page for a browser, as one file.</summary>
    /// <param name="study">What was found.</param>
    /// <param name="findPicture">
    /// A PNG file's bytes by its name in the study; null where the page may not hold it, or it is not there.
    /// </param>
    public static string RenderHtml(AttackStudy study, Func<string, byte[]?> findPicture)
    {
        var title = HtmlText.Escape($"Attacks: {study.Policy}");
        var html = new StringBuilder($"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <!-- {Mark} -->
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta http-equiv="Content-Security-Policy" content="{Security}">
            <meta name="color-scheme" content="light dark">
            <title>{title}</title>
            <style>
            {HtmlStyle.Sheet}
            </style>
            </head>
            <body>
            <main>
            <header class="caution">
            <h1>{title}</h1>
            <p class="facts">{HtmlText.Escape(Facts(study, path => path))}</p>
            {string.Join('\n', Explanations(study).Select(each => $"<p>{HtmlText.Escape(each)}</p>"))}
            </header>

            """);
        foreach (var part in Parts(study))
            AppendSection(html, study, part, findPicture);
        return html.Append("</main>\n</body>\n</html>\n").ToString();
    }

    private static void AppendSection(StringBuilder html, AttackStudy study, Part part, Func<string, byte[]?> findPicture)
    {
        html.Append("<section>\n").Append(
            CultureInfo.InvariantCulture, $"<h2>{part.Attack}: <bdi>{HtmlText.Escape(part.Feature)}</bdi></h2>\n");
        html.Append(CultureInfo.InvariantCulture, $"<p>Tried: {HtmlText.Escape(part.Summary)}.</p>\n");
        Table(html, ["tried", .. study.Generators.Select(generator => generator.Name)],
            part.Rows.Select(IReadOnlyList<string> (row) => [row.Name, .. row.Cells]));
        if (RelearningText.Table(study, part.Feature, part.Attack) is { } costs)
        {
            html.Append(CultureInfo.InvariantCulture, $"<p>{HtmlText.Escape(costs.Caption)}</p>\n");
            Table(html, costs.Columns, costs.Rows);
        }

        foreach (var reason in part.Reasons)
            html.Append(CultureInfo.InvariantCulture, $"<p class=\"absent\">Not measured: {HtmlText.Escape(reason)}.</p>\n");
        foreach (var (generator, classes) in part.Matrices)
        {
            html.Append(CultureInfo.InvariantCulture, $"<p>Class before (rows), class {generator} (columns):</p>\n");
            Table(html, ["", .. classes.Names], MatrixRows(classes));
        }

        foreach (var (generator, picture) in part.Pictures)
        {
            var caption = $"Found in the generator {generator}";
            html.Append(findPicture(picture) is { } bytes
                ? $"<figure>\n<img src=\"data:image/png;base64,{Convert.ToBase64String(bytes)}\" alt=\"{caption}: images in "
                    + "which the auditor sees the feature, a row for each variant.\">\n"
                    + $"<figcaption>{caption}</figcaption>\n</figure>\n"
                : $"<p class=\"absent\">{caption}: <code>{HtmlText.Escape(picture)}</code></p>\n");
        }

        html.Append("</section>\n");
    }

    private static void Table(StringBuilder html, IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string>> rows)
    {
        html.Append("<table>\n<thead><tr>")
            .AppendJoin("", columns.Select(column => $"<th scope=\"col\">{HtmlText.Escape(column)}</th>"))
            .Append("</tr></thead>\n<tbody>\n");
        foreach (var row in rows)
            html.Append(CultureInfo.InvariantCulture, $"<tr><th scope=\"row\">{HtmlText.Escape(row[0])}</th>")
                .AppendJoin("", row.Skip(1).Select(cell => $"<td>{HtmlText.KeepUnits(HtmlText.Escape(cell))}</td>"))
                .Append("</tr>\n");
        html.Append("</tbody>\n</table>\n");
    }

    private static string Facts(AttackStudy study, Func<string, string> escape) => string.Create(
        CultureInfo.InvariantCulture,
        $"{Mark}, {study.Tool}. Seed {study.Seed}; {study.Samples} images for each rate, {study.Starts} starts and {study.Steps} "
            + $"steps for each search; at most {study.TrainingSteps} training steps, on at most {study.Negatives} images of the "
            + $"feature. "
            + $"{string.Join("; ", study.Generators.Select(each => $"{each.Name}: {each.Sha256[..12]}"))}."
            + $"{(study.Images is { } images ? DescribeImages(images, escape) : "")}");

    private static string DescribeImages(StudiedImages images, Func<string, string> escape) => FormattableString.Invariant(
        $" Given images to reconstruct: {images.Count} in {escape(images.Path)} ({images.Sha256[..12]}).");

    private static IReadOnlyList<string> Explanations(AttackStudy study) =>
    [
        "A success is an image in which the auditor sees the feature; the annotator guided the search.",
        string.Create(
            CultureInfo.InvariantCulture,
            $"A cell has successes of attempts, with the {100 * study.Confidence:0.##} % Clopper–Pearson interval of their "
                + $"share. \"At start\" counts the attempts that showed the feature before the search. \"Nearer\" is the share "
                + $"of usual latents that lie nearer to the centre than the median found one; at most "
                + $"{100 * AttackVariant.UsualShare:0} % is usual."),
        "Look at the pictures: far from usual latents both classifiers may be deceived. An attack that fails proves nothing "
            + "about others.",
    ];

    private static IEnumerable<Part> Parts(AttackStudy study) =>
        from attack in study.Attacks
        group attack by (attack.Reading.Attack, attack.Reading.Feature) into same
        let names = same.SelectMany(attack => attack.Reading.Variants.Select(variant => variant.Name)).Distinct().ToList()
        select new Part(
            same.Key.Attack,
            same.Key.Feature,
            same.First().Summary,
            [.. names.Select(name => new Row(
                name,
                [.. study.Generators.Select(generator => Cell(
                    study.Find(same.Key.Attack, same.Key.Feature, generator.Name)?.Reading.Variants
                        .FirstOrDefault(variant => variant.Name == name),
                    study.Confidence))]))],
            [.. same.SelectMany(attack => attack.Reading.Variants
                .Where(variant => variant.Why is not null)
                .GroupBy(variant => variant.Why!)
                .Select(alike =>
                    $"{attack.Generator}, {string.Join("; ", alike.Select(variant => variant.Name))}: {alike.Key}"))],
            [.. same.Where(attack => attack.Reading.Classes is not null && attack.Generator != "before")
                .Select(attack => (attack.Generator, attack.Reading.Classes!))],
            [.. same.Where(attack => attack.Picture is not null).Select(attack => (attack.Generator, attack.Picture!))]);

    /// <summary>Successes of attempts with their interval, and what else is known of a variant.</summary>
    internal static string Cell(AttackVariant? variant, double confidence)
    {
        if (variant?.Interval(confidence) is not { } interval)
            return "not measured";

        var (low, high) = interval;
        var text = new StringBuilder();
        text.Append(
            CultureInfo.InvariantCulture,
            $"{variant.Successes} of {variant.Attempts} ({100 * low:0.#} to {100 * high:0.#} %)");
        if (variant.AtStart is { } start)
            text.Append(CultureInfo.InvariantCulture, $"; {start} at start");
        if (variant.Usual is { } usual)
            text.Append(CultureInfo.InvariantCulture, $"; {usual} from usual latents");
        if (variant.Percentile is { } share)
            text.Append(CultureInfo.InvariantCulture, $"; {100 * share:0.#} % nearer");
        if (variant.Distance is { } distance)
            text.Append(CultureInfo.InvariantCulture, $"; distance {distance:G3}");
        return text.ToString();
    }

    private static string Matrix(ClassMatrix classes)
    {
        var table = new MarkdownTable(["", .. classes.Names.Select(MarkdownText.Escape)], 1..);
        foreach (var row in MatrixRows(classes))
            table.AddRow([.. row.Select(MarkdownText.Escape)]);
        return table.ToString();
    }

    private static IEnumerable<IReadOnlyList<string>> MatrixRows(ClassMatrix classes) =>
        classes.Names.Zip(classes.Counts).Select(IReadOnlyList<string> (row) =>
            [row.First, .. row.Second.Select(count => count.ToString(CultureInfo.InvariantCulture))]);

    private sealed record Part(
        string Attack,
        string Feature,
        string Summary,
        IReadOnlyList<Row> Rows,
        IReadOnlyList<string> Reasons,
        IReadOnlyList<(string Generator, ClassMatrix Classes)> Matrices,
        IReadOnlyList<(string Generator, string Picture)> Pictures);

    private sealed record Row(string Name, IReadOnlyList<string> Cells);
}
