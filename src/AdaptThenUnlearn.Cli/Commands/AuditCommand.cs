using System.CommandLine;
using System.Globalization;
using AdaptThenUnlearn.Cli.Labelling;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Publishing.Hosts;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Governing;
using AdaptThenUnlearn.Torch.Labelling;
using AdaptThenUnlearn.Torch.Measuring;
using TorchSharp;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary>
/// <c>atu label --audit</c>: a person looks at a sample of the images that a run judged, without knowing what the auditor saw.
/// </summary>
/// <param name="terminal">Prints results and progress.</param>
/// <param name="clock">For the times in the audit.</param>
internal sealed class AuditCommand(Terminal terminal, TimeProvider clock)
{
    private const string CheckScope = "audit";   // latents that no measurement draws
    private const int ClicksStep = 100;
    private const int UsualClicks = 300;   // where no number is enough for the limit

    /// <summary>Begins or continues an audit.</summary>
    /// <param name="parsed">The arguments.</param>
    /// <param name="request">What they say about the audit.</param>
    /// <param name="cancel">Ends the session; every answer so far is kept.</param>
    public int Run(ParseResult parsed, AuditRequest request, CancellationToken cancel)
    {
        // Find the run, and check that nothing of it was changed. Under a lock, the judged policy has the derived seed.
        var path = Directory.Exists(request.Run) ? Path.Combine(request.Run, RunRecord.FileName) : request.Run;
        var run = CheckedRecord.Read(path, cancel);
        var (record, policy) = (run.Record, run.Record.JudgedPolicy());
        var feature = FindFeature(policy, request.Feature);
        if (run.Verification.ProblemsWithout(InputRoles.Audit(feature.Name)).FirstOrDefault() is { } problem)
            throw new LabelException($"{path}: {problem}; nothing was shown: put the files back, or run `atu govern` again");
        if (AuditedRecord.FindObstacle(record) is { } obstacle)
            throw new LabelException($"{path}: {obstacle}; nothing was shown");
        var judged = record.After ?? record.Before;
        var reading = judged.Features.Single(each => each.Feature == feature.Name);
        if (judged.WhyMeaningless(feature.Name) is { } meaningless)
            throw new LabelException($"{path}: '{feature.Name}' was not measured, so there is nothing to audit: {meaningless}");
        var target = Path.Combine(run.Folder, AuditSheetFile.NameFor(feature.Name, policy.UndesiredFeatures.Count == 1));
        var earlier = Path.Exists(target) ? AuditSheetFile.Read(target).Sheet : null;

        // The record names the programs that are run: it must be one that nobody else could have written.
        new RecordReuse(fresh: false, request.Reuse, EnvironmentSnapshot.Capture()).RequireMayRun(policy, path);

        // Make the images that were judged, with the networks that were measured.
        // A batch is measured by one torch thread, whatever --threads says, except by programs: so the same bits are made again.
        var usesPrograms = policy.ProgramRoles().Count > 0;
        var device = Machine.Prepare(parsed, terminal, usesPrograms ? record.Environment.Threads : 1);
        if (!usesPrograms)
            torch.set_num_threads(1);
        using var held = FolderLock.Acquire(run.Folder, "`atu label`");
        var inputs = new InputFiles(policy, Path.Combine(run.Folder, record.PolicySource.File));
        inputs.Open(cancel);
        using var original = inputs.LoadGenerator(device, cancel);
        using var classifiers = inputs.LoadClassifiers(original.Generator.Shape, device);
        using var saved = record.After is null
            ? null
            : GeneratorCheckpoint.Load(
                Path.Combine(run.Folder, record.Outputs.Single(output => OutputRoles.IsGenerator(output.Role)).Path),
                original.Format, sha256: null, discriminatorPath: null, device, latentSize: original.Generator.LatentSize,
                layers: policy.Generator.Layers);
        var images = EvaluationImages.FromOptions(policy.Evaluation, device);
        var scores = new AuditScores(classifiers.Auditor(feature), terminal, cancel);
        var generator = saved?.Generator ?? original.Generator;
        var scored = scores.Score(generator, images, [.. reading.Looks.Select(look => look.Samples)]);
        RequireSameImages(reading, scored);

        // Draw the images, and mix known positives among them.
        var hits = scored.Index().Where(image => image.Item.Shows).Select(image => image.Index).ToList();
        var (looks, confidence) = (policy.Evaluation.Looks().Count, policy.Evaluation.Confidence);
        var clicks = request.Clicks ?? earlier?.Clicks
            ?? ChooseClicks(judged.GeneratorSha256, feature, reading.Looks[^1], looks, confidence);
        var draw = new AuditDraw(judged.GeneratorSha256, feature.Name, clicks);
        List<int> near =
        [
            .. scored.Index().Where(image => !image.Item.Shows).OrderByDescending(image => image.Item.Probability)
                .Take(draw.NearSize(scored.Count - hits.Count)).Select(image => image.Index).Order(),
        ];
        var positives = scores.FindPositives(
            original.Generator, images with { Random = images.Random with { Scope = CheckScope } }, AuditDraw.Checks,
            policy.Evaluation.Samples);
        if (positives.Count < HumanAudit.FewestChecks)
            throw new LabelException(string.Create(
                CultureInfo.InvariantCulture,
                $"the auditor sees '{feature.Name}' in {positives.Count} of {policy.Evaluation.Samples} other images of the "
                    + $"original, and {HumanAudit.FewestChecks} known positives are needed to see whether a person looks: raise "
                    + $"evaluation.samples; a generator that hardly makes the feature cannot be audited"));
        var order = draw.Draw(scored.Count, hits, near, positives.Count);
        var drawn = scores.Pictures(generator, images, order.Where(item => item.Stratum is not null).Select(item => item.Number));
        List<byte[]> pictures = [.. order.Select(item => item.Stratum is null ? positives[item.Number] : drawn[item.Number])];
        var items = order.Zip(pictures, (item, picture) =>
            new AuditItem(item.Stratum, item.Number, Sha256Digest.Compute(picture), Shows: null));
        var sheet = earlier is null
            ? Begin(request, new AuditSheet(
                AuditSheet.CurrentSchemaVersion, feature.Name, reading.Classifier, reading.Class, judged.GeneratorSha256,
                record.Before.GeneratorSha256, judged.Seed, scored.Count, clicks, request.Person ?? "", clock.GetUtcNow(),
                clock.GetUtcNow(), hits, near, [.. items]))
            : Continue(target, request, earlier, [.. items], clicks);

        // Say what the audit can show at best, and serve it.
        DescribeLimit(draw, feature, reading.Looks[^1], looks, confidence);
        var session = new AuditSession(AuditSheetFile.Write(target, sheet), pictures, target, clock);
        if (!request.WithoutPage)
            Serve(session, request.Port, cancel);
        return Conclude(session.Sheet, target, record.PolicySource.File, run.Folder);
    }

