using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>
/// Turns the generator's images into what a classifier or an extractor was trained on: size, channels, range and scale.
/// </summary>
/// <remarks>
/// The steps of torchvision's transforms, on tensors: <c>Grayscale</c>, <c>Resize</c>, <c>CenterCrop</c>, <c>Normalize</c>.
/// Resizing is torch's own <c>interpolate</c>; with <c>antialias</c> it is Pillow's resize, and with <c>rounded</c> also Pillow's
/// clipping and rounding, within a level. Every step has a gradient.
/// </remarks>
public sealed class Preprocessor
{
    // Mean and deviation of ImageNet's training images, as torchvision states them (docs: "Models and pre-trained weights").
    private static readonly double[] _imageNetMean = [0.485, 0.456, 0.406];
    private static readonly double[] _imageNetStd = [0.229, 0.224, 0.225];

    // Luma of ITU-R BT.601, as Pillow's mode L and torchvision's rgb_to_grayscale (0.2989 there is a rounded 0.299).
    private static readonly float[] _luma = [0.299f, 0.587f, 0.114f];

    private readonly ImagePreprocessing _steps;
    private readonly double[] _mean;
    private readonly double[] _std;

    /// <param name="steps">As the policy says; it was checked when it was read.</param>
    /// <param name="images">What the generator makes.</param>
    /// <exception cref="ArgumentException">
    /// The images have other channels than <c>mean</c> or <c>std</c>, are smaller than <c>crop</c>, or are neither grey nor
    /// colours.
    /// </exception>
    public Preprocessor(ImagePreprocessing steps, ImageShape images)
    {
        _steps = steps;
        var channels = steps.Channels switch
        {
            ImagePreprocessing.Rgb => 3,
            ImagePreprocessing.Grey => 1,
            _ => images.Channels,
        };
        if (steps.Channels is not null && images.Channels is not (1 or 3))
            throw new ArgumentException(
                $"'channels' is '{steps.Channels}', and images of {images.Channels} channels are neither grey nor colours");

        (_mean, _std) = steps.Normalization is ImagePreprocessing.ImageNet
            ? (_imageNetMean, _imageNetStd)
            : ([.. steps.Mean ?? [0]], [.. steps.Std ?? [1]]);
        foreach (var (name, values) in new[] { ("mean", _mean), ("std", _std) })
            if (values.Length != 1 && values.Length != channels)
                throw new ArgumentException($"'{name}' has {values.Length} numbers, and the images have {channels} channels");

        var resized = steps.Resize ?? images.Resolution;
        if (steps.Crop > resized)
            throw new ArgumentException(
                $"'crop' is {steps.Crop}, and the images are only {resized} pixels wide; say 'resize' too");

        Shape = new ImageShape(channels, steps.Crop ?? resized);
    }

    /// <summary>The images that come out, whatever their layout.</summary>
    public ImageShape Shape { get; }

    /// <summary>Whether what comes out are levels, 0 to 255, and no further scale.</summary>
    internal bool MakesLevels => MakesLevelsBy(_steps);

    /// <summary>Whether some steps make levels, 0 to 255, and no further scale.</summary>
    internal static bool MakesLevelsBy(ImagePreprocessing steps) =>
        steps.Range is ImagePreprocessing.Bytes && steps.Mean is null && steps.Std is null && steps.Normalization is null;

    /// <summary>Prepares a batch.</summary>
    /// <param name="images"><c>[N, C, H, H]</c>, nominally -1 to 1.</param>
    /// <returns>
    /// <c>[N, C', H', H']</c>, or <c>[N, H', H', C']</c> with <c>nhwc</c>; float32. Belongs to the caller's scope.
    /// </returns>
    public Tensor Prepare(Tensor images)
    {
        using var scope = NewDisposeScope();
        var cropped = Crop(Resize(Recolour(images)));
        var scaled = _steps.Range switch
        {
            ImagePreprocessing.Unit => (cropped + 1) / 2,
            ImagePreprocessing.Bytes => (cropped + 1) * 127.5,
            _ => cropped,
        };
        var normalised = _steps.Mean is null && _steps.Normalization is null
            ? scaled
            : (scaled - EachChannel(_mean, images.device)) / EachChannel(_std, images.device);
        var arranged = _steps.Layout is ImagePreprocessing.ChannelsLast
            ? normalised.permute(0, 2, 3, 1).contiguous()
            : normalised.contiguous();
        return arranged.alias().MoveToOuterDisposeScope();
    }

    private Tensor Recolour(Tensor images) => (_steps.Channels, images.shape[1]) switch
    {
        (ImagePreprocessing.Rgb, 1) => images.expand(-1, 3, -1, -1),
        (ImagePreprocessing.Grey, 3) => (images * tensor(_luma, device: images.device).view(1, 3, 1, 1)).sum(1, keepdim: true),
        _ => images,
    };

    private Tensor Resize(Tensor images)
    {
        if (_steps.Resize is not { } side)
            return images;
        if (_steps.Rounded is not true)
            return Interpolate(images, side, side);

        // As Pillow (src/libImaging/Resample.c): first the rows and then the columns, and each pass makes bytes.
        var wide = Round(Interpolate(images, images.shape[2], side));
        return Round(Interpolate(wide, side, side));
    }

    private Tensor Interpolate(Tensor images, long height, long width)
    {
        var filter = _steps.Filter ?? ImagePreprocessing.Bilinear;
        var isNearest = filter is ImagePreprocessing.Nearest;
        return nn.functional.interpolate(
            images,
            size: [height, width],
            mode: filter switch
            {
                ImagePreprocessing.Nearest => InterpolationMode.Nearest,
                ImagePreprocessing.Bicubic => InterpolationMode.Bicubic,
                _ => InterpolationMode.Bilinear,
            },
            align_corners: isNearest ? null : false,
            antialias: !isNearest && _steps.Antialias is not false);
    }

    // A rounding has no gradient; that of what it rounds stands in, so that a search through the steps goes on.
    private static Tensor Round(Tensor images) => images + (ImageQuantizer.Quantize(images) - images).detach();

    // As torchvision's center_crop: of an odd rest, Python's round leaves the even half of it on the left.
    private Tensor Crop(Tensor images)
    {
        if (_steps.Crop is not { } side)
            return images;

        var start = (long)Math.Round((images.shape[3] - side) / 2.0, MidpointRounding.ToEven);
        return images.narrow(2, start, side).narrow(3, start, side);
    }

    private static Tensor EachChannel(double[] values, Device device) =>
        tensor(values, float32, device).view(1, values.Length, 1, 1);
}
