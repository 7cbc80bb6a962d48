using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.Dcgan;
using AdaptThenUnlearn.Torch.Models.Mlp;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using AdaptThenUnlearn.Torch.Models.StyleGan3;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>Every generator architecture that can be governed. A new one: write its folder, add its line.</summary>
public static class GeneratorArchitectures
{
    /// <summary>
    /// The architectures; the first that recognises weights builds them, so special ones come before general ones.
    /// </summary>
    public static IReadOnlyList<IGeneratorArchitecture> All { get; } =
    [
        new StyleGan2Architecture(),
        new StyleGan2AdaArchitecture(),
        new StyleGan3Architecture(),
        new DcganArchitecture(),
        new MlpArchitecture(),
    ];

    /// <summary>The architecture that these weights belong to; null where none recognises them.</summary>
    public static IGeneratorArchitecture? Detect(StoredNetwork stored) =>
        All.FirstOrDefault(architecture => architecture.Recognises(stored));

    /// <summary>Finds an architecture by its name; null where the name is unknown.</summary>
    public static IGeneratorArchitecture? Find(string name) => All.FirstOrDefault(architecture => architecture.Name == name);

    /// <summary>Gets an architecture by its name.</summary>
    /// <exception cref="ArgumentException">The name is unknown.</exception>
    public static IGeneratorArchitecture Named(string name) => Find(name)
        ?? throw new ArgumentException(
            $"'{name}' is not a generator architecture; use one of: {string.Join(", ", All.Select(known => known.Name))}");
}
