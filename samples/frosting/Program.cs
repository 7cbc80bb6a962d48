// A build as a console program: dotnet run --project samples/frosting -- --target=Govern --no-train
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
    /// <summary>Runs the target that the arguments name.</summary>
    public static int Main(string[] args) => new CakeHost().UseContext<BuildContext>().Run(args);
}

/// <summary>The arguments, which all tasks share.</summary>
public sealed class BuildContext(ICakeContext context) : FrostingContext(context)
{
    /// <summary>The policies to govern by, relative to the working directory.</summary>
    public FilePathCollection Policies => this.GetFiles(this.Argument("policies", "policies/mnist-no-digit-8.json"));

    /// <summary>Folder of the evidence.</summary>
    public DirectoryPath Output { get; } = context.Argument("output", "artifacts");

    /// <summary>atu.dll, if the tool was built rather than installed.</summary>
    public FilePath? Atu { get; } = context.Argument<string?>("atu", null) is { } path ? new FilePath(path) : null;
}

/// <summary>Fails unless every generator meets its policy.</summary>
[TaskName("Govern")]
public sealed class GovernTask : FrostingTask<BuildContext>
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
public sealed class PublishReportTask : FrostingTask<BuildContext>
{
    /// <inheritdoc/>
    public override void Run(BuildContext context) =>
        context.PublishGovernanceReport(context.GetFiles($"{context.Output}/*/run.json"), new PublishGovernanceReportSettings
        {
            AtuAssembly = context.Atu,
            RequirePublish = true,
        });
}
