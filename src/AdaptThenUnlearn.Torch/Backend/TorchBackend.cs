using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Backend;

/// <summary>
/// Finds and loads libtorch before TorchSharp looks for it, and says what is missing where it cannot be loaded.
/// </summary>
/// <remarks>
/// On systems whose libstdc++ is older than the one that TorchSharp was built with (Debian 12, Ubuntu 22.04), TorchSharp's own
/// search ends in a message about the wrong file. Here the libraries are loaded by absolute path, in order; TorchSharp then finds
/// them by their SONAME. No file in the output folder is changed.
/// </remarks>
public static class TorchBackend
{
    /// <summary>
    /// Environment variable that names a folder with libtorch, such as <c>torch/lib</c> of a PyTorch installation of the same
    /// minor version.
    /// </summary>
    public const string FolderVariable = "ATU_LIBTORCH";

    private const string TorchSharp = "TorchSharp";
    private const string Wrapper = "LibTorchSharp";
    private static readonly Lock _gate = new();
    private static readonly HashSet<int> _soundGpus = [];
    private static bool _loaded;
    private static volatile bool _isPostponed;
    private static string? _problem;

    /// <summary>Whether libtorch could be loaded. Where not, <see cref="Problem"/> says why.</summary>
    public static bool IsAvailable => TryLoad();

    /// <summary>Folder from which libtorch was loaded; null where the system found it, or where it was not found.</summary>
    public static string? Folder { get; private set; }

    /// <summary>
    /// What oneDNN's kernels computed wrongly on this machine, in words, so that they were switched off; null where they are
    /// right.
    /// </summary>
    public static string? KernelFault { get; private set; }

    /// <summary>TorchSharp's version, and <c>without oneDNN</c> where its kernels were switched off.</summary>
    internal static string Version =>
        typeof(Tensor).Assembly.GetName().Version!.ToString(3) + (KernelFault is null ? "" : " without oneDNN");

    /// <summary>What is missing, or what is computed wrongly; null where libtorch could be loaded.</summary>
    public static string? Problem => TryLoad() ? null : _problem;

    /// <summary>Loads libtorch once in each process, and checks that the processor computes layers rightly with it.</summary>
    /// <exception cref="TorchBackendException">
    /// libtorch could not be loaded, or computes wrongly; the message names what is missing or wrong.
    /// </exception>
    public static void Load()
    {
        if (!TryLoad())
            throw new TorchBackendException(_problem!);
    }

    /// <summary>
    /// For a program that computes with no tensor, though it reads what files say of theirs: from now on only <see cref="Load"/>
    /// loads libtorch, or the first operator, no longer the first use of a type of TorchSharp.
    /// </summary>
    /// <remarks>
    /// Loading and checking libtorch takes longer than what such a program does. An operator that is called nevertheless is still
    /// preceded by the check, but TorchSharp's own search may not find libtorch: call <see cref="Load"/> before one.
    /// </remarks>
    public static void PostponeLoading() => _isPostponed = true;

    /// <summary>Makes CUDA compute convolutions and matrix products in float32, in the whole process.</summary>
    /// <remarks>
    /// NVIDIA's GPUs otherwise use TF32, with 10 bits of mantissa. It is faster, but gives results that differ more from those of
    /// other devices. StyleGAN2-ADA's published code switches it off too (<c>allow_tf32</c> in <c>training_loop.py</c>).
    /// </remarks>
    public static void KeepFloat32() => (backends.cudnn.allow_tf32, backends.cuda.matmul.allow_tf32) = (false, false);

    /// <summary>
    /// Lets CUDA compute in TF32, in the whole process, until the result is disposed; then it computes as before. For training
    /// alone.
    /// </summary>
    internal static IDisposable AllowTf32() => new Tf32Scope();

    /// <summary>Chooses the device that a command line asked for; CUDA then computes in float32.</summary>
    /// <param name="wanted"><c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:n</c>.</param>
    /// <exception cref="TorchBackendException">
    /// CUDA was asked for and is absent, the text names no device, or the device computes layers wrongly.
    /// </exception>
    public static Device Choose(string wanted)
    {
        Load();
        if (wanted is "cpu" || (wanted is "auto" && !cuda_is_available()))
            return CPU;

        var index = wanted is "cuda" or "auto" ? 0
            : wanted.StartsWith("cuda:", StringComparison.Ordinal)
                && int.TryParse(wanted.AsSpan(5), out var parsed)
                && parsed >= 0 ? parsed
            : throw new TorchBackendException($"'{wanted}' is not a device; use auto, cpu, cuda or cuda:n");
        if (!cuda_is_available())
            throw new TorchBackendException(
                $"device '{wanted}' was asked for, but this libtorch sees no CUDA device; use --device cpu, or on a machine "
                    + "with an NVIDIA driver 'atu backend install cuda' (or build with -p:TorchBackend=cuda)");
        if (index >= cuda.device_count())
            throw new TorchBackendException(
                $"device '{wanted}' was asked for, but there are only {cuda.device_count()} CUDA devices");

        KeepFloat32();
        var chosen = device($"cuda:{index}");
        RequireSound(chosen);
        return chosen;
    }

