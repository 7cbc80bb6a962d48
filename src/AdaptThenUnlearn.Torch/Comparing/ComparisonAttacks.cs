using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Attacks;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Governing;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Comparing;

/// <summary>A class whose generators are attacked.</summary>
/// <param name="Class">The class.</param>
/// <param name="Policy">The compared policy with this class: all its generators are attacked by the same settings.</param>
/// <param name="Inputs">The files that the policy names.</param>
/// <param name="Asked">Digest of policy and inputs, see <see cref="ComparedCell.DigestOf"/>.</param>
public sealed record AttackedClass(string Class, UnlearningPolicy Policy, InputFiles Inputs, string Asked);

/// <summary>A generator to attack.</summary>
/// <param name="Key">The run that made it; null for the original.</param>
/// <param name="Sha256">SHA-256 of its file; null for the original.</param>
public sealed record AttackTarget(CellKey? Key, string? Sha256)
{
    /// <summary>The original, before any unlearning.</summary>
    public static AttackTarget Original { get; } = new(null, null);
}

/// <summary>Attacks the original and the generators of a comparison's runs, and keeps each result as a cell.</summary>
/// <param name="folder">Has a folder for each generator.</param>
/// <param name="budget">How much each attack may spend.</param>
/// <param name="attacks">Which attacks, in order.</param>
/// <param name="tool">Name and version of the tool.</param>
/// <param name="device">Where tensors are.</param>
/// <param name="progress">Receives how far an attack is.</param>
public sealed class ComparisonAttacks(
    string folder,
    AttackBudget budget,
    IReadOnlyList<IAttack> attacks,
    string tool,
    Device device,
    IProgress<StageProgress> progress)
{
    /// <summary>How much each attack may spend.</summary>
    public AttackBudget Budget => budget;

    /// <summary>The attacks, in order.</summary>
    public IReadOnlyList<IAttack> Attacks => attacks;

    /// <summary>What an attack found; null where it was not made, or not as asked.</summary>
    /// <param name="asked">The class.</param>
    /// <param name="target">The generator.</param>
    /// <param name="attack">Name of the attack.</param>
    public AttackCell? Find(AttackedClass asked, AttackTarget target, string attack) =>
        AttackCell.Find(FolderOf(asked, target), KeyOf(asked, target, attack), asked: null) is { } cell
            && (target.Sha256 is null || cell.Reading.GeneratorSha256 == target.Sha256)
                ? cell
                : null;

    /// <summary>Makes every attack on a generator that was not made yet, and writes each as soon as it is made.</summary>
    /// <param name="asked">The class.</param>
    /// <param name="target">The generator.</param>
    /// <param name="checkpoint">Path of its file; null for the original.</param>
    /// <param name="cancel">Ends the attacks soon.</param>
    /// <returns>How many were made.</returns>
    /// <exception cref="Checkpoints.Tensors.CheckpointException">A file cannot be read.</exception>
    /// <exception cref="FileNotWrittenException">A cell cannot be written.</exception>
    public int Make(AttackedClass asked, AttackTarget target, string? checkpoint, CancellationToken cancel)
    {
        var open = attacks.Where(attack => Find(asked, target, attack.Name) is null).ToList();
        if (open.Count == 0)
            return 0;

        using var original = asked.Inputs.LoadGenerator(device, cancel);
        using var classifiers = asked.Inputs.LoadClassifiers(original.Generator.Shape, device);
        using var loaded = checkpoint is null
            ? null
            : GeneratorCheckpoint.Load(
                checkpoint, asked.Policy.Generator.Format, sha256: null, discriminatorPath: null, device,
                latentSize: original.Generator.LatentSize - original.Generator.Classes,
                layers: asked.Policy.Generator.Layers, graph: GraphUse.From(asked.Policy.Generator));
        var runs = new AttackRuns(asked.Policy, classifiers, original, budget, device, tool, progress);
        foreach (var attack in open)
            runs.FindOrMake(
                FolderOf(asked, target), attack, asked.Policy.UndesiredFeatures[0], RoleOf(target), loaded ?? original,
                mayReuse: true, cancel);
        return open.Count;
    }

    /// <summary>Copies the results of a generator from another folder, such as another machine's, that are not here.</summary>
    /// <param name="asked">The class.</param>
    /// <param name="target">The generator.</param>
    /// <param name="other">The other folder, which has a folder for each generator.</param>
    /// <returns>How many were copied.</returns>
    public int Import(AttackedClass asked, AttackTarget target, string other)
    {
        var from = new ComparisonAttacks(other, budget, attacks, tool, device, progress);
        var lacking = attacks.Where(attack =>
            Find(asked, target, attack.Name) is null && from.Find(asked, target, attack.Name) is not null).ToList();
        foreach (var attack in lacking)
        {
            var cell = from.Find(asked, target, attack.Name)!;
            var picture = Path.Combine(from.FolderOf(asked, target), AttackCell.NamesOf(cell.Key)[1]);
            cell.Write(FolderOf(asked, target), cell.PictureSha256 is null ? null : File.ReadAllBytes(picture));
        }

        return lacking.Count;
    }

    // Everything that decides the result is in the name, so that a cell of another version or libtorch is not mistaken for one
    // of this. The number of threads is not: machines that share the work may differ in it.
    internal string FolderOf(AttackedClass asked, AttackTarget target)
    {
        var name = target.Key?.FileName ?? $"original-{CellKey.Slug(asked.Class)}";
        var digest = Sha256Digest.Compute(string.Join(
            '\n', asked.Asked, target.Sha256 ?? "original", budget, device, AttackRuns.Revision, TorchBackend.Version));
        return Path.Combine(folder, $"{name}-{digest[..8]}");
    }

    private static AttackKey KeyOf(AttackedClass asked, AttackTarget target, string attack) =>
        new(attack, asked.Policy.UndesiredFeatures[0].Name, RoleOf(target));

    private static AttackedGenerator RoleOf(AttackTarget target) => target.Key switch
    {
        null => AttackedGenerator.Before,
        { } key when ComparedMethods.Retrains(key) => AttackedGenerator.Retrained,
        _ => AttackedGenerator.After,
    };
}
