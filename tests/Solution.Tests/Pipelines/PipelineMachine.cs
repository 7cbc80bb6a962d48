using System.Runtime.Versioning;
using AdaptThenUnlearn.Cli.Tests;
using AdaptThenUnlearn.Tests;

namespace AdaptThenUnlearn.Solution.Tests.Pipelines;

/// <summary>
/// A machine that runs a pipeline's shell lines in a copy of a sample. Its <c>dotnet tool update</c> installs the <c>atu</c> that
/// the solution built, which needs no libtorch to be installed and never trains.
/// </summary>
/// <remarks>The policy is one for the smallest generator, so that a run takes seconds.</remarks>
[UnsupportedOSPlatform("windows")]
internal sealed class PipelineMachine : IDisposable
{
    // A build server that runs these tests must not be taken for the sample's: nothing may be published there.
    private static readonly string[] _buildVariables = ["GITHUB_", "GH_", "GITLAB_", "CI_", "SYSTEM_", "BUILD_", "GITEA_"];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("atu-pipeline-");
    private string _path;

    public PipelineMachine(string sample, SmallHouse house, string limit)
    {
        Assert.SkipWhen(
            OperatingSystem.IsWindows() || !File.Exists("/bin/bash"),
            "a Bash is needed, and a system whose files are programs by their mode");
        foreach (var file in Directory.EnumerateFiles(
            Path.Combine(Repository.Root, "samples", sample), "*", SearchOption.AllDirectories))
            Write(Path.GetRelativePath(Path.Combine(Repository.Root, "samples", sample), file), File.ReadAllText(file));
        house.Policy("my-policy", $"\"maxRate\": {limit}");
        foreach (var file in Directory.EnumerateFiles(house.Folder))
            File.Copy(file, At($"policies/{Path.GetFileName(file)}"), overwrite: true);

        _path = Environment.GetEnvironmentVariable("PATH")!;
        WriteProgram("stand-in/installed-atu", $"""
            #!/bin/sh
            PATH='{_path}'
            case "$1" in
              backend) exit 0 ;;
              govern) shift; exec dotnet '{CakeHouse.Atu}' govern --no-train --threads 1 "$@" ;;
              *) exec dotnet '{CakeHouse.Atu}' "$@" ;;
            esac
            """);
        WriteProgram("stand-in/dotnet", $"""
            #!/bin/sh
            [ "$1 $2 $3 $4" = 'tool update AdaptThenUnlearn.Tool --tool-path' ] || exit 9
            mkdir -p "$5" && cp '{At("stand-in/installed-atu")}' "$5/atu"
            """);
        PrependPath(At("stand-in"));
    }

    public string At(string name) => Path.Combine(_folder.FullName, name);

    /// <summary>Makes programs of a folder found first, for the lines that follow.</summary>
    public void PrependPath(string folder) => _path = $"{folder}:{_path}";

    /// <summary>Runs a script in the sample's folder.</summary>
    public (int ExitCode, string Output) Bash(string script, Dictionary<string, string?> environment)
    {
        Write("script.sh", script);
        var own = new Dictionary<string, string?>(environment) { ["PATH"] = _path };
        foreach (string name in Environment.GetEnvironmentVariables().Keys)
            if (Array.Exists(_buildVariables, prefix => name.StartsWith(prefix, StringComparison.Ordinal)))
                own.TryAdd(name, null);
        using var bash = Command.Start(_folder.FullName, own, "/bin/bash", "--noprofile", "--norc", "script.sh");
        return bash.Finish();
    }

    /// <summary>Asserts that the evidence is where the pipeline's host collects it.</summary>
    public void HasEvidence(string folder) => Assert.All(
        new[] { "run.json", "report.html", "report.md", "report.sarif", "junit.xml" },
        file => Assert.True(File.Exists(At($"{folder}/my-policy/{file}")), file));

    public void Dispose() => _folder.Delete(recursive: true);

    private void Write(string name, string content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(At(name))!);
        File.WriteAllText(At(name), content);
    }

    private void WriteProgram(string name, string content)
    {
        Write(name, content + "\n");
        File.SetUnixFileMode(At(name), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
