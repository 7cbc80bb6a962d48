// A build as a console program: dotnet run --project samples/frosting -- --target=Govern --no-train
// The aliases are extension methods of ICakeContext, and every Frosting context is one: nothing else is needed.
using AdaptThenUnlearn.Cake;
using Cake.Common;
using Cake.Common.IO;
using Cake.Core;
using Cake.Core.IO;
using Cake.Frosting;

namespace FrostingSample;

/// <summary>The host.</summary>
public static class Program
{
    /// <summary>Runs the target that the arguments name.</summary>
    public static int Main(string[] args) => new CakeHost().UseContext<BuildContext>().Run(args);
}

/// <summary>What the tasks share: the arguments.</summary>
public sealed class BuildContext(ICakeContext context) : FrostingContext(context)
{
    /// <summary>What to govern, relative to the working directory.</summary>
    public FilePathCollection Policies => this.GetFiles(this.Argument("policies", "policies/mnist-no-digit-8.json"));

    /// <summary>Where the evidence goes.</summary>
    public DirectoryPath Output { get; } = context.Argument("output", "artifacts");

    /// <summary>atu.dll, where the tool was built rather than installed.</summary>
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

/// <summary>Tells the pull request. Not behind Govern: a gate that failed is what a reviewer needs to read most.</summary>
[TaskName("PublishReport")]
public sealed class PublishReportTask : FrostingTask<BuildContext>
{
    /// <inheritdoc/>
    public override void Run(BuildContext context) => context.PublishGovernanceReport(context.GetFiles($"{context.Output}/*/run.json"), new PublishGovernanceReportSettings
    {
        AtuAssembly = context.Atu,
        RequirePublish = true,
    });
}
