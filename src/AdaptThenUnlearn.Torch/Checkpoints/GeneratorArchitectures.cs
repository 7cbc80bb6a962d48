using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.Dcgan;
using AdaptThenUnlearn.Torch.Models.Mlp;
using AdaptThenUnlearn.Torch.Models.StyleGan2;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>Every generator architecture that can be governed. A new one: write its folder, add its line.</summary>
public static class GeneratorArchitectures
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<IGeneratorArchitecture> All { get; } = [new StyleGan2Architecture(), new StyleGan2AdaArchitecture(), new DcganArchitecture(), new MlpArchitecture()];

    /// <summary>The one these weights belong to, or null.</summary>
    public static IGeneratorArchitecture? Detect(StoredNetwork stored) =>
        All.FirstOrDefault(architecture => architecture.Recognises(stored));

    /// <summary>An architecture by its name.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public static IGeneratorArchitecture Named(string name) => All.First(architecture => architecture.Name == name);
}
