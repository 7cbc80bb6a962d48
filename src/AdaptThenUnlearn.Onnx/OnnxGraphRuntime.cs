using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Features;
using Microsoft.ML.OnnxRuntime;

namespace AdaptThenUnlearn.Onnx;

/// <summary>ONNX Runtime, on the CPU.</summary>
/// <remarks>
/// Nothing is loaded but the graph's own bytes: no library of custom operators, and no other file. Graphs run on the CPU, also
/// where networks run on a GPU.
/// </remarks>
public sealed class OnnxGraphRuntime : IGraphRuntime
{
    /// <inheritdoc/>
    public string Description { get; } = $"ONNX Runtime {OrtEnv.Instance().GetVersionString()} on the CPU";

    /// <summary>Lets graphs and the tokenizers of prompts be loaded; called once, when the application starts.</summary>
    /// <remarks>The native library is loaded with the first graph.</remarks>
    public static void Register()
    {
        GraphRuntimes.Register(new LazyRuntime());
        PromptTokenizers.Register(new ClipTokenizers());
    }

    /// <inheritdoc/>
    public IGraphSession Open(byte[] graph, int threads) => OnnxGraphSession.Open(graph, threads);

    // The native library takes time to load, and most commands run no graph.
    private sealed class LazyRuntime : IGraphRuntime
    {
        private readonly Lazy<OnnxGraphRuntime> _runtime = new(() => new OnnxGraphRuntime());

        public string Description => _runtime.Value.Description;

        public IGraphSession Open(byte[] graph, int threads) => _runtime.Value.Open(graph, threads);
    }
}
