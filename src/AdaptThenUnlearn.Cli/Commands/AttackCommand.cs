using System.CommandLine;
using System.Globalization;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Locking;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Publishing.Hosts;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Attacks;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Governing;
using AdaptThenUnlearn.Torch.Measuring;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary>
/// <c>atu attack</c>: tries to get what a policy forbids out of the unlearned generator, as somebody could who has its weights.
/// </summary>
public sealed class AttackCommand(Terminal terminal)
{
    private const string CellFolder = "cells";

    private readonly Argument<FileInfo> _subject = new("POLICY|RECORD")
    {
        Description = "A policy file, or the run.json of a run",
    };

    private readonly Option<FileInfo> _after = new("--after")
    {
        Description = "The unlearned generator (default: that of the run, or of the policy's run in artifacts/)",
    };

    private readonly Option<FileInfo> _retrained = new("--retrained")
    {
        Description = "A generator that was trained without the feature, to compare with",
    };

    private readonly Option<string[]> _attacks = new("--attacks")
    {
        Description = $"Attacks to make (default: all): {string.Join(", ", AttackArguments.Names)}",
        HelpName = "a,b,…",
    };

    private readonly Option<string> _profile = AttackArguments.CreateProfile("How much to spend: quick or full");

    private readonly Option<int?> _samples = new("--samples") { Description = "Images for each rate, instead of the profile's" };
    private readonly Option<int?> _starts = new("--starts") { Description = "Starts of each search, instead of the profile's" };
    private readonly Option<int?> _steps = new("--steps") { Description = "Steps of each search, instead of the profile's" };
    private readonly Option<string[]> _limits = new("--max-success")
    {
        Description = "Fail (exit code 1) unless the upper bound of an attack's success on the unlearned generator is at most " +
            "this share, 0 to 1",
        HelpName = "attack=share",
    };

    private readonly Option<DirectoryInfo> _images = new("--images")
    {
        Description = "Folder of real pictures that show the feature, of the generator's size: inversion reconstructs them too",
    };

    private readonly Option<string[]> _set = new("--set")
    {
        Description = "Replace a value of the policy",
        HelpName = "path=value",
    };

    private readonly Option<DirectoryInfo> _out = new("--out")
    {
        Description = "Folder for the results (default: artifacts/attack/NAME). Finished attacks there are not made again, " +
            "except on a build server",
    };

    private readonly Option<bool> _fresh = new("--fresh")
    {
        Description = "Make every attack again, even if nothing has changed since it was made",
    };

    private readonly Option<bool> _reuse = new("--reuse")
    {
        Description = "Reuse finished attacks if nothing has changed, and run the programs that a run.json's policy names, " +
            "even on a build server; anyone who can write these folders can then decide the result, and what is run",
    };

