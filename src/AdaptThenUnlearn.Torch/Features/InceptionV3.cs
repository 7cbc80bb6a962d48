using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>
/// Inception-v3 up to its last pool: the network that FID is defined by, in the form and with the names of pytorch-fid's port.
/// </summary>
/// <remarks>
/// Szegedy et al. 2016 (arXiv:1512.00567); as a measure of generators, Heusel et al. 2017 (arXiv:1706.08500). The last layer,
/// which classifies images, is not needed and left out.
/// </remarks>
public sealed class InceptionV3 : Module<Tensor, Tensor>
{
    /// <summary>Length of a feature vector.</summary>
    public const int FeatureSize = 2048;

    // Names of layers, for tests that look at the maps in between.
    internal const string FirstPool = "pool_1";
    internal const string SecondPool = "pool_2";
    internal const string LastLarge = "Mixed_6e";

    private const int Resolution = 299;
    private readonly List<(string Name, Module<Tensor, Tensor> Layer)> _layers = [];

    /// <summary>Builds it; its weights are to be loaded.</summary>
    public InceptionV3() : base(nameof(InceptionV3))
    {
        Convolution("Conv2d_1a_3x3", 3, 32, kernel: 3, stride: 2);               // [N,   32, 149, 149]
        Convolution("Conv2d_2a_3x3", 32, 32, kernel: 3);                         // [N,   32, 147, 147]
        Convolution("Conv2d_2b_3x3", 32, 64, kernel: 3, padding: 1);
        _layers.Add((FirstPool, MaxPool2d(3, 2)));                               // [N,   64,  73,  73]
        Convolution("Conv2d_3b_1x1", 64, 80, kernel: 1);
        Convolution("Conv2d_4a_3x3", 80, 192, kernel: 3);                        // [N,  192,  71,  71]
        _layers.Add((SecondPool, MaxPool2d(3, 2)));                              // [N,  192,  35,  35]
        Add("Mixed_5b", new InceptionA(192, poolOutputs: 32));                   // [N,  256,  35,  35]
        Add("Mixed_5c", new InceptionA(256, poolOutputs: 64));                   // [N,  288,  35,  35]
        Add("Mixed_5d", new InceptionA(288, poolOutputs: 64));
        Add("Mixed_6a", new InceptionB(288));                                    // [N,  768,  17,  17]
        Add("Mixed_6b", new InceptionC(768, width: 128));
        Add("Mixed_6c", new InceptionC(768, width: 160));
        Add("Mixed_6d", new InceptionC(768, width: 160));
        Add(LastLarge, new InceptionC(768, width: 192));
        Add("Mixed_7a", new InceptionD(768));                                    // [N, 1280,   8,   8]
        Add("Mixed_7b", new InceptionE(1280, poolsByMaximum: false));            // [N, 2048,   8,   8]
        Add("Mixed_7c", new InceptionE(2048, poolsByMaximum: true));
    }

    /// <summary>The features of images: the mean of the last maps.</summary>
    /// <param name="images"><c>[N, 3, H, W]</c>, 0 to 1; resized to 299×299 as <see cref="Prepared"/> says.</param>
    /// <returns><c>[N, 2048]</c>; belongs to the caller's scope.</returns>
    public override Tensor forward(Tensor images)
    {
        using var scope = NewDisposeScope();
        return LastMaps(images, seen: null).mean([2, 3]).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// What enters the first layer: bilinear interpolation without anti-aliasing, corners not aligned, then 2x − 1.
    /// </summary>
    /// <param name="images"><c>[N, 3, H, W]</c>, 0 to 1.</param>
    /// <returns><c>[N, 3, 299, 299]</c>, -1 to 1; belongs to the caller's scope.</returns>
    internal static Tensor Prepared(Tensor images)
    {
        using var scope = NewDisposeScope();
        var resized =
            functional.interpolate(images, [Resolution, Resolution], mode: InterpolationMode.Bilinear, align_corners: false);
        return (resized * 2 - 1).MoveToOuterDisposeScope();
    }

    /// <summary>The maps that the features are the mean of.</summary>
    /// <param name="images">As for <see cref="forward"/>.</param>
    /// <param name="seen">Shown the name and the maps of every layer; null where nobody looks.</param>
    internal Tensor LastMaps(Tensor images, Action<string, Tensor>? seen)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var maps = Prepared(images);
        foreach (var (name, next) in _layers)
        {
            var made = next.call(maps);
            maps.Dispose();   // the first maps are the largest: not two layers of them at once
            maps = made;
            seen?.Invoke(name, maps);
        }

        return maps.MoveToOuterDisposeScope();
    }

    private void Convolution(string name, long inputs, long outputs, long kernel, long stride = 1, long padding = 0) =>
        Add(name, new ConvolutionUnit(inputs, outputs, (kernel, kernel), stride, (padding, padding)));

    private void Add(string name, Module<Tensor, Tensor> layer)
    {
        register_module(name, layer);
        _layers.Add((name, layer));
    }
}
