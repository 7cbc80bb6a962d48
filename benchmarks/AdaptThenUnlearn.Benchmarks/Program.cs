using System.Globalization;
using AdaptThenUnlearn.Benchmarks;
using AdaptThenUnlearn.Torch.Backend;
using BenchmarkDotNet.Running;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (args is ["start", ..])
{
    StartTimes.Run(args[1..]);
    return;
}

TorchBackend.Load();
if (BusyMachine.Run(args))
    return;
string OnDevice() => args.Length > 1 ? args[1] : "cpu";
int Number(int usual) => args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : usual;
switch (args.FirstOrDefault())
{
    case "step":
        StepComparison.Run(rounds: Number(10));
        break;
    case "unlearning-step":
        UnlearningStep.Run(steps: Number(64));
        break;
    case "evaluation":
        Evaluation.Run(OnDevice());
        break;
    case "endurance":
        LeakCheck.Run(steps: Number(5000));
        break;
    case "large-sample":
        LargeSample.Run(images: Number(10_000_000));
        break;
    case "scaling":
        Scaling.Run(OnDevice(), [.. args.Skip(2)]);
        break;
    case "loading":
        Loading.Run();
        break;
    case "forms":
        GeneratorVariants.Run();
        break;
    case "folder":
        FolderReading.Run(images: Number(2000));
        break;
    case "graphs":
        GraphInference.Run(rounds: Number(40));
        break;
    case "frechet-bound":
        FrechetBounds.Run(trials: Number(1000));
        break;
    case "coverage":
        Coverage.Run(replications: Number(10_000));
        break;
    case "audit-coverage":
        AuditCoverage.Run(replications: Number(10_000));
        break;
    case "ratio-coverage":
        RatioCoverage.Run(replications: Number(10_000));
        break;
    case "flips":
        VerdictFlips.Run(replications: Number(10_000));
        break;
    case "locked-seeds":
        LockedSeeds.Run(replications: Number(1000));
        break;
    case "distance-parts":
        DistanceParts.Run(digit: args[1], before: args[2], after: args[3]);
        break;
    case "fuzz":
        Fuzzing.Run(mutants: Number(100_000), seed: args.Length > 2 ? int.Parse(args[2], CultureInfo.InvariantCulture) : 1);
        break;
    default:
        BenchmarkSwitcher.FromAssembly(typeof(TrainingBenchmarks).Assembly).Run(args);   // --filter '*'
        break;
}
