using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Comparing;

namespace AdaptThenUnlearn.Cli.Comparing;

/// <summary>What is compared, and what came of it so far.</summary>
/// <param name="Policy">That every run starts from.</param>
/// <param name="Classes">That are unlearned, one at a time.</param>
/// <param name="Seeds">Of training.</param>
/// <param name="Methods">The rows.</param>
/// <param name="Overrides">What the command line set over every run, as <c>path=value</c>.</param>
/// <param name="Cells">Those that were run, in any order, at most one a key; retraining's may be among them where it is no row, for the others to be held against.</param>
public sealed record Comparison(
    UnlearningPolicy Policy, IReadOnlyList<string> Classes, IReadOnlyList<long> Seeds, IReadOnlyList<ComparedMethod> Methods, IReadOnlyList<string> Overrides, IReadOnlyList<ComparedCell> Cells)
{
    /// <summary>Every run the comparison asks for: first all of one seed, so that a table that is not finished has whole columns.</summary>
    public IEnumerable<CellKey> Keys() =>
        from seed in Seeds
        from method in Methods
        where !method.OneSeed || seed == ReferenceSeed
        from name in Classes
        select new CellKey(method.Name, name, seed);

    // Whatever the order they are named in, so that it is not made twice.
    private long ReferenceSeed => Seeds.Min();

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
        return new MethodFigures([.. made.Where(cell => cell.Outcome is not null)], keys.Count, made.Count(cell => cell.Failure is not null), Retrained, TimingHardware);
    }

    /// <summary>Runs of two methods on the same class and seed in which everything was measured, side by side; where one of them has one seed, its run stands beside each of the other's.</summary>
    public IReadOnlyList<ComparedPair> Pairs(ComparedMethod one, ComparedMethod other)
    {
        var (these, those) = (CompleteCells(one), CompleteCells(other));
        return [.. these.SelectMany(mine => those.Where(yours => PairKey(mine) == PairKey(yours)).Select(yours => new ComparedPair(mine, yours)))];

        // Of a method with one seed, the class alone tells its run.
        (string, long) PairKey(ComparedCell cell) => (cell.Key.Class, one.OneSeed || other.OneSeed ? 0 : cell.Key.Seed);

        IEnumerable<ComparedCell> CompleteCells(ComparedMethod method) => Figures(method, Classes).Cells.Where(cell => cell.Outcome is { Unlearned: not null, FrechetRatio: not null });
    }

    /// <summary>Figures of some runs, of one method or several.</summary>
    public MethodFigures FiguresOf(IEnumerable<ComparedCell> cells)
    {
        var known = cells.ToList();
        return new MethodFigures(known, known.Count, Failed: 0, Retrained, TimingHardware);
    }

    /// <summary>Where most runs were made: times of others do not compare. Null while there are none.</summary>
    public RunHardware? TimingHardware => Cells.GroupBy(RunHardware.FromCell).OrderByDescending(cells => cells.Count()).ThenBy(cells => cells.Key.ToString(), StringComparer.Ordinal).FirstOrDefault()?.Key;

    /// <summary>The run that retrained without a class; null where it was not made or could not finish.</summary>
    public ComparedCell? Retrained(string className) => Find(new CellKey(ComparedMethods.Retrain.Name, className, ReferenceSeed)) is { Outcome: not null } cell ? cell : null;
}

/// <summary>Two runs of the same class, and of the same seed where both have several.</summary>
/// <param name="One">Of the method that is spoken of.</param>
/// <param name="Other">Of the one that it is held against.</param>
public sealed record ComparedPair(ComparedCell One, ComparedCell Other);

/// <summary>What runs have to have in common for their times to be compared.</summary>
/// <param name="Device">What computed: <c>cpu</c>, <c>cuda:0</c>.</param>
/// <param name="Threads">Of the processor.</param>
public readonly record struct RunHardware(string Device, int Threads)
{
    /// <summary>Where a run was made.</summary>
    public static RunHardware FromCell(ComparedCell cell) => new(cell.Environment.Device, cell.Environment.Threads);

    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant($"{Device} with {Threads} thread{(Threads == 1 ? "" : "s")}");
}

