using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Comparing;

/// <summary>What is compared, and what came of it so far.</summary>
/// <param name="Policy">That every run starts from.</param>
/// <param name="Classes">That are unlearned, one at a time.</param>
/// <param name="Seeds">Of training.</param>
/// <param name="Methods">The rows.</param>
/// <param name="Set">What the command line set over every run, as <c>path=value</c>.</param>
/// <param name="Cells">Those that were run, in any order, at most one a key; retraining's may be among them where it is no row, for the others to be held against.</param>
public sealed record Comparison(
    UnlearningPolicy Policy, IReadOnlyList<string> Classes, IReadOnlyList<long> Seeds, IReadOnlyList<ComparedMethod> Methods, IReadOnlyList<string> Set, IReadOnlyList<ComparedCell> Cells)
{
    /// <summary>Every run the comparison asks for: first all of one seed, so that a table that is not finished has whole columns.</summary>
    public IEnumerable<CellKey> Keys() =>
        from seed in Seeds
        from method in Methods
        where !method.OneSeed || seed == YardstickSeed
        from name in Classes
        select new CellKey(method.Name, name, seed);

    // Whatever the order they are named in, so that it is not made twice.
    private long YardstickSeed => Seeds.Min();

    /// <summary>The cell of a key, or null.</summary>
    public ComparedCell? Find(CellKey key) => Cells.FirstOrDefault(cell => cell.Key == key);

    /// <summary>Runs that are asked for and were not made.</summary>
    public IReadOnlyList<CellKey> Missing() => [.. Keys().Where(key => Find(key) is null)];

    /// <summary>Runs that were made and could not finish: no mean has them, and a method that has some is not what its means say.</summary>
    public IReadOnlyList<ComparedCell> Failed() => [.. Keys().Select(Find).OfType<ComparedCell>().Where(cell => cell.Failure is not null)];

    /// <summary>Figures of a method's finished runs on some classes.</summary>
    public MethodFigures Figures(ComparedMethod method, params IReadOnlyList<string> classes)
    {
        var keys = Keys().Where(key => key.Method == method.Name && classes.Contains(key.Class)).ToList();
        var made = keys.Select(Find).OfType<ComparedCell>().ToList();
        return new MethodFigures([.. made.Where(cell => cell.Outcome is not null)], keys.Count, made.Count(cell => cell.Failure is not null), Retrained);
    }

    /// <summary>Figures of two methods on the classes and seeds that both finished; null where there are none.</summary>
    public (MethodFigures One, MethodFigures Other)? Matched(ComparedMethod one, ComparedMethod other)
    {
        var (these, those) = (Figures(one, Classes), Figures(other, Classes));
        var common = these.Cells.Select(Place).Intersect(those.Cells.Select(Place)).ToList();
        return common.Count == 0 ? null : (Of(these), Of(those));

        // Of a method with one seed, the class alone tells its run.
        (string, long) Place(ComparedCell cell) => (cell.Key.Class, one.OneSeed || other.OneSeed ? 0 : cell.Key.Seed);

        MethodFigures Of(MethodFigures figures) => figures with { Cells = [.. figures.Cells.Where(cell => common.Contains(Place(cell)))] };
    }

    /// <summary>What retraining without a class came to; null where it was not run.</summary>
    public CellOutcome? Retrained(string className) => Find(new CellKey(ComparedMethods.Retrain.Name, className, YardstickSeed))?.Outcome;
}

/// <summary>The figures of one method over some classes and seeds.</summary>
/// <param name="Cells">Runs that finished.</param>
/// <param name="Asked">Runs that were asked for.</param>
/// <param name="Failed">Runs that were made and could not finish.</param>
/// <param name="Retrained">What retraining without a class came to.</param>
public sealed record MethodFigures(IReadOnlyList<ComparedCell> Cells, int Asked, int Failed, Func<string, CellOutcome?> Retrained)
{
    /// <summary>PUL, as shares.</summary>
    public Spread? Unlearned => Over(outcome => outcome.Unlearned);

    /// <summary>Fréchet distance after over before.</summary>
    public Spread? FrechetRatio => Over(outcome => outcome.FrechetRatio);

    /// <summary>Fréchet distance over retraining's on the same class.</summary>
    public Spread? ToRetraining => Spread.Of(Cells.Select(cell => cell.Outcome!.FrechetAfter / Retrained(cell.Key.Class)?.FrechetAfter));

    /// <summary>Ret-FD: Fréchet distance to the retrained generator's images.</summary>
    public Spread? FrechetToRetrained => Spread.Of(Cells.Select(RetrainedDistance));

    /// <summary>Ret-FD of one run, if it was measured against the retraining that is compared with.</summary>
    public double? RetrainedDistance(ComparedCell cell) =>
        cell.Outcome is { } outcome && outcome.RetrainedSha256 == Retrained(cell.Key.Class)?.ArtifactSha256 ? outcome.FrechetToRetrained : null;

    /// <summary>Smallest share kept of any retained class.</summary>
    public Spread? SmallestShareKept => Over(outcome => outcome.SmallestShareKept);

    /// <summary>Largest share kept of any retained class.</summary>
    public Spread? LargestShareKept => Over(outcome => outcome.LargestShareKept);

    /// <summary>Generator updates, adaptation included.</summary>
    public Spread? Steps => Over(outcome => outcome.Steps);

    /// <summary>Minutes of training by the clock, without measuring.</summary>
    public Spread? Minutes => Over(outcome => outcome.TrainingSeconds / 60);

    /// <summary>Minutes of training of one core, without measuring: what is compared, because it hardly depends on what else the machine did.</summary>
    public Spread? ProcessorMinutes => Over(outcome => outcome.ProcessorSeconds / 60);

    /// <summary>Processor time over retraining's on the same class.</summary>
    public Spread? TimeToRetraining => Spread.Of(Cells.Select(cell => cell.Outcome!.ProcessorSeconds / Retrained(cell.Key.Class)?.ProcessorSeconds));

    private Spread? Over(Func<CellOutcome, double?> figure) => Spread.Of(Cells.Select(cell => figure(cell.Outcome!)));
}

/// <summary>Mean and range of some figures.</summary>
/// <param name="Mean">Arithmetic.</param>
/// <param name="Low">Smallest.</param>
/// <param name="High">Largest.</param>
/// <param name="Count">How many; at least 1.</param>
public sealed record Spread(double Mean, double Low, double High, int Count)
{
    /// <summary>Of the figures there are; null when there are none.</summary>
    public static Spread? Of(IEnumerable<double?> figures)
    {
        var known = figures.OfType<double>().ToList();
        return known.Count == 0 ? null : new Spread(known.Average(), known.Min(), known.Max(), known.Count);
    }
}
