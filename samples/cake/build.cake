// A pipeline step that governs a generator and publishes the report. In your own repository:
//   dotnet new tool-manifest && dotnet tool install Cake.Tool && dotnet tool install AdaptThenUnlearn.Tool
//   dotnet cake build.cake --target=Govern
#addin nuget:?package=AdaptThenUnlearn.Cake&version=0.1.0

var policies = Argument("policies", "policies/*.json");
var output = Argument("output", "artifacts");
var atu = Argument<string>("atu", null);   // atu.dll, if the tool was built rather than installed

Task("Govern").Does(() => GovernModels(GetFiles(policies), new GovernModelsSettings
{
    AtuAssembly = atu is null ? null : File(atu),
    OutputDirectory = output,
    Advisory = HasArgument("advisory"),
    NoTrain = HasArgument("no-train"),
    Set = { ["evaluation.seed"] = 20 },
}));

// Does not depend on Govern, so that a failed gate is reported too. Run it in a step that always runs.
Task("PublishReport").Does(() => PublishGovernanceReport(GetFiles($"{output}/*/run.json"), new PublishGovernanceReportSettings
{
    AtuAssembly = atu is null ? null : File(atu),
    RequirePublish = true,
}));

// Cake wraps the exception of a task and always exits with 1. Unwrap it, so that the exit code is atu's.
try
{
    RunTarget(Argument("target", "Govern"));
}
catch (Exception failed) when (failed.InnerException is CakeException cause)
{
    throw cause;
}
