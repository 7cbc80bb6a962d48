using System.CommandLine;
using AdaptThenUnlearn.Cli;
using AdaptThenUnlearn.Cli.Commands;

using var terminal = new Terminal();
var root = new RootCommand("Measures, unlearns and gates image generators by policy")
{
    ModelCommands.Pretrain(terminal),
    ModelCommands.TrainClassifier(terminal),
};
return await root.Parse(args).InvokeAsync();
