using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using AdaptThenUnlearn.Cli;
using AdaptThenUnlearn.Cli.Commands;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Onnx;

// Parse arguments and print results the same way on every machine.
CultureInfo.CurrentCulture = CultureInfo.DefaultThreadCurrentCulture = CultureInfo.InvariantCulture;

// ONNX graphs can be run where a policy or an argument names the format.
OnnxGraphRuntime.Register();

using var terminal = new Terminal();
var root = new RootCommand("Measure image generators, unlearn what a policy bans, and judge the result")
{
    new GovernCommand(terminal).Build(),
    new MeasureCommand(terminal).Build(),
    new MeasureCommand(terminal).BuildMerge(),
    new PlanCommand(terminal).Build(),
    new CompareCommand(terminal).Build(),
    new TuneCommand(terminal).Build(),
    new LockCommand(terminal).Build(),
    new AttackCommand(terminal).Build(),
    VerifyCommand.Build(terminal),
    new VerifyModelCommand(terminal).Build(),
    new AttestCommand(terminal).Build(),
    ReportCommand.Build(terminal),
    new PublishCommand(terminal).Build(),
    PolicyCommands.Build(terminal),
    InspectCommand.Build(terminal),
    new SampleCommand(terminal).Build(),
    new DistanceCommand(terminal).Build(),
    new ExportCommand(terminal).Build(),
    ModelCommands.Pretrain(terminal),
    ModelCommands.TrainClassifier(terminal),
    new ReferenceCommand(terminal).Build(),
    new LabelCommand(terminal).Build(),
    BackendCommands.Build(terminal),
    Terminal.Quiet,
    ParentProcess.Option,
};
HelpText.AddTo(root);
var parsed = root.Parse(args);

// Without a command nothing was asked, and nothing has passed: show what there is, and fail.
if (parsed.CommandResult.Command.Subcommands.Count > 0 && parsed.Tokens.All(token => token.Type == TokenType.Command))
{
    root.Parse([.. args, "--help"]).Invoke();
    terminal.WriteDiagnostic(new BuildMessage(Severity.Error, RunCodes.BadArgument, "no command was given"));
    return ExitCodes.BadPolicy;
}

if (parsed.Errors.Count > 0)
{
    foreach (var error in parsed.Errors)
        terminal.WriteDiagnostic(new BuildMessage(Severity.Error, RunCodes.BadArgument, error.Message));
    var command = parsed.CommandResult.Command;
    var above = command.Parents.OfType<Command>().FirstOrDefault();
    var names = new[] { above, command }.Where(each => each is not (null or RootCommand)).Select(each => each!.Name + " ");
    terminal.WriteStatus($"see: atu {string.Concat(names)}--help");
    return ExitCodes.BadPolicy;
}

// Let a cancelled command end by itself; terminate only one that hangs.
using var end = new ProcessTermination(terminal);
return await parsed.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null }, end.Token);
