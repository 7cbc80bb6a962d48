using System.Runtime.InteropServices;

namespace AdaptThenUnlearn.Torch.Backend;

/// <summary>Switches off oneDNN, libtorch's library of fast kernels; its own kernels take over.</summary>
/// <remarks>
/// What Python does by <c>torch.backends.mkldnn.enabled = False</c>. TorchSharp has no such property, so the function behind it
/// is called: <c>at::Context::setUserEnabledMkldnn(bool)</c> of the global context, by its name in the Itanium C++ ABI. NNPACK
/// would be tried instead, and warns at every convolution on processors that it does not know, so it is switched off too.
/// </remarks>
internal static unsafe class OneDnn
{
    private const string GlobalContext = "_ZN2at13globalContextEv";
    private const string SetOneDnn = "_ZN2at7Context20setUserEnabledMkldnnEb";
    private const string SetNnpack = "_ZN2at7Context20setUserEnabledNNPACKEb";

    /// <summary>Names of the functions that are called.</summary>
    public static IReadOnlyList<string> Functions { get; } = [GlobalContext, SetOneDnn, SetNnpack];

    /// <summary>Switches it off for the whole process.</summary>
    /// <param name="libtorch">Path or name of libtorch's main library, which is already loaded.</param>
    /// <returns>False where libtorch offers no such function (Windows has other names).</returns>
    public static bool TryDisable(string libtorch)
    {
        if (!NativeLibrary.TryLoad(libtorch, out var library)
            || !Functions.All(name => NativeLibrary.TryGetExport(library, name, out _)))
            return false;

        var context = ((delegate* unmanaged<nint>)NativeLibrary.GetExport(library, GlobalContext))();
        ((delegate* unmanaged<nint, byte, void>)NativeLibrary.GetExport(library, SetOneDnn))(context, 0);
        ((delegate* unmanaged<nint, byte, void>)NativeLibrary.GetExport(library, SetNnpack))(context, 0);
        return true;
    }
}