/// <summary>The figures of one method over some classes and seeds.</summary>
/// <param name="Cells">Runs that finished.</param>
/// <param name="Planned">Runs that were asked for.</param>
/// <param name="Failed">Runs that were made and could not finish.</param>
/// <param name="Retrained">The run that retrained without a class, or null.</param>
/// <param name="TimingHardware">Where runs have to have been made for their minutes to count; null where none do.</param>
public sealed record MethodFigures(IReadOnlyList<ComparedCell> Cells, int Planned, int Failed, Func<string, ComparedCell?> Retrained, RunHardware? TimingHardware)
{
    /// <summary>PUL, as shares.</summary>
    public Spread? Unlearned => Over(outcome => outcome.Unlearned);

    /// <summary>Fréchet distance after over before.</summary>
    public Spread? FrechetRatio => Over(outcome => outcome.FrechetRatio);

    /// <summary>Fréchet distance over retraining's on the same class.</summary>
    public Spread? ToRetraining => Spread.Compute(Cells.Select(RatioToRetraining));

    /// <summary>Fréchet distance of one run over retraining's on the same class.</summary>
    public double? RatioToRetraining(ComparedCell cell) => cell.Outcome?.FrechetAfter / Retrained(cell.Key.Class)?.Outcome!.FrechetAfter;

    /// <summary>Ret-FD: Fréchet distance to the retrained generator's images.</summary>
    public Spread? FrechetToRetrained => Spread.Compute(Cells.Select(RetrainedDistance));

    /// <summary>Ret-FD of one run, if it was measured against the retraining that is compared with.</summary>
    public double? RetrainedDistance(ComparedCell cell) =>
        cell.Outcome is { } outcome && outcome.RetrainedSha256 == Retrained(cell.Key.Class)?.Outcome!.ArtifactSha256 ? outcome.FrechetToRetrained : null;

    /// <summary>Smallest share kept of any retained class.</summary>
    public Spread? SmallestShareKept => Over(outcome => outcome.SmallestShareKept);

    /// <summary>Largest share kept of any retained class.</summary>
    public Spread? LargestShareKept => Over(outcome => outcome.LargestShareKept);

    /// <summary>Generator updates, adaptation included.</summary>
    public Spread? Steps => Over(outcome => outcome.Steps);

    /// <summary>Minutes of feedback and training by the clock, the judging of candidates included, measuring before and after not.</summary>
    public Spread? Minutes => Over(outcome => outcome.TrainingSeconds / 60, TimedCells);

    /// <summary>The same as minutes of one core: what is compared, because it hardly depends on what else the machine did.</summary>
    public Spread? ProcessorMinutes => Over(outcome => outcome.ProcessorSeconds / 60, TimedCells);

    /// <summary>Processor time over retraining's on the same class; of runs made on the same place as that, for other times do not compare.</summary>
    public Spread? TimeToRetraining => Spread.Compute(Cells.Select(cell => Retrained(cell.Key.Class) is { } yardstick && RunHardware.FromCell(yardstick) == RunHardware.FromCell(cell)
        ? cell.Outcome!.ProcessorSeconds / yardstick.Outcome!.ProcessorSeconds
        : null));

    private IEnumerable<ComparedCell> TimedCells => Cells.Where(cell => RunHardware.FromCell(cell) == TimingHardware);

    private Spread? Over(Func<CellOutcome, double?> figure, IEnumerable<ComparedCell>? cells = null) => Spread.Compute((cells ?? Cells).Select(cell => figure(cell.Outcome!)));
}

/// <summary>Mean and range of some figures.</summary>
/// <param name="Mean">Arithmetic.</param>
/// <param name="Low">Smallest.</param>
/// <param name="High">Largest.</param>
/// <param name="Count">How many; at least 1.</param>
public sealed record Spread(double Mean, double Low, double High, int Count)
{
    /// <summary>Of the figures there are; null when there are none.</summary>
    public static Spread? Compute(IEnumerable<double?> figures)
    {
        var known = figures.OfType<double>().ToList();
        return known.Count == 0 ? null : new Spread(known.Average(), known.Min(), known.Max(), known.Count);
    }
}