    /// <summary>
    /// Loads libtorch, and checks that a device computes layers rightly. Each device is checked once in a process.
    /// </summary>
    /// <param name="device">Where networks are about to go.</param>
    /// <exception cref="TorchBackendException">libtorch could not be loaded, or the device computes wrongly.</exception>
    public static void RequireSound(Device device)
    {
        Load();
        if (device.type != global::TorchSharp.DeviceType.CUDA)
            return;

        lock (_gate)
        {
            if (_soundGpus.Contains(device.index))
                return;

            if (KernelCheck.FindFault(device) is { } fault)
                throw new TorchBackendException(
                    $"device '{device}' computes wrongly: {fault}; nothing can be measured with it");
            _soundGpus.Add(device.index);
        }
    }

    // Only a module initialiser is certain to run before TorchSharp is used. It waits until TorchSharp's assembly is loaded: a
    // program that needs no tensors starts faster, and runs without libtorch.
#pragma warning disable CA2255
    [ModuleInitializer]
    internal static void Initialise()
    {
        AppDomain.CurrentDomain.AssemblyLoad += (_, loaded) => LoadBefore(loaded.LoadedAssembly);
        foreach (var assembly in AppDomain.CurrentDomain.GetAssemblies())
            LoadBefore(assembly);
    }
#pragma warning restore CA2255

    private static void LoadBefore(Assembly assembly)
    {
        if (assembly.GetName().Name != TorchSharp)
            return;
        if (_isPostponed)
            NativeLibrary.SetDllImportResolver(assembly, (_, _, _) => LoadForOperator());
        else
            TryLoad();
    }

    // Zero leaves the library to the usual search, which finds it by its SONAME once it is loaded.
    private static nint LoadForOperator()
    {
        Load();
        return 0;
    }

    private static bool TryLoad()
    {
        lock (_gate)
        {
            if (_loaded || _problem is not null)
                return _loaded;

            LargeAllocations.KeepFreedBlocks();
            ShortSpin.Set();
            _problem = Preload();
            if (_problem is not null)
                return false;

            _loaded = true;   // the check asks for it again
            _problem = CheckKernels();
            return _loaded = _problem is null;
        }
    }

    // Where oneDNN computes wrongly, libtorch's own kernels are tried. What they compute wrongly too cannot be measured.
    private static string? CheckKernels()
    {
        KernelFault = KernelCheck.FindFault(CPU);
        if (KernelFault is null)
            return null;

        var isDisabled = OneDnn.TryDisable(Find([.. Folders()], FileName("torch_cpu")) ?? FileName("torch_cpu"));
        return isDisabled && KernelCheck.FindFault(CPU) is null
            ? null
            : $"libtorch computes wrongly on this processor: {KernelFault}. Nothing can be measured with it. Setting "
                + "ONEDNN_MAX_CPU_ISA=SSE41 makes oneDNN use other kernels, which are slower";
    }

    private static string? Preload()
    {
        // Load libtorch's files in order, and name those that are missing.
        var folders = Folders().ToList();
        var missing = new List<string>();
        foreach (var name in LibtorchFiles(folders))
        {
            var library = ResolveLibrary(name.Name, name.Path, OperatingSystem.IsWindows());
            var isLoaded = library is not null && NativeLibrary.TryLoad(library, out _);
            if (!isLoaded && name.Required)
                missing.Add(name.Name);
        }

        if (missing.Count > 0)
            return $"libtorch was not found or does not load ({string.Join(", ", missing)}). {WaysToBringIt(folders)}";
        Folder = Path.GetDirectoryName(Find(folders, FileName("torch_cpu")));

        // Load TorchSharp's wrapper; on an older Linux, a copy that requires no newer libstdc++.
        var wrapper = Find(folders, FileName(Wrapper));
        if (wrapper is null)
            return $"{FileName(Wrapper)} of TorchSharp was not found. Looked in: {string.Join(", ", folders)}";

        return LoadWrapper(wrapper) is not { } problem ? null
            : Folder is not null ? problem
            : $"the libtorch that this system has is not one for TorchSharp: {problem}. {WaysToBringIt(folders)}";
    }

