using System.Globalization;
using AdaptThenUnlearn.Publishing.Hosts;
using AdaptThenUnlearn.Publishing.Http;
using AdaptThenUnlearn.Tasks;
using AdaptThenUnlearn.Torch.Backend;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli;

/// <summary>Environment variables that replace options which the command line does not give. An option wins.</summary>
internal static class EnvironmentDefaults
{
    /// <summary>Replaces <c>--out</c> of <c>atu govern</c>.</summary>
    public const string OutVariable = "ATU_OUT";

    /// <summary>Replaces <c>--device</c>.</summary>
    public const string DeviceVariable = "ATU_DEVICE";

    /// <summary>Replaces <c>--threads</c>.</summary>
    public const string ThreadsVariable = "ATU_THREADS";

    /// <summary>The part for <c>--shard auto</c>, as i/n.</summary>
    public const string ShardVariable = "ATU_SHARD";

    /// <summary>The number of parts for <c>--shard auto</c>, where the engine tells the part's number alone.</summary>
    public const string ShardsVariable = "ATU_SHARDS";

    /// <summary>Replaces <c>--locked</c>.</summary>
    public const string LockedVariable = "ATU_LOCKED";

    /// <summary>The output folder without option and variable.</summary>
    public const string Out = "artifacts";

    /// <summary>The device without option and variable.</summary>
    public const string Device = "auto";

    /// <summary>Every variable that <c>atu</c> reads for itself, and what it does.</summary>
    public static IReadOnlyList<(string Name, string Meaning)> Variables { get; } =
    [
        (OutVariable, "output folder of atu govern, where --out is not given"),
        (DeviceVariable, "device, where --device is not given"),
        (ThreadsVariable, "number of CPU threads, where --threads is not given"),
        (LockedVariable, "true requires a lock beside every policy, as --locked"),
        (ShardVariable, "part for --shard auto, as i/n; wins over an engine's own variables"),
        (ShardsVariable, "number of parts for --shard auto under Kubernetes"),
        (TorchBackend.FolderVariable, "folder that holds libtorch"),
        .. Enum.GetValues<CodeHost>().Select(TokenOf),
        (VerdictLine.Variable, "a word that begins the verdict lines for build tools"),
    ];

    private static (string Name, string Meaning) TokenOf(CodeHost host)
    {
        var names = PublishToken.VariablesFor(host);
        return (names[0], $"token for publishing on {host}; else " + string.Join(", else ", names.Skip(1)));
    }

    /// <summary>The output folder.</summary>
    /// <exception cref="BadArgumentException">The variable names a file.</exception>
    public static string OutputFolder(EnvironmentSnapshot environment)
    {
        if (environment[OutVariable] is { } folder && File.Exists(folder))
            throw new BadArgumentException(
                $"{OutVariable} is '{folder}', which is a file; name a folder, or remove the variable");
        return Path.GetFullPath(environment[OutVariable] ?? Out);
    }

    /// <summary>Whether every policy must be locked.</summary>
    /// <exception cref="BadArgumentException">The variable has another value than true, false, 1 and 0.</exception>
    public static bool RequiresLock(EnvironmentSnapshot environment) => environment[LockedVariable] switch
    {
        "true" or "1" => true,
        null or "false" or "0" => false,
        var other => throw new BadArgumentException($"{LockedVariable} is '{other}'; it must be true or false"),
    };

    /// <summary>The number of threads without option and variable.</summary>
    public const string Threads = "auto";

    /// <summary>The number of threads; 0 for one for each core, null for one for each free core.</summary>
    /// <exception cref="BadArgumentException">The variable has no such number.</exception>
    public static int? ThreadCount(EnvironmentSnapshot environment)
    {
        var text = environment[ThreadsVariable] ?? Threads;
        return TryParseThreads(text, out var threads)
            ? threads
            : throw new BadArgumentException($"{ThreadsVariable} is '{text}'; it must be {ThreadsForm}");
    }

    /// <summary>What a number of threads looks like.</summary>
    public const string ThreadsForm = "auto, for one thread for each free core; 0, for one for each core; or a number of threads";

    /// <summary>Reads a number of threads; null for <c>auto</c>.</summary>
    public static bool TryParseThreads(string text, out int? threads)
    {
        var isNumber = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number);
        threads = isNumber ? number : null;
        return isNumber || text == Threads;
    }

    /// <summary>Loads libtorch and chooses the device.</summary>
    /// <exception cref="TorchBackendException">
    /// libtorch is missing, or the device; where a variable asks for it, the message names the variable.
    /// </exception>
    public static Device ChooseDevice(EnvironmentSnapshot environment)
    {
        TorchBackend.Load();
        try
        {
            return TorchBackend.Choose(environment[DeviceVariable] ?? Device);
        }
        catch (TorchBackendException missing) when (environment[DeviceVariable] is not null)
        {
            throw new TorchBackendException($"{DeviceVariable}: {missing.Message}");
        }
    }
}