    /// <summary>Builds the command.</summary>
    public Command Build()
    {
        var command = new Command("attack", "Try to get what a policy forbids out of the unlearned generator")
        {
            _subject, _after, _retrained, _attacks, _profile, _samples, _starts, _steps, _limits, _images, _set, _out,
            _fresh, _reuse, PolicyLocks.Required, Machine.Device, Machine.Threads, Terminal.Json,
        };
        command.SetGuardedAction(terminal, Run);
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        // Check the arguments before anything is loaded.
        if (parsed.GetValue(_fresh) && parsed.GetValue(_reuse))
            throw new BadArgumentException("--fresh makes every attack again and --reuse does not; give only one of them");
        var earlier = new RecordReuse(parsed.GetValue(_fresh), parsed.GetValue(_reuse), EnvironmentSnapshot.Capture());
        var attacks = AttackArguments.Find(ComparisonArguments.ParseList(parsed, _attacks));
        var budget = Budget(parsed);
        var limits = Limits(parsed, attacks);
        var images = parsed.GetValue(_images)?.FullName;
        if (images is not null && attacks.All(attack => attack.Name != AttackLimit.TakesImages))
            throw new BadArgumentException(
                $"--images {images}: only {AttackLimit.TakesImages} reads images; add it to --attacks, or leave the folder out");
        if (images is not null && !Directory.Exists(images))
            throw new BadArgumentException(
                $"--images {images}: there is no such folder; name one with real pictures that show the feature, or leave the "
                    + "option out");
        var subject = AttackSubject.Find(
            parsed.GetRequiredValue(_subject).ToString(),
            parsed.GetValue(_after)?.FullName,
            parsed.GetValue(_set) ?? [],
            PolicyLocks.AreRequired(parsed),
            terminal);
        if (subject is null)
            return ExitCodes.BadPolicy;
        var (file, policy) = (subject.File, subject.File.Policy);
        if (subject.Record is { } record)
            new RecordReuse(fresh: false, parsed.GetValue(_reuse), EnvironmentSnapshot.Capture()).RequireMayRun(policy, record);
        if (images is not null && policy.UndesiredFeatures.Count > 1)
            throw new BadArgumentException(
                $"--images {images}: the images are of one feature, and the policy has {policy.UndesiredFeatures.Count}");
        var folder = parsed.GetValue(_out)?.FullName
            ?? Path.Combine(EnvironmentDefaults.OutputFolder(EnvironmentSnapshot.Capture()), "attack", policy.Name);
        List<(AttackedGenerator Attacked, string Path)> others = [(AttackedGenerator.After, subject.After)];
        if (parsed.GetValue(_retrained)?.FullName is { } retrained)
            others.Add((AttackedGenerator.Retrained, retrained));
        var inputs = file.Inputs();
        RequireOutputs(folder, policy, attacks, inputs, others, images);

        // Load what the policy names, and the generators to attack.
        var device = Machine.Prepare(parsed, terminal);
        return file.RunWithLocatedErrors(inputs, () =>
        {
            GeneratorRequirements.RequireLatents(policy.Generator, "attacks");
            inputs.Open(cancel);
            using var original = inputs.LoadGenerator(device, cancel);
            GeneratorRequirements.RequireStatedLayers(original);
            subject.RequireOriginal(original);
            using var classifiers = inputs.LoadClassifiers(original.Generator.Shape, device);
            foreach (var (number, feature) in policy.UndesiredFeatures.Index())
                if (classifiers.WhyNotCalibrated(feature) is { } guess)
                    throw new PolicyMismatchException(
                        FormattableString.Invariant($"$.undesiredFeatures[{number}]"), guess, PolicyCodes.Uncalibrated);
            using var given = images is null ? null : AttackImages.Load(images, original.Generator.Shape, device);
            var loaded = new List<LoadedGenerator>();
            try
            {
                loaded.AddRange(others.Select(other => Load(other.Path, policy, original, device)));
                subject.RequireAfter(loaded[0]);
                List<Attacked> generators =
                [
                    new(AttackedGenerator.Before, inputs.Generator, original),
                    .. others.Zip(loaded, (other, generator) => new Attacked(other.Attacked, other.Path, generator)),
                ];

                // Attack, and write the pages. Under a lock, nobody chooses the seed.
                policy = LockedSeed.ApplyTo(
                    policy, file.Lock?.Lock.PolicySha256, subject.JudgedSha256 ?? loaded[0].Sha256);
                var runs = new AttackRuns(policy, classifiers, original, budget, device, Machine.ToolVersion, terminal)
                {
                    GivenImages = given,
                };
                Withdraw(folder);
                var study = Study(runs, policy, budget, attacks, generators, folder, earlier, cancel);
                Publish(study, policy, folder);
                var violations = Judge(study, policy, limits);
                Print(study, violations, folder);
                return violations.Count == 0 ? ExitCodes.Passed : ExitCodes.GateFailed;
            }
            finally
            {
                loaded.ForEach(generator => generator.Dispose());
            }
        });
    }