    private static UndesiredFeature FindFeature(UnlearningPolicy policy, string? wanted)
    {
        var names = string.Join(", ", policy.UndesiredFeatures.Select(feature => feature.Name));
        if (wanted is null && policy.UndesiredFeatures.Count > 1)
            throw new BadArgumentException($"the run has several features; name one with --feature: {names}");
        return wanted is null
            ? policy.UndesiredFeatures[0]
            : policy.UndesiredFeatures.FirstOrDefault(feature => feature.Name == wanted)
                ?? throw new BadArgumentException($"the run has no feature '{wanted}'; it has: {names}");
    }

    // The same counts at every look: otherwise other images would be audited than were judged.
    private static void RequireSameImages(FeatureReading reading, IReadOnlyList<(bool Shows, float Probability)> scored)
    {
        foreach (var look in reading.Looks)
            if (scored.Take((int)look.Samples).Count(image => image.Shows) is var seen && seen != look.Hits)
                throw new LabelException(string.Create(
                    CultureInfo.InvariantCulture,
                    $"the auditor sees '{reading.Feature}' in {seen} of {look.Samples} images here, and the run counted "
                        + $"{look.Hits}: these are not quite the images that were judged; audit on the machine that "
                        + $"measured, with the same --device"));
    }

    private static AuditSheet Begin(AuditRequest request, AuditSheet sheet) => request.Person is null
        ? throw new BadArgumentException("an audit says who looked; give your name with --by")
        : AuditSheet.FindProblemOfPerson(request.Person) is { } problem
            ? throw new BadArgumentException($"--by: {problem}")
            : sheet;

