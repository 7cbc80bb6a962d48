using System.Buffers.Binary;
using System.Collections;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>
/// A TorchScript program in libtorch's interpreter, which runs only where a policy or a command line names it. Its failures
/// become exceptions of one line.
/// </summary>
/// <remarks>
/// <para>
/// The bytes that run are those whose digest was checked. Random numbers of a program come from torch's default source, which is
/// seeded by the program's input. A program without a state thus gives the same output for the same input, on every run. A
/// program that keeps a state, or whose output depends on the number of images, may not; the consistency check before and after
/// each measurement finds this out.
/// </para>
/// <para>
/// Source that libtorch cannot compile, such as an operator of a later version, may end the process with libtorch's own message,
/// because TorchSharp does not catch that exception.
/// </para>
/// </remarks>
internal sealed class ScriptProgram : IDisposable
{
    private const string Forward = "forward";
    private const string OnTheCpu =
        "its source names a CUDA device: move it to the CPU, module.cpu(), before torch.jit.script or torch.jit.trace, and "
            + "save it again";
    private const string OnOneDevice =
        "its source keeps tensors where it was traced: use --device cpu, or have it make them where its input is "
            + "(device=x.device, in torch.jit.script) and save it again";
    private const string NoTensor =
        "a dictionary, a tuple, a list or something else that holds one: return the tensor itself, as in \"return "
            + "out['logits']\" or \"return out[0]\"";
    private const string NoPlace =
        "and \"output\" of the policy's classifier takes a tensor out of a tuple or a list: leave it out, or return a tuple";
    private const int SeedElements = 1024;   // of an input, at most, from which the seed is made

    private readonly string _contract;

    private ScriptProgram(CheckpointFile file, string duty, jit.ScriptModule module, Device device) =>
        (File, _contract, Module, Device) = (file, duty, module, device);

    /// <summary>The program's file, as it was hashed.</summary>
    public CheckpointFile File { get; }

    /// <summary>Path of the program's file.</summary>
    public string Path => File.Path;

    /// <summary>The program's module, whose parameters can be trained; owned by this.</summary>
    public jit.ScriptModule Module { get; }

    /// <summary>Where the program is.</summary>
    public Device Device { get; }

    /// <summary>
    /// Position of the tensor in the tuple or list that the program returns, from 0; null where it returns a tensor.
    /// </summary>
    public int? Output { get; init; }

    /// <summary>Loads a program in eval mode; belongs to the caller.</summary>
    /// <param name="file">A file of <c>torch.jit.save</c>.</param>
    /// <param name="contract">What its forward must do, as the end of a sentence.</param>
    /// <param name="device">Where the program goes.</param>
    /// <param name="output">As <see cref="Output"/>.</param>
    /// <exception cref="CheckpointException">
    /// The file is missing, has changed or is damaged, or libtorch cannot load it.
    /// </exception>
    public static ScriptProgram Load(CheckpointFile file, string contract, Device device, int? output = null)
    {
        TorchBackend.RequireSound(device);
        ScriptArchive.Read(file);   // refuses a damaged or misleading file before libtorch sees it
        ScriptArchive.RequireOwnOperators(file);
        var bytes = BytesOf(file);
        var module = RunOrExplain(file.Path, "cannot be loaded", contract, () => jit.load(bytes, device));
        module.eval();
        return new ScriptProgram(file, contract, Models.Weights.Detach(module), device) { Output = output };
    }

    /// <summary>Loads the same program again, with the weights of its file; belongs to the caller.</summary>
    /// <exception cref="CheckpointException">The file is missing or has changed.</exception>
    public ScriptProgram Reload() => Load(File, _contract, Device, Output);

    /// <summary>Calls the program's forward.</summary>
    /// <param name="input">The first argument.</param>
    /// <param name="extraArguments">The further arguments.</param>
    /// <returns>Belongs to the caller's scope.</returns>
    /// <exception cref="CheckpointException">The call fails, or does not return a tensor.</exception>
    public Tensor Run(Tensor input, params object[] extraArguments) => Run(SeedOf(input), input, extraArguments);

