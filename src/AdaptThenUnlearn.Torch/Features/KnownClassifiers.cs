using System.Globalization;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>Classifiers of other projects that are recognised by the names of their weights. A new one: add its line.</summary>
internal static class KnownClassifiers
{
    private static readonly KnownClassifier[] _all =
    [
        // csinva/gan-vae-pretrained-pytorch, mnist_classifier/lenet.py: pixels in [0, 1], 32×32.
        new(
            "convnet.c1.weight", "fc.f7.weight",
            (channels, classes) => new LeNet5(new ImageShape(channels, 32), classes, unitRange: true),
            new()
            {
                ["c1.weight"] = "convnet.c1.weight", ["c1.bias"] =
                    "convnet.c1.bias", ["c3.weight"] = "convnet.c3.weight", ["c3.bias"] = "convnet.c3.bias",
                ["c5.weight"] = "convnet.c5.weight", ["c5.bias"] =
                    "convnet.c5.bias", ["f6.weight"] = "fc.f6.weight", ["f6.bias"] = "fc.f6.bias",
                ["output.weight"] = "fc.f7.weight", ["output.bias"] = "fc.f7.bias",
            }),
    ];

    /// <summary>Finds the classifier that these weights belong to; null where none fits.</summary>
    public static KnownClassifier? Find(TensorFile file) => _all.FirstOrDefault(known => known.Fits(file));
}

/// <summary>A classifier of another project.</summary>
/// <param name="FirstWeight">Name of the first layer's weights there, <c>[maps, channels, k, k]</c>.</param>
/// <param name="LastWeight">Name of the last layer's weights there, <c>[classes, features]</c>.</param>
/// <param name="Build">From image channels and class names.</param>
/// <param name="Names">Names there by our own.</param>
internal sealed record KnownClassifier(
    string FirstWeight,
    string LastWeight,
    Func<int, IReadOnlyList<string>, FeatureClassifier> Build,
    Dictionary<string, string> Names)
{
    /// <summary>Whether a file holds exactly its tensors.</summary>
    public bool Fits(TensorFile file) =>
        Names.Values.All(name => file.Find(name) is not null)
            && file[FirstWeight].Shape is [_, >= 1 and <= 3, _, _]
            && file[LastWeight].Shape is [>= 2 and < 65536, _];

    /// <summary>Loads it in eval mode; belongs to the caller.</summary>
    /// <param name="file">Fits.</param>
    /// <param name="classes">Names of its outputs; numbered from 0 when null.</param>
    /// <param name="device">Where it goes.</param>
    /// <exception cref="CheckpointException">
    /// A shape is another than the architecture's, or the classes are not as many as its outputs.
    /// </exception>
    public FeatureClassifier Load(TensorFile file, IReadOnlyList<string>? classes, Device device)
    {
        var outputs = (int)file[LastWeight].Shape[0];
        if (classes is not null && classes.Count != outputs)
            throw new CheckpointException(
                file.Path,
                $"has {outputs} classes, the policy names {classes.Count}",
                "name all of them, in the order of its outputs");

        var names = classes ?? [.. Enumerable.Range(0, outputs).Select(number => number.ToString(CultureInfo.InvariantCulture))];
        return GeneratorCheckpoint
            .LoadStateDict(Build((int)file[FirstWeight].Shape[1], names), name => new StoredTensor(Names[name]), file, device);
    }
}
