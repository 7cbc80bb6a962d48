using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Comparing;

namespace AdaptThenUnlearn.Cli.Comparing;

/// <summary>A comparison: the planned runs, and the results so far.</summary>
/// <param name="Policy">The policy that every run starts from.</param>
/// <param name="Classes">The classes to unlearn, one at a time.</param>
/// <param name="Seeds">The seeds for training.</param>
/// <param name="Methods">The rows.</param>
/// <param name="Overrides">Values that the command line sets for every run, as <c>path=value</c>.</param>
/// <param name="Cells">
/// The finished and failed runs, in any order, at most one for each key. Retraining's cells may be included even if it is not a
/// row, to compare with.
/// </param>
public sealed record Comparison(
    UnlearningPolicy Policy, IReadOnlyList<string> Classes, IReadOnlyList<long> Seeds, IReadOnlyList<ComparedMethod> Methods,
    IReadOnlyList<string> Overrides, IReadOnlyList<ComparedCell> Cells)
{
    /// <summary>
    /// Fréchet distance of real images that were held out from the policy's reference, of all classes; null where it is not
    /// known.
    /// </summary>
    public double? Floor { get; init; }

    /// <summary>The classifier that counts the class again and is used for nothing else; null where none does.</summary>
    public ThirdFile? Third { get; init; }

    /// <summary>Every planned run, seed by seed, so that an unfinished table has complete columns.</summary>
    public IEnumerable<CellKey> Keys() =>
        from seed in Seeds
        from method in Methods
        where !method.OneSeed || seed == ReferenceSeed
        from name in Classes
        select new CellKey(method.Name, name, seed);

    // Independent of the order of the seeds, so that the run is not made twice.
    private long ReferenceSeed => Seeds.Min();

    /// <summary>The cell of a key, or null.</summary>
    public ComparedCell? Find(CellKey key) => Cells.FirstOrDefault(cell => cell.Key == key);

    /// <summary>Planned runs that were not made yet.</summary>
    public IReadOnlyList<CellKey> Missing() => [.. Keys().Where(key => Find(key) is null)];

    /// <summary>Runs that ended without a result. They are in no mean, so the means of their method are incomplete.</summary>
    public IReadOnlyList<ComparedCell> Failed() =>
        [.. Keys().Select(Find).OfType<ComparedCell>().Where(cell => cell.Failure is not null)];

    /// <summary>The figures of a method's finished runs on some classes.</summary>
    public MethodFigures Figures(ComparedMethod method, params IReadOnlyList<string> classes)
    {
        var keys = Keys().Where(key => key.Method == method.Name && classes.Contains(key.Class)).ToList();
        var made = keys.Select(Find).OfType<ComparedCell>().ToList();
        var finished = made.Where(cell => cell.Outcome is not null).ToList();
        return new MethodFigures(finished, keys.Count, made.Count(cell => cell.Failure is not null), Retrained, TimingHardware)
        {
            Floor = Floor,
            ThirdSha256 = Third?.Sha256,
        };
    }

    /// <summary>
    /// Pairs of complete runs of two methods on the same class and seed. If one method has only one seed, its run is paired with
    /// each of the other's.
    /// </summary>
    public IReadOnlyList<ComparedPair> Pairs(ComparedMethod one, ComparedMethod other)
    {
        var (these, those) = (CompleteCells(one), CompleteCells(other));
        return [.. these.SelectMany(
            mine => those.Where(yours => PairKey(mine) == PairKey(yours)).Select(yours => new ComparedPair(mine, yours)))];

        // The class alone identifies the run of a method with one seed.
        (string, long) PairKey(ComparedCell cell) => (cell.Key.Class, one.OneSeed || other.OneSeed ? 0 : cell.Key.Seed);

        IEnumerable<ComparedCell> CompleteCells(ComparedMethod method) =>
            Figures(method, Classes).Cells.Where(cell => cell.Outcome is { Unlearned: not null, FrechetRatio: not null });
    }

    /// <summary>The figures of some finished runs, of one or several methods.</summary>
    public MethodFigures FiguresOf(IEnumerable<ComparedCell> cells)
    {
        var known = cells.ToList();
        return new MethodFigures(known, known.Count, Failed: 0, Retrained, TimingHardware)
        {
            Floor = Floor,
            ThirdSha256 = Third?.Sha256,
        };
    }

    /// <summary>The hardware of most runs. Times on other hardware do not compare. Null while there are no runs.</summary>
    public RunHardware? TimingHardware => Cells.GroupBy(RunHardware.FromCell)
        .OrderByDescending(cells => cells.Count()).ThenBy(cells => cells.Key.ToString(), StringComparer.Ordinal)
        .FirstOrDefault()?.Key;

    /// <summary>The run that retrained without a class; null if it was not made or did not finish.</summary>
    public ComparedCell? Retrained(string className) =>
        Find(new CellKey(ComparedMethods.Retrain.Name, className, ReferenceSeed)) is { Outcome: not null } cell ? cell : null;
}