    private AttackStudy Study(
        AttackRuns runs,
        UnlearningPolicy policy,
        AttackBudget budget,
        IReadOnlyList<IAttack> attacks,
        IReadOnlyList<Attacked> generators,
        string folder,
        RecordReuse earlier,
        CancellationToken cancel)
    {
        var cells = Path.Combine(folder, CellFolder);
        List<StudiedAttack> studied = [];
        var isDoubtSaid = false;
        foreach (var feature in policy.UndesiredFeatures)
            foreach (var attack in attacks)
                foreach (var (attacked, _, generator) in generators)
                {
                    var cell = runs.FindOrMake(
                        cells, attack, feature, attacked, generator, MayReuse(new AttackKey(attack.Name, feature.Name, attacked)),
                        cancel);
                    terminal.WriteStatus(FormattableString.Invariant($"{cell.Key}: {Describe(cell)}"));
                    studied.Add(new StudiedAttack(
                        NameOf(attacked),
                        attack.Summary,
                        cell.Seconds,
                        cell.Reading,
                        cell.PictureSha256 is null ? null : $"{CellFolder}/{AttackCell.NamesOf(cell.Key)[1]}"));
                }

        return new AttackStudy(
            AttackStudy.CurrentSchemaVersion,
            Machine.ToolVersion,
            policy.Name,
            policy.Evaluation.Seed,
            policy.Evaluation.Confidence,
            budget.Samples,
            budget.Starts,
            budget.Steps,
            budget.TrainingSteps,
            budget.Negatives,
            [.. generators.Select(each => new StudiedGenerator(
                NameOf(each.Role), Path.GetRelativePath(folder, each.Path).Replace('\\', '/'), each.Generator.Sha256))],
            studied,
            runs.GivenImages is { } images
                ? new StudiedImages(
                    Path.GetRelativePath(folder, images.Folder).Replace('\\', '/'), images.Sha256, (int)images.Images.shape[0])
                : null);

        bool MayReuse(AttackKey key)
        {
            var may = earlier.MayReuse(cells, out var doubt, AttackCell.NamesOf(key)[0]);
            if (doubt is not null && !isDoubtSaid)
                terminal.WriteStatus(
                    $"{policy.Name}: finished attacks in {cells} are not reused, because {doubt}; they are made again (--reuse "
                        + "accepts them)");
            isDoubtSaid |= doubt is not null;
            return may;
        }
    }

    // What an earlier call concluded is not to be taken for this one's, whatever becomes of it. Finished attacks stay.
    private static void Withdraw(string folder)
    {
        string[] pages = [AttackStudy.FileName, AttackReport.MarkdownName, AttackReport.HtmlName];
        foreach (var page in pages.Select(name => Path.Combine(folder, name)).Where(File.Exists))
            File.Delete(page);
    }

    private static string Describe(AttackCell cell) =>
        cell.Reading.Strongest is { } strongest
            ? FormattableString.Invariant($"at most {strongest.Successes} of {strongest.Attempts} ({strongest.Name})")
                + FormattableString.Invariant($", {cell.Seconds:0.#} s")
            : $"not measured: {cell.Reading.NotMeasured}";

    private static void Publish(AttackStudy study, UnlearningPolicy policy, string folder)
    {
        var shows = policy.Report.PublishSamples;
        AtomicFile.Write(
            Path.Combine(folder, AttackReport.HtmlName),
            AttackReport.RenderHtml(study, name => shows ? File.ReadAllBytes(Path.Combine(folder, name)) : null));
        AtomicFile.Write(Path.Combine(folder, AttackReport.MarkdownName), AttackReport.RenderMarkdown(study, shows));
        AtomicFile.Write(
            Path.Combine(folder, AttackStudy.FileName),
            System.Text.Json.JsonSerializer.Serialize(study, RunRecordFile.Json) + "\n");
    }

    // Fail-closed: an attack that was not made, or could not be, has not been withstood.
    private List<string> Judge(
        AttackStudy study, UnlearningPolicy policy, IReadOnlyList<(string Attack, double MaxSuccess)> limits)
    {
        List<string> violations = [];
        foreach (var (attack, maxSuccess) in limits)
            foreach (var feature in policy.UndesiredFeatures.Select(feature => feature.Name))
                if (study.FindViolation(attack, feature, NameOf(AttackedGenerator.After), maxSuccess) is { } violation)
                    violations.Add($"{feature}, {attack}: {violation}");
        foreach (var violation in violations)
            terminal.WriteDiagnostic(new BuildMessage(Severity.Error, GateCodes.NotMet, violation));
        return violations;
    }

