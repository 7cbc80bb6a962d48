using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using AdaptThenUnlearn.Publishing.Hosts;
using AdaptThenUnlearn.Torch.Backend;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>
/// Runs <c>atu</c> by its entry point in this process: no start, no loading of libtorch, and code that is compiled already.
/// </summary>
/// <remarks>
/// One command line at a time, for the number of threads and torch's default random source belong to the process. What a test
/// writes to the console meanwhile does not get into the result.
/// </remarks>
internal static class AtuHere
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(10);   // only bounds a command that hangs
    private static readonly AsyncLocal<TextWriter?> _output = new();
    private static readonly AsyncLocal<TextWriter?> _errors = new();

    private static readonly Func<string[], int> _main =
        typeof(Terminal).Assembly.EntryPoint!.CreateDelegate<Func<string[], int>>();

    static AtuHere()
    {
        Console.SetOut(new Redirection(Console.Out, _output));
        Console.SetError(new Redirection(Console.Error, _errors));
    }

    /// <param name="arguments">Of the command line.</param>
    public static (int ExitCode, string Output, string Errors) Run(string[] arguments)
    {
        lock (SmallHouse.Randomness)
        {
            TorchBackend.Load();
            TorchSharp.torch.set_num_threads(1);
            var (output, errors) = (new StringWriter(), new StringWriter());

            // What a task sets stays in it: its writers, and the culture.
            var command = Task.Run(() =>
            {
                (_output.Value, _errors.Value) = (output, errors);
                return _main(arguments);
            });
            Assert.True(command.Wait(_patience), $"atu {string.Join(' ', arguments)} did not end within {_patience}");
            return (command.Result, output.ToString(), errors.ToString());
        }
    }

    /// <summary>Removes a build server's variables and tokens from this process and all that it starts.</summary>
    /// <remarks>Only the CPU gives the same bytes each time, and only with the same number of threads.</remarks>
#pragma warning disable CA2255   // before anything reads the environment, libtorch above all
    [ModuleInitializer]
    internal static void CleanEnvironment()
    {
        foreach (var name in Environment.GetEnvironmentVariables().Keys.Cast<string>().Where(
            name => name.StartsWith("GITHUB_", StringComparison.Ordinal)
                || name.EndsWith("_TOKEN", StringComparison.Ordinal)
                || name == "SYSTEM_ACCESSTOKEN"
                || BuildServer.Variables.Contains(name)).ToList())
            Environment.SetEnvironmentVariable(name, null);
        foreach (var (name, value) in new[] { ("OMP_NUM_THREADS", "1"), ("CUDA_VISIBLE_DEVICES", "") })
        {
            Environment.SetEnvironmentVariable(name, value);
            if (!OperatingSystem.IsWindows())
                _ = setenv(name, value, overwrite: 1);   // .NET's own call changes only .NET's copy there
        }
    }
#pragma warning restore CA2255

    [DllImport("libc", EntryPoint = "setenv", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    private static extern int setenv(string name, string value, int overwrite);

    // Writes where the running command wants it, and to the console for everybody else.
    private sealed class Redirection(TextWriter usual, AsyncLocal<TextWriter?> wanted) : TextWriter
    {
        public override Encoding Encoding => usual.Encoding;

        private TextWriter Target => wanted.Value ?? usual;

        public override void Write(char value) => Target.Write(value);

        public override void Write(string? value) => Target.Write(value);

        public override void Write(char[] buffer, int index, int count) => Target.Write(buffer, index, count);

        public override void Flush() => Target.Flush();
    }
}