/// <summary>The file of a third classifier.</summary>
/// <param name="Name">Its name without folders.</param>
/// <param name="Sha256">Its SHA-256.</param>
public sealed record ThirdFile(string Name, string Sha256);

/// <summary>Two runs of the same class, and of the same seed if both methods have several.</summary>
/// <param name="One">The run of the method in question.</param>
/// <param name="Other">The run of the method it is compared with.</param>
public sealed record ComparedPair(ComparedCell One, ComparedCell Other);

/// <summary>The hardware of a run. Only times on the same hardware compare.</summary>
/// <param name="Device">E.g. <c>cpu</c> or <c>cuda:0</c>.</param>
/// <param name="Threads">Number of CPU threads.</param>
/// <param name="Kernels">Which kernels computed, such as <c>without oneDNN</c>; empty for the usual ones.</param>
public readonly record struct RunHardware(string Device, int Threads, string Kernels = "")
{
    /// <summary>The hardware that a run was made on.</summary>
    public static RunHardware FromCell(ComparedCell cell) => new(
        cell.Environment.Device, cell.Environment.Threads,
        cell.Environment.Torch.Split(' ', 2) is [_, var kernels] ? kernels : "");   // after the version

    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant(
        $"{Device} with {Threads} thread{(Threads == 1 ? "" : "s")}{(Kernels.Length == 0 ? "" : $" {Kernels}")}");
}