    private static void Print(AttackStudy study, List<string> violations, string folder)
    {
        var page = Path.Combine(folder, AttackReport.MarkdownName);
        Terminal.WriteJson(new
        {
            policy = study.Policy,
            page,
            generators = study.Generators,
            attacks = study.Attacks,
            violations,
        });
        foreach (var attack in study.Attacks)
            foreach (var variant in attack.Reading.Variants)
                Terminal.WriteResultLine(variant.Why is { } why
                    ? $"{attack.Generator,-10} {attack.Reading.Attack}, {variant.Name}: not measured: {why}"
                    : FormattableString.Invariant(
                        $"{attack.Generator,-10} {attack.Reading.Attack}, {variant.Name}: ")
                        + FormattableString.Invariant($"{variant.Successes} of {variant.Attempts}"));
        Terminal.WriteResultLine(page);
    }

    private static string NameOf(AttackedGenerator attacked) => attacked.ToString().ToLowerInvariant();

    private IReadOnlyList<(string Attack, double MaxSuccess)> Limits(ParseResult parsed, IReadOnlyList<IAttack> attacks)
    {
        return [.. (parsed.GetValue(_limits) ?? []).Select(Parse)];

        (string Attack, double MaxSuccess) Parse(string text)
        {
            var parts = text.Split('=', 2);
            if (!AttackArguments.Names.Contains(parts[0]))
                throw new BadArgumentException(
                    "--max-success: " + Suggestion.NotOneOf(parts[0], AttackArguments.Names, "known attack"));
            if (!attacks.Any(attack => attack.Name == parts[0]))
                throw new BadArgumentException($"--max-success {text}: add {parts[0]} to --attacks, or it is not made");
            return parts.Length == 2
                && double.TryParse(parts[1], NumberStyles.Float, CultureInfo.InvariantCulture, out var share)
                && share is >= 0 and <= 1
                    ? (parts[0], share)
                    : throw new BadArgumentException($"--max-success {text}: write {parts[0]}=share, with a share from 0 to 1");
        }
    }

    private AttackBudget Budget(ParseResult parsed)
    {
        var profile = AttackBudget.Profiles[parsed.GetRequiredValue(_profile)];
        return profile with
        {
            Samples = Positive(_samples) ?? profile.Samples,
            Starts = Positive(_starts) ?? profile.Starts,
            Steps = Positive(_steps) ?? profile.Steps,
        };

        int? Positive(Option<int?> option) => parsed.GetValue(option) switch
        {
            < 1 => throw new BadArgumentException($"{option.Name} must be at least 1: an attack without a budget finds nothing"),
            var value => value,
        };
    }

    private static void RequireOutputs(
        string folder,
        UnlearningPolicy policy,
        IReadOnlyList<IAttack> attacks,
        InputFiles inputs,
        IReadOnlyList<(AttackedGenerator Attacked, string Path)> others,
        string? images)
    {
        List<string> names =
        [
            AttackStudy.FileName, AttackReport.MarkdownName, AttackReport.HtmlName,
            .. from feature in policy.UndesiredFeatures
               from attack in attacks
               from attacked in others.Select(other => other.Attacked).Prepend(AttackedGenerator.Before)
               from name in AttackCell.NamesOf(new AttackKey(attack.Name, feature.Name, attacked))
               select $"{CellFolder}/{name}",
        ];
        OutputFiles.RequireIn(
            folder,
            names,
            [
                .. inputs.EnumerateFiles().Select(input => (input.Role, (string?)input.Path)),
                .. others.Select(other => (NameOf(other.Attacked), (string?)other.Path)),
                ("--images", images),
            ],
            _ => false);
        WrittenFiles.Add(folder, names);
    }

    private static LoadedGenerator Load(string path, UnlearningPolicy policy, LoadedGenerator original, Device device)
    {
        var loaded = GeneratorCheckpoint.Load(
            path,
            policy.Generator.Format,
            sha256: null,
            discriminatorPath: null,
            device,
            latentSize: original.Generator.LatentSize - original.Generator.Classes,
            layers: policy.Generator.Layers,
            graph: GraphUse.From(policy.Generator));
        try
        {
            GeneratorRequirements.RequireStatedLayers(loaded);
            return loaded;
        }
        catch
        {
            loaded.Dispose();
            throw;
        }
    }

    private sealed record Attacked(AttackedGenerator Role, string Path, LoadedGenerator Generator);
}
