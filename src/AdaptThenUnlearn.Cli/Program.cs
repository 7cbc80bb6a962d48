using System.CommandLine;
using AdaptThenUnlearn.Cli;
using AdaptThenUnlearn.Cli.Commands;

using var terminal = new Terminal();
var root = new RootCommand("Measures, unlearns and gates image generators by policy")
{
    new GovernCommand(terminal).Build(),
    new MeasureCommand(terminal).Build(),
    VerifyCommand.Build(terminal),
    PolicyCommands.Build(terminal),
    InspectCommand.Build(terminal),
    new SampleCommand(terminal).Build(),
    new DistanceCommand(terminal).Build(),
    ModelCommands.Pretrain(terminal),
    ModelCommands.TrainClassifier(terminal),
    ModelCommands.Reference(terminal),
};
return await root.Parse(args).InvokeAsync();
