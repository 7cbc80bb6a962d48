using System.ComponentModel;
using System.Diagnostics;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Torch.Backend;

namespace AdaptThenUnlearn.Cli;

/// <summary>
/// Installs libtorch with an ordinary NuGet restore of a temporary project, so that the tool's own package needs none.
/// </summary>
/// <remarks>
/// The feeds, credentials and package folder are those that <c>dotnet restore</c> would use in the current folder. The
/// files are hard links into NuGet's cache where the file system allows it.
/// </remarks>
public sealed class BackendInstallation(Terminal terminal)
{
    private static readonly TimeSpan _statusInterval = TimeSpan.FromSeconds(10);

    /// <summary>Installs a kind of libtorch, unless it is installed already, and selects it.</summary>
    /// <param name="kind"><c>cpu</c> or <c>cuda</c>.</param>
    /// <param name="cancel">Ends the restore; an installed one stays as it was.</param>
    /// <returns>The folder of the installed files.</returns>
    /// <exception cref="TorchBackendException">There is no such package for this system, or it could not be restored.</exception>
    /// <exception cref="FileNotWrittenException">The user's folder cannot be written.</exception>
    public string Install(string kind, CancellationToken cancel)
    {
        var folder = InstalledBackend.FolderOf(kind);
        if (!TorchBackend.ContainsLibtorch(folder))
            Restore(kind, folder, cancel);
        InstalledBackend.Choose(kind);
        return folder;
    }

    /// <summary>The temporary project whose restore downloads a kind of libtorch.</summary>
    /// <param name="kind"><c>cpu</c> or <c>cuda</c>.</param>
    /// <param name="platform">A runtime identifier, such as <c>linux-x64</c>.</param>
    /// <exception cref="TorchBackendException">There is no such package.</exception>
    public static string ProjectText(string kind, string platform)
    {
        var (package, version) = (kind, platform) switch
        {
            ("cpu", "linux-x64" or "win-x64" or "osx-arm64") => ("libtorch-cpu-" + platform, InstalledBackend.LibtorchVersion),
            ("cuda", "linux-x64") => ("TorchSharp-cuda-linux", InstalledBackend.TorchSharpVersion),
            ("cuda", "win-x64") => ("TorchSharp-cuda-windows", InstalledBackend.TorchSharpVersion),
            _ => throw new TorchBackendException(
                $"there is no {kind} libtorch package for {platform}; set {TorchBackend.FolderVariable} to a folder that holds " +
                "libtorch"),
        };
        return $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <TargetFramework>net10.0</TargetFramework>
                <RuntimeIdentifier>{platform}</RuntimeIdentifier>
                <SelfContained>false</SelfContained>
                <GenerateDependencyFile>false</GenerateDependencyFile>
                <DebugType>none</DebugType>
                <NuGetAudit>false</NuGetAudit>
                <CreateHardLinksForCopyLocalIfPossible>true</CreateHardLinksForCopyLocalIfPossible>
                <CreateHardLinksForPublishFilesIfPossible>true</CreateHardLinksForPublishFilesIfPossible>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="{package}" Version="[{version}]" />
              </ItemGroup>
            </Project>
            """;
    }

    private void Restore(string kind, string folder, CancellationToken cancel)
    {
        var work = $"{folder}.{Path.GetRandomFileName()}";   // on the same file system, where links and moves are possible
        var project = Path.Combine(work, "project", "backend.csproj");
        AtomicFile.Write(project, ProjectText(kind, TorchBackend.Platform));
        terminal.WriteStatus($"downloading libtorch with NuGet ({(kind == "cpu" ? "130 MB" : "over 2 GB")})");
        try
        {
            var published = Path.Combine(work, "published");
            var exitCode = Dotnet(
                cancel, "publish", project, "--output", published, "--nologo", "--configuration", "Release", "-v:quiet",
                $"-p:RestoreRootConfigDirectory={Environment.CurrentDirectory}",
                "-p:ImportDirectoryBuildProps=false",
                "-p:ImportDirectoryBuildTargets=false",
                "-p:ImportDirectoryPackagesProps=false");
            if (exitCode != 0 || !TorchBackend.ContainsLibtorch(published))
                throw new TorchBackendException(
                    $"the {kind} libtorch could not be restored (dotnet publish ended with exit code {exitCode}; see its " +
                    "errors above)");

            if (Directory.Exists(folder))
                Directory.Delete(folder, recursive: true);   // an incomplete one
            Directory.Move(published, folder);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw new FileNotWrittenException(folder, $"cannot be written: {refused.Message}", "free disk space, or end the " +
                "programs that use it");
        }
        finally
        {
            Directory.Delete(work, recursive: true);
        }
    }

    private int Dotnet(CancellationToken cancel, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.WorkingDirectory = Path.GetDirectoryName(arguments[1])!;
        using var process = Start(start);
        using var ending = cancel.Register(() => process.Kill(entireProcessTree: true));
        process.OutputDataReceived += ForwardLine;   // it is quiet: only errors and warnings come
        process.ErrorDataReceived += ForwardLine;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        for (var watch = Stopwatch.StartNew(); !process.WaitForExit(_statusInterval);)
            terminal.WriteStatus($"  still downloading, {Terminal.Duration(watch.Elapsed)}");
        process.WaitForExit();   // until its last lines have come
        cancel.ThrowIfCancellationRequested();
        return process.ExitCode;

        void ForwardLine(object sender, DataReceivedEventArgs line)
        {
            if (!string.IsNullOrWhiteSpace(line.Data))
                terminal.WriteStatus(line.Data);
        }
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception absent)
        {
            throw new TorchBackendException(
                $"dotnet cannot be started ({absent.Message}); the .NET SDK is needed to restore the packages: add it to the " +
                "PATH");
        }
    }
}
