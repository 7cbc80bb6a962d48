namespace AdaptThenUnlearn.Solution.Tests;

/// <summary>
/// Runs a PowerShell script: with <c>pwsh</c> where it is installed, otherwise with a small host around PowerShell's own engine.
/// </summary>
/// <remarks>
/// The host is made in the copy of the repository and is no project of the solution: the engine brings more than a solution
/// should depend on for one test.
/// </remarks>
internal static class CakePowerShell
{
    private const string Engine = "Microsoft.PowerShell.Commands.Management";

    private const string Project = $"""
        <Project Sdk="Microsoft.NET.Sdk">
          <PropertyGroup>
            <OutputType>Exe</OutputType>
            <TargetFramework>net10.0</TargetFramework>
            <ImplicitUsings>enable</ImplicitUsings>
          </PropertyGroup>
          <ItemGroup>
            <PackageReference Include="{Engine}" />
          </ItemGroup>
        </Project>
        """;

    // The commands that build.ps1 uses and the bare engine lacks; errors end up on stderr and the exit code is the script's, as
    // with pwsh.
    private const string Program = """
        using System.Management.Automation;
        using System.Management.Automation.Runspaces;
        using Microsoft.PowerShell.Commands;

        var state = InitialSessionState.CreateDefault2();
        state.Commands.Add(new SessionStateCmdletEntry("Push-Location", typeof(PushLocationCommand), null));
        state.Commands.Add(new SessionStateCmdletEntry("Pop-Location", typeof(PopLocationCommand), null));
        using var shell = PowerShell.Create(state);
        shell.AddCommand(args[0]);
        foreach (var argument in args[1..])
            shell.AddArgument(argument);
        foreach (var line in shell.Invoke())
            Console.WriteLine(line);
        foreach (var error in shell.Streams.Error)
            Console.Error.WriteLine(error);
        return (int)(shell.Runspace.SessionStateProxy.GetVariable("LASTEXITCODE") ?? 1);
        """;

    public static (int ExitCode, string Output, string Errors) Run(CakeHouse house, string script, params string[] arguments)
    {
        if (IsInstalled("pwsh"))
            return CakeProcess.Run(Path.GetTempPath(), "pwsh", ["-NoProfile", "-File", house.At(script), .. arguments]);

        var folder = Directory.CreateDirectory(house.At("powershell")).FullName;
        // The project has its own versions, and not this repository's rules.
        File.WriteAllText(Path.Combine(folder, "Directory.Build.props"), "<Project />");
        File.WriteAllText(Path.Combine(folder, "powershell.csproj"), Project);
        File.WriteAllText(Path.Combine(folder, "Program.cs"), Program);
        var restored = CakeProcess.Run(folder, "dotnet", "restore");
        Assert.SkipWhen(restored.ExitCode != 0, $"no pwsh is installed, and {Engine} does not restore: {restored.Output}");

        var built = CakeProcess.Run(folder, "dotnet", "build", "--no-restore", "--configuration", "Release");
        Assert.True(built.ExitCode == 0, built.Output + built.Errors);
        return CakeProcess.Run(
            Path.GetTempPath(),
            "dotnet",
            [Path.Combine(folder, "bin", "Release", "net10.0", "powershell.dll"), house.At(script), .. arguments]);
    }

    private static bool IsInstalled(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator)
            .Any(folder => File.Exists(Path.Combine(folder, OperatingSystem.IsWindows() ? program + ".exe" : program)));
}
