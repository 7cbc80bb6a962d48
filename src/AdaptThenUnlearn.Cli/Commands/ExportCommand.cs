using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using AdaptThenUnlearn.Onnx.Export;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Features;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary><c>atu export</c>: writes a generator or a classifier as an ONNX graph.</summary>
public sealed class ExportCommand(Terminal terminal)
{
    private static readonly JsonSerializerOptions _asPolicies = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly GeneratorOptions _checkpoint = new("A generator's checkpoint, or a classifier of `atu train-classifier`");
    private readonly Option<FileInfo> _onnx = new("--onnx") { Description = "File for the ONNX graph", Required = true };

    /// <summary>Builds the command.</summary>
    public Command Build()
    {
        var command = new Command("export",
            "Write a generator or a classifier as an ONNX graph, and say what a policy needs for it")
        {
            _onnx, OutputFiles.Overwrite, Terminal.Json,
        };
        _checkpoint.AddTo(command);
        command.SetGuardedAction(terminal, Run);
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        var path = _checkpoint.Checkpoint(parsed);
        var target = parsed.GetRequiredValue(_onnx).FullName;
        OutputFiles.Require(parsed, [target], [("CHECKPOINT", path)], GraphExport.IsWrittenByAtu);
        var device = Machine.Prepare(parsed, terminal);
        var choice = IsClassifier(path) ? WriteClassifier(path, target, device) : WriteGenerator(parsed, target, device);
        Terminal.WriteResultLine(target);
        Terminal.WriteResultLine(choice);
        Terminal.WriteJson(new { file = target, policy = JsonDocument.Parse(choice).RootElement });
        return ExitCodes.Passed;
    }

    private string WriteGenerator(ParseResult parsed, string target, TorchSharp.torch.Device device)
    {
        using var loaded = _checkpoint.Load(parsed, discriminator: null, device, terminal, generatorAlone: true);
        try
        {
            var use = GraphExport.Write(target, loaded.Generator);
            return JsonSerializer.Serialize(
                new
                {
                    checkpoint = Path.GetFileName(target),
                    format = GeneratorChoice.Onnx,
                    inputs = use.Inputs,
                    output = use.Output
                },
                _asPolicies);
        }
        catch (NotSupportedException other)
        {
            throw new BadArgumentException($"a {loaded.Architecture} generator is not exported: {other.Message}");
        }
    }

    private static string WriteClassifier(string path, string target, TorchSharp.torch.Device device)
    {
        using var loaded = ClassifierCheckpoint.Load(path, sha256: null, classes: null, device);
        try
        {
            GraphExport.Write(target, loaded.Classifier);
            return JsonSerializer.Serialize(
                new
                {
                    checkpoint = Path.GetFileName(target),
                    format = GeneratorChoice.Onnx,
                    classes = loaded.Classifier.Classes,
                    outputs = loaded.Classifier.Outputs is ClassifierOutputs.Sigmoid ? OutputKinds.Sigmoid : OutputKinds.Softmax,
                },
                _asPolicies);
        }
        catch (NotSupportedException other)
        {
            throw new BadArgumentException(other.Message);
        }
    }

    private static bool IsClassifier(string path)
    {
        var opened = CheckpointFile.Open(path);
        return CheckpointFormats.Detect(opened) is { IsProgram: false, HasMetadata: true } format
            && format.Read(opened).Metadata.GetValueOrDefault("kind") == ClassifierCheckpoint.Kind;
    }
}