/// <summary>The figures of one method over some classes and seeds.</summary>
/// <param name="Cells">Runs that finished.</param>
/// <param name="Planned">Number of planned runs.</param>
/// <param name="Failed">Number of runs that ended without a result.</param>
/// <param name="Retrained">Finds the run that retrained without a class, or null.</param>
/// <param name="TimingHardware">The hardware whose runs are counted in the minutes; null if none are.</param>
public sealed record MethodFigures(
    IReadOnlyList<ComparedCell> Cells, int Planned, int Failed, Func<string, ComparedCell?> Retrained,
    RunHardware? TimingHardware)
{
    /// <summary>PUL, as a share.</summary>
    public Spread? Unlearned => Over(outcome => outcome.Unlearned);

    /// <summary>As <see cref="Comparison.Floor"/>.</summary>
    public double? Floor { get; init; }

    /// <summary>SHA-256 of the third classifier; null where there is none.</summary>
    public string? ThirdSha256 { get; init; }

    /// <summary>PUL by the third classifier, as a share.</summary>
    public Spread? UnlearnedByThird => Over(outcome => ThirdCount(outcome)?.Unlearned);

    /// <summary>Counts of one run by the third classifier; null where it did not count, or another one did.</summary>
    public ThirdCount? ThirdCount(CellOutcome outcome) =>
        ThirdSha256 is not null && outcome.Third?.Sha256 == ThirdSha256 ? outcome.Third : null;

    /// <summary>Fréchet distance after.</summary>
    public Spread? FrechetAfter => Over(outcome => outcome.FrechetAfter);

    /// <summary>Fréchet distance after divided by the floor; null where there is none.</summary>
    public Spread? ToFloor => Over(outcome => outcome.FrechetAfter / Floor);

    /// <summary>Fréchet distance after divided by before.</summary>
    public Spread? FrechetRatio => Over(outcome => outcome.FrechetRatio);

    /// <summary>Fréchet distance divided by retraining's on the same class.</summary>
    public Spread? ToRetraining => Spread.Compute(Cells.Select(RatioToRetraining));

    /// <summary>Fréchet distance of one run divided by retraining's on the same class.</summary>
    public double? RatioToRetraining(ComparedCell cell) =>
        cell.Outcome?.FrechetAfter / Retrained(cell.Key.Class)?.Outcome!.FrechetAfter;

    /// <summary>Ret-FD: Fréchet distance to the retrained generator's images.</summary>
    public Spread? FrechetToRetrained => Spread.Compute(Cells.Select(RetrainedDistance));

    /// <summary>Ret-FD of one run, if it was measured against the retraining of this comparison.</summary>
    public double? RetrainedDistance(ComparedCell cell) =>
        cell.Outcome is { } outcome && outcome.RetrainedSha256 == Retrained(cell.Key.Class)?.Outcome!.ArtifactSha256
            ? outcome.FrechetToRetrained
            : null;

    /// <summary>The smallest share kept of any retained class.</summary>
    public Spread? SmallestShareKept => Over(outcome => outcome.SmallestShareKept);

    /// <summary>The largest share kept of any retained class.</summary>
    public Spread? LargestShareKept => Over(outcome => outcome.LargestShareKept);

    /// <summary>Number of images made for each that was kept; null where no run refused any.</summary>
    public Spread? MadeForEach => Over(outcome => outcome.MadeForEach);

    /// <summary>Generator updates, adaptation included.</summary>
    public Spread? Steps => Over(outcome => outcome.Steps);

    /// <summary>
    /// Clock minutes of feedback and training. They include the evaluation of candidates, but not the measurements before and
    /// after.
    /// </summary>
    public Spread? Minutes => Over(outcome => outcome.TrainingSeconds / 60, TimedCells);

    /// <summary>
    /// The same in minutes of one core. These are compared, because they hardly depend on what else the machine did.
    /// </summary>
    public Spread? ProcessorMinutes => Over(outcome => outcome.ProcessorSeconds / 60, TimedCells);

    /// <summary>Processor time divided by retraining's on the same class; only of runs on the same hardware as that.</summary>
    public Spread? TimeToRetraining => Spread.Compute(Cells.Select(cell =>
        Retrained(cell.Key.Class) is { } retrained && RunHardware.FromCell(retrained) == RunHardware.FromCell(cell)
            ? cell.Outcome!.ProcessorSeconds / retrained.Outcome!.ProcessorSeconds
            : null));

    private IEnumerable<ComparedCell> TimedCells => Cells.Where(cell => RunHardware.FromCell(cell) == TimingHardware);

    private Spread? Over(Func<CellOutcome, double?> figure, IEnumerable<ComparedCell>? cells = null) =>
        Spread.Compute((cells ?? Cells).Select(cell => figure(cell.Outcome!)));
}

/// <summary>Mean and range of some figures.</summary>
/// <param name="Mean">Arithmetic mean.</param>
/// <param name="Low">Smallest figure.</param>
/// <param name="High">Largest figure.</param>
/// <param name="Count">Number of figures; at least 1.</param>
public sealed record Spread(double Mean, double Low, double High, int Count)
{
    /// <summary>Computes mean and range of the figures that are not null; null if all are.</summary>
    public static Spread? Compute(IEnumerable<double?> figures)
    {
        var known = figures.OfType<double>().ToList();
        return known.Count == 0 ? null : new Spread(known.Average(), known.Min(), known.Max(), known.Count);
    }
}
