// A build as a console program: dotnet run -- --target=Govern
// The aliases are extension methods of ICakeContext, and every Frosting context is an ICakeContext.
using AdaptThenUnlearn.Cake;
using Cake.Common;
using Cake.Common.IO;
using Cake.Core;
using Cake.Core.IO;
using Cake.Frosting;

namespace FrostingSample;

/// <summary>The Cake host.</summary>
public static class Program
{
    /// <summary>Exit code of the atu that failed; 0 where none did.</summary>
    public static int AtuExitCode { get; set; }

    /// <summary>Runs the target that the arguments name. Cake has one exit code for every failure; atu's says more.</summary>
    public static int Main(string[] args)
    {
        var exitCode = new CakeHost().UseContext<BuildContext>().Run(args);
        return exitCode != 0 && AtuExitCode != 0 ? AtuExitCode : exitCode;
    }
}

/// <summary>The arguments, which all tasks share.</summary>
public sealed class BuildContext(ICakeContext context) : FrostingContext(context)
{
    /// <summary>The policies to govern by, relative to the working directory.</summary>
    public FilePathCollection Policies => this.GetFiles(this.Argument("policies", "policies/*.json"));

    /// <summary>Folder of the evidence.</summary>
    public DirectoryPath Output { get; } = context.Argument("output", "artifacts");

    /// <summary>atu.dll, if the tool was built rather than installed.</summary>
    public FilePath? Atu { get; } = context.Argument<string?>("atu", null) is { } path ? new FilePath(path) : null;
}

/// <summary>A task that runs atu and keeps its exit code.</summary>
public abstract class AtuTask : FrostingTask<BuildContext>
{
    /// <summary>Notes the exit code, and throws the error again: one that is handled does not fail the build.</summary>
    public override void OnError(Exception exception, BuildContext context)
    {
        Program.AtuExitCode = (exception as CakeException)?.ExitCode ?? 0;
        throw exception;
    }
}

/// <summary>Fails unless every generator meets its policy.</summary>
[TaskName("Govern")]
public sealed class GovernTask : AtuTask
{
    /// <inheritdoc/>
    public override void Run(BuildContext context) => context.GovernModels(context.Policies, new GovernModelsSettings
    {
        AtuAssembly = context.Atu,
        OutputDirectory = context.Output,
        Advisory = context.HasArgument("advisory"),
        NoTrain = context.HasArgument("no-train"),
    });
}

/// <summary>Publishes the report on the pull request. Does not depend on Govern, so that a failed gate is reported too.</summary>
[TaskName("PublishReport")]
public sealed class PublishReportTask : AtuTask
{
    /// <inheritdoc/>
    public override void Run(BuildContext context) =>
        context.PublishGovernanceReport(context.GetFiles($"{context.Output}/*/run.json"), new PublishGovernanceReportSettings
        {
            AtuAssembly = context.Atu,
            RequirePublish = true,
        });
}
