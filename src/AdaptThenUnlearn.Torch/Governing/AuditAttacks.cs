using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Attacks;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Training;

namespace AdaptThenUnlearn.Torch.Governing;

/// <summary>Makes the attacks that a policy names in <c>audits</c>, and keeps each until the run has concluded.</summary>
/// <param name="policy">As the readings are judged: its seed is the one of the images that decide.</param>
/// <param name="classifiers">Of the policy; stay the caller's.</param>
/// <param name="original">The original generator; stays the caller's.</param>
/// <param name="inputs">Has the images that the policy gives.</param>
/// <param name="request">Says where to compute, and which finished attacks are trusted.</param>
/// <param name="folder">Of the run.</param>
/// <param name="progress">Receives how far an attack is.</param>
internal sealed class AuditAttacks(
    UnlearningPolicy policy,
    PolicyClassifiers classifiers,
    LoadedGenerator original,
    InputFiles inputs,
    RunRequest request,
    RunFolder folder,
    IProgress<StageProgress> progress)
{
    private const string Pictures = "images/attack-";
    private const string Cells = "attacks";

    /// <summary>Names of the pictures that a run may write, relative to its folder.</summary>
    public static IEnumerable<string> PictureNames(UnlearningPolicy policy) => Keys(policy).Select(PictureName);

    /// <summary>Whether a file in a run's folder is a picture of an attack, by its name.</summary>
    public static bool IsPicture(string name) => name.StartsWith(Pictures, StringComparison.Ordinal);

    /// <summary>Names of the files of finished attacks, relative to the folder of the stages' states.</summary>
    public static IEnumerable<string> CellNames(UnlearningPolicy policy) =>
        Keys(policy).SelectMany(AttackCell.NamesOf).Select(name => $"{Cells}/{name}");

    /// <summary>Makes every attack on one generator, or takes over what an interrupted run finished.</summary>
    /// <param name="attacked">Which generator it is.</param>
    /// <param name="generator">Stays the caller's.</param>
    /// <param name="cancel">Ends the attack soon; those that are finished can be resumed.</param>
    /// <returns>One reading for each feature and attack; null where the policy has no audits.</returns>
    /// <exception cref="Files.FileNotWrittenException">A file cannot be written.</exception>
    public IReadOnlyList<AttackReading>? Make(AttackedGenerator attacked, LoadedGenerator generator, CancellationToken cancel)
    {
        if (policy.Audits is not { Count: > 0 } audits)
            return null;

        var cells = Path.Combine(folder.StateFolder, Cells);
        List<AttackReading> readings = [];
        foreach (var feature in policy.UndesiredFeatures)
            foreach (var audit in audits)
            {
                using var given = inputs.LoadAttackImages(audit, original.Generator.Shape, request.Device);
                var runs = new AttackRuns(
                    policy, classifiers, original, audit.BudgetInEffect, request.Device, request.Tool, progress)
                {
                    GivenImages = given,
                };
                var key = new AttackKey(audit.Attack, feature.Name, attacked);
                var names = AttackCell.NamesOf(key);
                var cell = runs.FindOrMake(
                    cells, KnownAttacks.Named(audit.Attack), feature, attacked, generator,
                    mayReuse: request.Resume && request.TrustsAttack?.Invoke(cells, names[0]) is true, cancel);
                if (cell.PictureSha256 is not null)
                    folder.Write(
                        OutputRoles.Attack(key.ToString()), PictureName(key), File.ReadAllBytes(Path.Combine(cells, names[1])));
                readings.Add(cell.Reading with { Budget = audit.BudgetInEffect });
            }

        return readings;
    }

    /// <summary>Deletes the files of finished attacks: the record holds what they found.</summary>
    /// <param name="policy">Of the run.</param>
    /// <param name="folder">Of the run.</param>
    public static void Clear(UnlearningPolicy policy, RunFolder folder)
    {
        foreach (var name in CellNames(policy))
            File.Delete(Path.Combine(folder.StateFolder, name));
        var cells = Path.Combine(folder.StateFolder, Cells);
        if (Directory.Exists(cells) && !Directory.EnumerateFileSystemEntries(cells).Any())
            Directory.Delete(cells);
    }

    private static string PictureName(AttackKey key) => $"{Pictures}{key.FileName}.png";

    private static IEnumerable<AttackKey> Keys(UnlearningPolicy policy) =>
        from feature in policy.UndesiredFeatures
        from audit in policy.Audits ?? []
        from attacked in new[] { AttackedGenerator.Before, AttackedGenerator.After }
        select new AttackKey(audit.Attack, feature.Name, attacked);
}