    private static string? LoadWrapper(string wrapper)
    {
        try
        {
            NativeLibrary.Load(wrapper);
            return null;
        }
        catch (DllNotFoundException tooNew)
            when (OperatingSystem.IsLinux() && tooNew.Message.Contains(RelaxedElf.Version, StringComparison.Ordinal))
        {
            return RelaxedElf.Load(wrapper);
        }
        catch (Exception refused) when (refused is DllNotFoundException or BadImageFormatException)
        {
            return $"{wrapper} does not load: {refused.Message}";
        }
    }

    private static string WaysToBringIt(List<string> folders) =>
        "Any of these brings it: 'atu backend install cpu' (or cuda), by an ordinary NuGet restore; "
            + $"{FolderVariable}, naming a folder that holds libtorch {InstalledBackend.LibtorchVersion}, such as torch/lib of "
            + $"the same PyTorch; or, in a program of your own, a reference to the package libtorch-cpu-{Platform} "
            + $"{InstalledBackend.LibtorchVersion}. Looked in: {string.Join(", ", folders)}";

    /// <summary>
    /// The path to load: that of the file that was found, or else its name for the system to find. On Windows null in place of
    /// the name, because Windows would look in the current folder too.
    /// </summary>
    internal static string? ResolveLibrary(string name, string? found, bool onWindows) => found ?? (onWindows ? null : name);

    private static IEnumerable<(string Name, string? Path, bool Required)> LibtorchFiles(List<string> folders)
    {
        // OpenMP and CUDA parts carry hashed or versioned names and are absent from some builds.
        foreach (var openMp in folders.Where(Directory.Exists)
            .SelectMany(folder => Directory.EnumerateFiles(folder, "libgomp*"))
            .Take(1))
            yield return (Path.GetFileName(openMp), openMp, false);

        yield return Entry("c10", required: true);
        if (Find(folders, FileName("c10_cuda")) is not null)
            yield return Entry("c10_cuda", required: false);
        yield return Entry("torch_cpu", required: true);
        if (Find(folders, FileName("torch_cuda")) is not null)
            yield return Entry("torch_cuda", required: false);
        yield return Entry("torch", required: true);

        (string, string?, bool) Entry(string name, bool required) => (FileName(name), Find(folders, FileName(name)), required);
    }

    // In order: the folder of the environment variable, the folders of the program, and the libtorch that the user installed.
    private static IEnumerable<string> Folders() =>
        Candidates().Select(folder => Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))).Distinct();

    private static IEnumerable<string> Candidates()
    {
#pragma warning disable RS0030 // this class is the home of ATU_LIBTORCH
        var chosen = Environment.GetEnvironmentVariable(FolderVariable);
#pragma warning restore RS0030
        if (!string.IsNullOrEmpty(chosen))
            yield return chosen;

        var besideAssembly = Path.GetDirectoryName(Assembly.GetExecutingAssembly().Location);
        foreach (var root in new[] { AppContext.BaseDirectory, besideAssembly }
            .OfType<string>()
            .Where(root => root.Length > 0)
            .Distinct())
        {
            yield return Path.Combine(root, "runtimes", Platform, "native");
            yield return root;
        }

        var searchDirectories = AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "";
        foreach (var folder in searchDirectories.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries))
            yield return folder;

        if (InstalledBackend.Folder is { } installed)
            yield return installed;
    }

    private static string? Find(List<string> folders, string file) =>
        folders.Select(folder => Path.Combine(folder, file)).FirstOrDefault(File.Exists);

    /// <summary>Whether a folder holds libtorch's main library.</summary>
    public static bool ContainsLibtorch(string folder) => Find([folder], FileName("torch_cpu")) is not null;

    /// <summary>The runtime identifier of the packages that hold libtorch for this system.</summary>
    public static string Platform =>
        OperatingSystem.IsWindows() ? (RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "win-arm64" : "win-x64")
        : OperatingSystem.IsMacOS() ? "osx-arm64"
        : "linux-x64";

    private static string FileName(string library) =>
        OperatingSystem.IsWindows() ? library + ".dll"
        : OperatingSystem.IsMacOS() ? $"lib{library}.dylib"
        : $"lib{library}.so";

    private sealed class Tf32Scope : IDisposable
    {
        private readonly (bool Convolutions, bool Products) _before =
            (backends.cudnn.allow_tf32, backends.cuda.matmul.allow_tf32);

        public Tf32Scope() => (backends.cudnn.allow_tf32, backends.cuda.matmul.allow_tf32) = (true, true);

        public void Dispose() => (backends.cudnn.allow_tf32, backends.cuda.matmul.allow_tf32) = _before;
    }
}
