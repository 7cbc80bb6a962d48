using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Features;

namespace AdaptThenUnlearn.Onnx;

/// <summary>
/// ONNX Runtime for graphs: on the CPU, or on a GPU where the networks are and this build brought the provider for CUDA.
/// </summary>
public static class OnnxGraphRuntime
{
    /// <summary>Lets graphs and the tokenizers of prompts be loaded; called once, when the application starts.</summary>
    /// <remarks>The native library is loaded with the first graph. A program that runs none starts without any tensor.</remarks>
    public static void Register()
    {
        GraphRuntimes.Register(() => new GraphRunner());
        PromptTokenizers.Register(new ClipTokenizers());
    }
}
