// The build: ./build.sh --target=Smoke, or .\build.ps1 --target=Smoke. Targets: Clean Format Build Test Pack Smoke Govern.
// build.sh and build.ps1 build the aliases into a folder of their own, so that no target changes what this script has loaded.
#r "../artifacts/aliases/AdaptThenUnlearn.Cake.dll"

var root = MakeAbsolute(Directory(".."));
var artifacts = root.Combine("artifacts");
var smoke = artifacts.Combine("smoke");
var packages = artifacts.Combine("packages");
var atu = new FilePath(Argument("atu", "src/AdaptThenUnlearn.Cli/bin/Release/net10.0/atu.dll")).MakeAbsolute(root);

// Evidence of governed models stays: it may be all that is left of a run.
Task("Clean").Does(() =>
{
    RunDotNet("clean --configuration Release");
    CleanDirectories([smoke.FullPath, packages.FullPath]);
});

Task("Format").Does(() => RunDotNet("format --verify-no-changes"));

Task("Build").Does(() => RunDotNet("build --configuration Release"));

Task("Test").Does(() => RunDotNet("test --configuration Release"));

Task("Pack").Does(() => RunDotNet("pack --configuration Release --output artifacts/packages"));

Task("Smoke").IsDependentOn("Build").Does(() =>
{
    CleanDirectory(smoke);   // a verdict that stands would be answered without measuring
    var settings = new GovernModelsSettings { AtuAssembly = atu, OutputDirectory = smoke, NoTrain = true, Threads = 1 };
    GovernModels(Policy("mnist-balanced"), settings);

    Information("The next gate must fail.");
    try
    {
        GovernModels(Policy("mnist-impossible"), settings);
    }
    catch (CakeException failed) when (failed.ExitCode == 1)
    {
        Information("It failed, as it must.");
        return;
    }

    throw new CakeException("mnist-impossible passed, and no gate may let it through");
});

Task("Govern").IsDependentOn("Build").Does(() =>
    GovernModels(Policy("mnist-no-digit-8"), new GovernModelsSettings { AtuAssembly = atu, OutputDirectory = artifacts }));

// Cake wraps what a task throws and ends with 1 whatever it was; unwrapped, the exit code is the tool's.
try
{
    RunTarget(Argument("target", "Test"));
}
catch (Exception failed) when (failed.InnerException is CakeException cause)
{
    throw cause;
}

FilePath Policy(string name) => root.CombineWithFilePath($"policies/{name}.json");

void RunDotNet(string arguments)
{
    var exitCode = StartProcess("dotnet", new ProcessSettings { Arguments = arguments, WorkingDirectory = root });
    if (exitCode != 0)
        throw new CakeException(exitCode, $"dotnet {arguments}: exit code {exitCode}");
}