    /// <summary>Calls the program's forward with a given seed for its random numbers.</summary>
    /// <inheritdoc cref="Run(Tensor, object[])"/>
    /// <param name="seed">Seed of torch's default source.</param>
    /// <param name="input">The first argument.</param>
    /// <param name="extraArguments">The further arguments.</param>
    public Tensor Run(long seed, Tensor input, params object[] extraArguments) =>
        RunOrExplain(Path, $"cannot be run on {ShapeText(input)}", _contract, () =>
        {
            manual_seed(seed);
            return TensorIn(Returned(input, extraArguments));
        });

    private Tensor TensorIn(object? returned) => (Output, returned) switch
    {
        (null, Tensor made) => made,
        (null, _) => throw ContractViolation($"returns no tensor, but {NoTensor}"),
        (_, Tensor) => throw ContractViolation($"returns a tensor, {NoPlace}"),
        ({ } place, ITuple tuple) => At(place, tuple.Length, index => tuple[index]),
        ({ } place, IList list) => At(place, list.Count, index => list[index]),
        _ => throw ContractViolation($"returns neither a tuple nor a list, {NoPlace}"),
    };

    private Tensor At(int place, int count, Func<int, object?> items) =>
        place < count && items(place) is Tensor made ? made : throw ContractViolation(
            place < count
                ? FormattableString.Invariant($"returns no tensor at position {place}, which \"output\" of the policy names")
                : FormattableString.Invariant(
                    $"returns {count} values, and \"output\" of the policy names position {place}, counted from 0"));

    // TorchSharp takes tensors, lists, tuples and numbers. For a dictionary it throws ArgumentOutOfRangeException.
    private object? Returned(Tensor input, object[] more)
    {
        try
        {
            return Module.invoke(Forward, [input, .. more]);
        }
        catch (ArgumentOutOfRangeException)
        {
            throw ContractViolation($"returns no tensor, but {NoTensor}");
        }
    }

    /// <summary>Registers the program's parameters and buffers in a network, by their names in the file.</summary>
    /// <remarks>
    /// The module itself is not registered, because TorchSharp asks a module within another for its children after it was
    /// disposed.
    /// </remarks>
    /// <param name="network">The network; it must dispose this program after itself.</param>
    public void RegisterIn(nn.Module network)
    {
        foreach (var (name, parameter) in Module.named_parameters())
            network.register_parameter(name, parameter);
        foreach (var (name, buffer) in Module.named_buffers())
            network.register_buffer(name, buffer);
    }

    /// <summary>Refuses parameters of another type than float32.</summary>
    /// <exception cref="CheckpointException">A parameter is of another type.</exception>
    public void RequireSinglePrecision()
    {
        foreach (var (name, parameter) in Module.named_parameters())
            if (parameter.dtype != float32)
                throw new CheckpointException(
                    Path,
                    $"has a parameter of type {parameter.dtype}, and only single precision (Float32) is run",
                    "save it again after module.float()",
                    $"parameter '{CheckpointException.Sanitize(name)}'");
    }

    /// <summary>Why the program's weights cannot be trained and saved, without the file's name; null where they can.</summary>
    /// <remarks>Call this before the weights change: they are compared with the file.</remarks>
    public string? WhyNotTrainable()
    {
        // Require parameters.
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var parameters = Module.named_parameters().ToList();
        if (parameters.Count == 0)
            return "has no parameters to train: torch.jit.freeze and torch.jit.optimize_for_inference turn weights into "
                + "constants; save the module as torch.jit.script or torch.jit.trace gives it";

        // Require that the file holds each parameter under its name, so that a trained one can replace it.
        var file = ScriptArchive.Read(File);
        foreach (var (name, parameter) in parameters)
            if (file.Find(name) is not { } stored
                || !stored.Shape.SequenceEqual(parameter.shape)
                || !stored.Load(float32).bytes.SequenceEqual(parameter.cpu().contiguous().bytes))
                return $"does not keep its parameter '{CheckpointException.Sanitize(name)}' under that name, so that it could "
                    + "not be saved after training; save the module without its own __getstate__";

        // Require that no two parameters share elements.
        return TensorEntry.Overlapping(parameters.Select(parameter => (file[parameter.name], parameter.name))) is { } tied
            ? $"keeps its parameters '{CheckpointException.Sanitize(tied.One.Name)}' and "
                + $"'{CheckpointException.Sanitize(tied.Other.Name)}' in the same place (tied weights), and nothing ties them "
                + "when it is loaded; save it with a clone() of one of them"
            : null;
    }

