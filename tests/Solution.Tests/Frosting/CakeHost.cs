using System.Reflection;
using Cake.Core;
using Cake.Core.Configuration;
using Cake.Core.Diagnostics;
using Cake.Core.IO;
using Cake.Core.Tooling;

namespace Cake.Frosting;

/// <summary>
/// A stand-in for the host of Cake.Frosting, for machines where that package does not restore. With the other stand-ins in this
/// folder it has the members that the sample uses, and it runs the tasks on Cake's own engine.
/// </summary>
/// <remarks>
/// All of it is written for these tests. Like the real host, it ends with the same exit code whatever failed.
/// </remarks>
public sealed class CakeHost
{
    private const int Failed = 255;
    private Func<ICakeContext, object>? _createContext;

    /// <summary>Names the type of the context that the tasks get.</summary>
    public CakeHost UseContext<TContext>()
        where TContext : FrostingContext
    {
        _createContext = context => Activator.CreateInstance(typeof(TContext), context)!;
        return this;
    }

    /// <summary>Runs the task that <c>--target</c> names.</summary>
    public int Run(IEnumerable<string> args)
    {
        var context = new HostContext(args);
        try
        {
            var engine = new CakeEngine(new CakeDataService(), context.Log);
            var own = _createContext!(context);
            foreach (var type in Assembly.GetEntryAssembly()!.GetTypes())
                if (type.GetCustomAttribute<TaskNameAttribute>() is { } name)
                    Register(engine.RegisterTask(name.Name), (IFrostingTask)Activator.CreateInstance(type)!, own);

            var strategy = new DefaultExecutionStrategy(context.Log, new SilentPrinter());
            var target = context.Arguments.GetArguments("target").Single();
            engine.RunTargetAsync(context, strategy, new ExecutionSettings().SetTarget(target)).GetAwaiter().GetResult();
            return 0;
        }
#pragma warning disable CA1031 // a host turns whatever was thrown into its exit code
        catch (Exception failed)
#pragma warning restore CA1031
        {
            Console.Error.WriteLine($"Error: {failed.Message}");
            return Failed;
        }
    }

    // A task that has a handler of its own is asked; any other error goes on by itself.
    private static void Register(CakeTaskBuilder builder, IFrostingTask task, object context)
    {
        builder.Does(() => task.Run(context));
        if (task.HandlesErrors)
            builder.OnError(exception => task.OnError(exception, context));
    }

    private sealed class HostContext : ICakeContext, ICakeLog
    {
        public HostContext(IEnumerable<string> args)
        {
            Environment = new CakeEnvironment(new CakePlatform(), new CakeRuntime());
            Globber = new Globber(FileSystem, Environment);
            Arguments = new CakeArguments(args
                .Select(argument => argument.TrimStart('-').Split('=', 2))
                .ToLookup(parts => parts[0], parts => parts.Length == 2 ? parts[1] : ""));
            Tools = new ToolLocator(
                Environment,
                new ToolRepository(Environment),
                new ToolResolutionStrategy(FileSystem, Environment, Globber, Configuration, this));
            ProcessRunner = new ProcessRunner(FileSystem, Environment, this, Tools, Configuration);
        }

        public IFileSystem FileSystem { get; } = new FileSystem();

        public ICakeEnvironment Environment { get; }

        public IGlobber Globber { get; }

        public ICakeLog Log => this;

        public ICakeArguments Arguments { get; }

        public IProcessRunner ProcessRunner { get; }

        public IRegistry Registry => throw new NotSupportedException();

        public IToolLocator Tools { get; }

        public ICakeDataResolver Data => throw new NotSupportedException();

        public ICakeConfiguration Configuration { get; } = new CakeConfiguration(new Dictionary<string, string>());

        public Verbosity Verbosity { get; set; } = Verbosity.Normal;

        public void Write(Verbosity verbosity, LogLevel level, string format, params object[] args)
        {
            if (verbosity <= Verbosity)
                (level <= LogLevel.Error ? Console.Error : Console.Out).WriteLine(format, args);
        }
    }

    private sealed class SilentPrinter : ICakeReportPrinter
    {
        public void Write(CakeReport report)
        {
        }

        public void WriteLifeCycleStep(string name, Verbosity verbosity)
        {
        }

        public void WriteSkippedStep(string name, Verbosity verbosity)
        {
        }

        public void WriteStep(string name, Verbosity verbosity)
        {
        }
    }
}
