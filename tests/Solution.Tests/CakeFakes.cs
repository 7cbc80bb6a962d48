using Cake.Core;
using Cake.Core.Configuration;
using Cake.Core.Diagnostics;
using Cake.Core.IO;
using Cake.Core.Tooling;

namespace AdaptThenUnlearn.Solution.Tests;

/// <summary>A build that starts nothing: it notes what would have been started, and answers as a test wants.</summary>
internal sealed class FakeBuild : ICakeContext, IProcessRunner, IToolLocator, ICakeLog
{
    /// <summary>Lines of stderr.</summary>
    public string[] Says { get; init; } = [];

    public int ExitCode { get; init; }

    /// <summary>Whether the process outlasts every wait.</summary>
    public bool Hangs { get; init; }

    /// <summary>File names that Cake's tool locator finds.</summary>
    public string[] Installed { get; init; } = [];

    public string? Started { get; private set; }

    /// <summary>Without the id of the process that the tool must end with, which every command has.</summary>
    public string Arguments { get; private set; } = "";

    public ProcessSettings? Settings { get; private set; }

    public List<(LogLevel Level, string Text)> Logged { get; } = [];

    public IFileSystem FileSystem { get; } = new FileSystem();

    public ICakeEnvironment Environment { get; } = new CakeEnvironment(new CakePlatform(), new CakeRuntime());

    /// <summary>The working directory, as Cake writes it.</summary>
    public string Here => Environment.WorkingDirectory.FullPath;

    public ICakeLog Log => this;

    public IProcessRunner ProcessRunner => this;

    public IToolLocator Tools => this;

    public Verbosity Verbosity { get; set; }

    IGlobber ICakeContext.Globber => throw new NotSupportedException();

    ICakeArguments ICakeContext.Arguments => throw new NotSupportedException();

    IRegistry ICakeContext.Registry => throw new NotSupportedException();

    ICakeDataResolver ICakeContext.Data => throw new NotSupportedException();

    ICakeConfiguration ICakeContext.Configuration => throw new NotSupportedException();

    public IProcess Start(FilePath filePath, ProcessSettings settings)
    {
        (Started, Arguments, Settings) = (filePath.GetFilename().FullPath, Unbound(settings.Arguments.Render()), settings);
        return new FakeProcess(this, settings);
    }

    private static string Unbound(string arguments)
    {
        var bond =
            string.Create(System.Globalization.CultureInfo.InvariantCulture, $" --parent-process {System.Environment.ProcessId}");
        Assert.Contains(bond, arguments, StringComparison.Ordinal);
        return arguments.Replace(bond, "", StringComparison.Ordinal);
    }

    public void RegisterFile(FilePath path) => throw new NotSupportedException();

    public FilePath? Resolve(string tool) => Installed.Contains(tool) ? ExistingFile(tool) : null;

    public FilePath? Resolve(IEnumerable<string> toolExeNames) =>
        toolExeNames.Select(Resolve).FirstOrDefault(found => found is not null);

    public void Write(Verbosity verbosity, LogLevel level, string format, params object[] args) =>
        Logged.Add((level, string.Format(null, format, args)));

    /// <summary>An empty file of that name; a tool must exist before Cake starts it.</summary>
    public static FilePath ExistingFile(string name)
    {
        var path = System.IO.Path.Combine(
            Directory.CreateDirectory(System.IO.Path.Combine(AppContext.BaseDirectory, "cake-fakes")).FullName, name);
        File.WriteAllText(path, "");
        return path;
    }

    private sealed class FakeProcess(FakeBuild build, ProcessSettings settings) : IProcess
    {
        private bool _hasSaidAll;

        public void WaitForExit()
        {
            if (_hasSaidAll)
                return;

            foreach (var line in build.Says)
                settings.RedirectedStandardErrorHandler(line);
            settings.RedirectedStandardErrorHandler(null);
            _hasSaidAll = true;
        }

        public bool WaitForExit(int milliseconds) => !build.Hangs;

        public int GetExitCode() => build.ExitCode;

        public IEnumerable<string> GetStandardError() => [];

        public IEnumerable<string> GetStandardOutput() => [];

        public void Kill()
        {
        }

        public void Dispose()
        {
        }
    }
}