    private static AuditSheet Continue(
        string path, AuditRequest request, AuditSheet earlier, IReadOnlyList<AuditItem> items, int clicks)
    {
        if (request.Person is { } person && person != earlier.Person)
            throw new LabelException(
                $"{path}: {earlier.Person} began this audit; go on as {earlier.Person}, or move the file away to begin another");
        if (clicks != earlier.Clicks)
            throw new LabelException(string.Create(
                CultureInfo.InvariantCulture,
                $"{path}: this audit has {earlier.Clicks} clicks, which were fixed when it began; leave --clicks out, or move "
                    + $"the file away to begin another"));
        return earlier.Items.Select(item => item with { Shows = null }).SequenceEqual(items)
            ? earlier
            : throw new LabelException(
                $"{path}: it is of other images than the run judged; move the file away to begin an audit of this run");
    }

    // The fewest hundreds of clicks that could show the limit to be met.
    private static int ChooseClicks(string artifact, UndesiredFeature feature, Look look, int looks, double confidence)
    {
        for (var clicks = ClicksStep; feature.MaxRate is { } limit && clicks <= AuditSheet.MostClicks && clicks <= look.Samples;
            clicks += ClicksStep)
            if (new AuditDraw(artifact, feature.Name, clicks).BestBound(look, looks, confidence) <= limit)
                return clicks;
        return UsualClicks;
    }

    private void DescribeLimit(AuditDraw draw, UndesiredFeature feature, Look look, int looks, double confidence)
    {
        if (feature.MaxRate is not { } limit)
            return;
        var best = draw.BestBound(look, looks, confidence);
        terminal.WriteStatus(string.Create(
            CultureInfo.InvariantCulture,
            $"{draw.Clicks} images to look at, and known positives among them. If you mark what the auditor marked and no more, "
                + $"the rate is at most {ReadingText.Percent(best)}; the limit is {ReadingText.Percent(limit)}"
                + $"{(best > limit ? ", which this audit cannot show to be met: give more --clicks, or unlearn longer" : "")}"));
    }

    private void Serve(AuditSession session, int port, CancellationToken cancel)
    {
        using var server = new LabelServer(new AuditPage(session));
        server.Start(port);
        Terminal.WriteResultLine(server.Address);
        terminal.WriteStatus(
            $"open {server.Address} in a browser on this machine. Every answer is saved at once; Done on the page, or Ctrl-C, "
            + "ends the command, and the same command continues");
        server.RunAsync(cancel).GetAwaiter().GetResult();
    }

    private int Conclude(AuditSheet sheet, string target, string policyFile, string folder)
    {
        Terminal.WriteResultLine(string.Create(
            CultureInfo.InvariantCulture, $"{target}: {sheet.Answered} of {sheet.Items.Count} images have an answer"));
        var policy = Path.GetRelativePath(
            Directory.GetCurrentDirectory(), Path.GetFullPath(Path.Combine(folder, policyFile)));
        var isComplete = sheet.Answered == sheet.Items.Count;
        terminal.WriteStatus(isComplete
            ? $"judge the run with it: atu govern {policy} --out {Path.GetDirectoryName(folder)} --audit {target}"
            : "an audit counts when every image has an answer; continue with the same command");
        Terminal.WriteJson(new
        {
            feature = sheet.Feature,
            audit = target,
            person = sheet.Person,
            images = sheet.Items.Count,
            answered = sheet.Answered,
            complete = isComplete,
        });
        return ExitCodes.Passed;
    }
}

/// <summary>What the command line says about an audit.</summary>
/// <param name="Run">A run's record, or its folder.</param>
/// <param name="Feature">Name of the feature; null where the policy has one alone.</param>
/// <param name="Person">Who looks; null to continue.</param>
/// <param name="Clicks">How many images to look at; null to choose, or to continue.</param>
/// <param name="Port">Of the page; 0 for any.</param>
/// <param name="WithoutPage">Whether to draw the images and serve no page.</param>
/// <param name="Reuse">Whether the caller trusts everyone who can write the run's folder.</param>
internal sealed record AuditRequest(
    string Run, string? Feature, string? Person, int? Clicks, int Port, bool WithoutPage, bool Reuse);
