using AdaptThenUnlearn.Reports;
using static AdaptThenUnlearn.Comparing.FigureText;

namespace AdaptThenUnlearn.Comparing;

/// <summary>What the presets are to reach, and whether they do: a section of the comparison's page.</summary>
internal static class ComparisonAims
{
    /// <summary>Draws the section; nothing where no preset that has aims is compared.</summary>
    public static string Render(Comparison comparison)
    {
        var table = new MarkdownTable("Preset", "Aim", "Reached", "All classes", "Worst unlearned class");
        var (usual, thorough) = (ComparedMethods.Default, ComparedMethods.Thorough);
        Line(usual, "PUL ≥ 97 %, each class, mean over seeds", figures => figures.Unlearned, Mean, value => value >= 0.97, Percent, worstIsLow: true, eachClass: true);
        Line(usual, "Fréchet distance ≤ 1.4 × before, each class, mean over seeds", figures => figures.FrechetRatio, Mean, value => value <= 1.4, Times, worstIsLow: false, eachClass: true);
        Line(usual, "no retained class below half its share, any seed", figures => figures.SmallestShareKept, spread => spread.Low, value => value >= 0.5, Percent, worstIsLow: true, eachClass: true);
        Line(thorough, "PUL ≥ 99 %, mean over classes and seeds", figures => figures.Unlearned, Mean, value => value >= 0.99, Percent, worstIsLow: true, eachClass: false);
        Line(thorough, "Fréchet distance ≤ 1.2 × before, likewise", figures => figures.FrechetRatio, Mean, value => value <= 1.2, Times, worstIsLow: false, eachClass: false);
        Line(thorough, "Fréchet distance ≤ 1.5 × retraining's, likewise", figures => figures.ToRetraining, Mean, value => value <= 1.5, Times, worstIsLow: false, eachClass: false);
        Line(thorough, "at most a third of retraining's time, likewise", figures => figures.TimeToRetraining, Mean, value => value <= 1 / 3.0, Percent, worstIsLow: false, eachClass: false);
        return comparison.Methods.Contains(usual) || comparison.Methods.Contains(thorough) ? $"## Aims\n\n{table}" : "";

        static double Mean(Spread spread) => spread.Mean;

        void Line(
            ComparedMethod method, string aim, Func<MethodFigures, Spread?> figure, Func<Spread, double> held, Func<double, bool> reached, Func<double, string> unit, bool worstIsLow, bool eachClass)
        {
            if (!comparison.Methods.Contains(method))
                return;

            var byClass = comparison.Classes.Select(name => (Name: name, Spread: figure(comparison.Figures(method, name)))).ToList();
            var known = byClass.Where(each => each.Spread is not null).Select(each => (each.Name, Value: held(each.Spread!))).OrderBy(each => worstIsLow ? each.Value : -each.Value).ToList();
            var runs = comparison.Figures(method, comparison.Classes);
            var all = figure(runs);
            table.Row(MarkdownText.Code(method.Name), aim, Answer(), all is null ? None : unit(held(all)), known.Count == 0 ? None : $"{MarkdownText.Escape(known[0].Name)}: {unit(known[0].Value)}");

            string Answer()
            {
                if (runs.Failed > 0)
                    return $"**no**: {runs.Failed} of {runs.Asked} runs came to no result";
                if (all is not null && all.Count < runs.Cells.Count)
                    return $"**no**: it was measured in {all.Count} of {Counted(runs.Cells.Count, "run", "runs")}";
                if (known.Count < byClass.Count)
                    return "not measured yet";
                var met = eachClass ? known.TrueForAll(each => reached(each.Value)) : reached(held(all!));
                return (met ? "yes" : "**no**") + (runs.Cells.Count < runs.Asked ? $", so far ({runs.Cells.Count} of {runs.Asked} runs)" : "");
            }
        }
    }
}
