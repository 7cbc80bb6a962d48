using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>
/// Makes of images what an extractor takes: pictures of 8 bits, and of these what the policy's preprocessing says.
/// </summary>
internal sealed class ExtractorInput
{
    private readonly ImagePreprocessing? _steps;
    private readonly ImageShape? _images;

    private ExtractorInput(ImagePreprocessing? steps, ImageShape? images) => (_steps, _images) = (steps, images);

    /// <summary>Whole levels from 0 to 255 in three channels; a grey channel is repeated.</summary>
    public static ExtractorInput Levels { get; } = new(null, null);

    /// <summary>Whether what comes out are levels, 0 to 255, and no further scale.</summary>
    public bool MakesLevels => _steps is null || Preprocessor.MakesLevelsBy(_steps);

    /// <summary>Whether what comes out is whole levels in three channels, with nothing done to them.</summary>
    public bool IsPlain => _steps is null;

    /// <summary>Whether the channels of what comes out are its last dimension.</summary>
    public bool IsChannelsLast => _steps?.Layout == ImagePreprocessing.ChannelsLast;

    /// <summary>Whether it is known in what size images come out.</summary>
    public bool IsSizeKnown => _images is not null || (_steps?.Resize ?? _steps?.Crop) is not null;

    /// <summary>The input of an extractor.</summary>
    /// <param name="steps">As the policy says; null where levels come out.</param>
    /// <param name="images">The images that it will be given; null where the caller does not know.</param>
    /// <exception cref="ArgumentException">The steps do not fit the images.</exception>
    public static ExtractorInput Create(ImagePreprocessing? steps, ImageShape? images)
    {
        if (steps is not null && images is { } known)
            _ = new Preprocessor(steps, known);
        return new ExtractorInput(steps, images);
    }

    /// <summary>Why these images cannot be taken, or null when they can.</summary>
    /// <param name="channels">Of the images.</param>
    /// <param name="size">In pixels.</param>
    public string? ExplainMismatch(long channels, (long Width, long Height) size)
    {
        if (channels is not (1 or 3))
            return $"the images are {channels}×{size.Height}×{size.Width}, the extractor takes 1 or 3 channels";
        if (_steps is null)
            return null;
        if (size.Width != size.Height)
            return $"the images are {size.Width}×{size.Height} pixels, and preprocessing is for square ones: cut them first";

        try
        {
            _ = new Preprocessor(_steps, new ImageShape((int)channels, (int)size.Width));
            return null;
        }
        catch (ArgumentException unfit)
        {
            return $"the images do not fit the preprocessing: {unfit.Message}";
        }
    }

    /// <summary>Makes what the extractor takes.</summary>
    /// <param name="images"><c>[n, 1 or 3, H, W]</c>, nominally -1 to 1; clipped and rounded to 256 levels first.</param>
    /// <returns>float32: <c>[n, 3, H, W]</c> in 0 to 255, or as the steps say; belongs to the caller's scope.</returns>
    public Tensor Prepare(Tensor images)
    {
        if (_steps is null)
            return ImageQuantizer.ToRgbLevels(images);

        using var scope = NewDisposeScope();
        var shape = new ImageShape((int)images.shape[1], (int)images.shape[3]);
        return new Preprocessor(_steps, shape).Prepare(ImageQuantizer.Quantize(images)).MoveToOuterDisposeScope();
    }

    /// <summary>A grey image as the extractor takes it, to try it on.</summary>
    /// <param name="side">Its height and width, where the caller does not know the images.</param>
    /// <param name="device">Where it goes.</param>
    /// <returns>Belongs to the caller's scope.</returns>
    public Tensor Blank(long side, Device device)
    {
        using var scope = NewDisposeScope();
        var (channels, pixels) = _images is { } images
            ? (images.Channels, images.Resolution)
            : (3, Math.Max(side, _steps?.Crop ?? 0));
        return Prepare(zeros([1, channels, pixels, pixels], device: device)).MoveToOuterDisposeScope();
    }
}