    /// <summary>The exception for a program that does not keep its contract.</summary>
    /// <param name="problem">What is wrong, without a full stop.</param>
    public CheckpointException ContractViolation(string problem) => new(Path, problem, _contract);

    /// <summary>Does work with a program, and turns libtorch's exceptions into one that names the file.</summary>
    /// <param name="path">The program's file.</param>
    /// <param name="problem">What the message says before libtorch's reason.</param>
    /// <param name="contract">What the program's forward must do.</param>
    /// <param name="work">The work.</param>
    /// <exception cref="CheckpointException">The work failed.</exception>
    public static T RunOrExplain<T>(string path, string problem, string contract, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception failed) when (failed is ExternalException
            or NotSupportedException or InvalidOperationException or ArgumentException && !MemoryShortage.IsShortage(failed))
        {
            var reason = ExtractReason(failed.Message);
            var remedy = reason.Contains("CUDA", StringComparison.Ordinal) ? OnTheCpu
                : reason.Contains("on the same device", StringComparison.Ordinal) ? OnOneDevice
                : $"{contract}, and be of a libtorch version not newer than {torch.__version__}";
            throw new CheckpointException(path, $"{problem}: {reason}", remedy, cause: failed);
        }
    }

    /// <summary>A tensor's shape, for messages.</summary>
    public static string ShapeText(Tensor tensor) => $"[{string.Join(", ", tensor.shape)}]";

    /// <inheritdoc/>
    public void Dispose() => Module.Dispose();

    private static byte[] BytesOf(CheckpointFile file)
    {
        using var bytes = CheckpointBytes.Open(file);
        return bytes.Length <= Array.MaxLength
            ? bytes.Read(0, (int)bytes.Length, "program")
            : throw new CheckpointException(
                file.Path,
                FormattableString.Invariant($"has {bytes.Length} bytes, and programs of up to 2 GB are run"),
                "save it with fewer constants");
    }

    // A digest of numbers from all over the input, because images may have the same border.
    private static long SeedOf(Tensor input)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var flat = input.flatten();
        var some = flat[TensorIndex.Slice(step: Math.Max(1, flat.NumberOfElements / SeedElements))].cpu().contiguous();
        return (long)(BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(some.bytes)) >> 1);
    }

    // libtorch's messages may be pages long. A message of the interpreter begins with the place in the source, and the reason
    // comes last.
    internal static string ExtractReason(string message)
    {
        const string Raised = "Error: ";
        var lines = message.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0).ToList();
        var raised = lines.FirstOrDefault(
            line => line.IndexOf(Raised, StringComparison.Ordinal) is > 0 and var at
                && line.AsSpan(0, at).IndexOf(' ') < 0);
        var reason = raised is null
            ? lines.FirstOrDefault() ?? ""
            : raised[(raised.IndexOf(Raised, StringComparison.Ordinal) + Raised.Length)..];
        return CheckpointException.Sanitize(reason, 300);
    }
}

/// <summary>A network whose output can be computed again, to check that it is the same.</summary>
internal interface IProbedProgram
{
    /// <summary>Path of the program's file.</summary>
    string ProgramPath { get; }

    /// <summary>Runs the program with a given seed for its random numbers.</summary>
    /// <param name="inputs">
    /// For a generator latents <c>[N, latent]</c>; for other networks images <c>[N, C, H, W]</c>, nominally [-1, 1].
    /// </param>
    /// <param name="seed">Seed of torch's default source; of no use to a program that draws no random numbers.</param>
    /// <returns>One row for each input; belongs to the caller's scope.</returns>
    Tensor RunWithSeed(Tensor inputs, long seed);
}

/// <summary>A network whose layers are a TorchScript program's.</summary>
internal interface IScriptedNetwork
{
    /// <summary>The program; owned by the network.</summary>
    ScriptProgram Program { get; }
}
