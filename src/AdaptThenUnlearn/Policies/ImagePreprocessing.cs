using System.Text.Json.Serialization;

namespace AdaptThenUnlearn.Policies;

/// <summary>
/// What is done to the generator's images before a classifier or an extractor gets them, in the order of these properties.
/// </summary>
/// <param name="Channels">
/// <c>rgb</c>: three channels; grey images get three equal ones. <c>grey</c>: one channel, the luma of colour images (ITU-R
/// BT.601: 0.299, 0.587, 0.114). When absent, the channels that the generator makes.
/// </param>
/// <param name="Resize">Side to which images are resized, in pixels, 1 to 4096. When absent, they keep their size.</param>
/// <param name="Filter">How they are resized: <c>nearest</c>, <c>bilinear</c> or <c>bicubic</c>.</param>
/// <param name="Antialias">
/// Whether the filter is widened where images become smaller, as Pillow and torchvision's transforms do. Not for <c>nearest</c>.
/// </param>
/// <param name="Rounded">
/// Whether resized images are clipped to black and white and rounded to the 256 levels of a picture file, as by programs that
/// resize Pillow's images and not tensors. Needs <paramref name="Resize"/>.
/// </param>
/// <param name="Crop">
/// Side of the square that is cut out of the centre, in pixels, 1 to 4096. When absent, nothing is cut.
/// </param>
/// <param name="Range">
/// What black and white become: <c>-1..1</c> (as the generator makes them), <c>0..1</c> or <c>0..255</c>.
/// </param>
/// <param name="Normalization">
/// <c>imagenet</c>: mean 0.485, 0.456, 0.406 and deviation 0.229, 0.224, 0.225, for <c>rgb</c> in <c>0..1</c>. Instead of
/// <paramref name="Mean"/> and <paramref name="Std"/>.
/// </param>
/// <param name="Mean">Subtracted from each channel: one number, or one for each channel. Needs <paramref name="Std"/>.</param>
/// <param name="Std">Divides each channel afterwards; above 0. Needs <paramref name="Mean"/>.</param>
/// <param name="Layout"><c>nchw</c>: channels before rows; <c>nhwc</c>: channels last.</param>
[Words(nameof(Published))]
public sealed record ImagePreprocessing(
    [KnownName(NameKind.Channels)][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Channels = null,
    [Within(1, 4096)][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    int? Resize = null,
    [KnownName(NameKind.ResizeFilter), AbsentMeans(ImagePreprocessing.Bilinear)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Filter = null,
    [AbsentMeans(true)][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    bool? Antialias = null,
    [AbsentMeans(false)][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    bool? Rounded = null,
    [Within(1, 4096)][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    int? Crop = null,
    [KnownName(NameKind.PixelRange), AbsentMeans(ImagePreprocessing.Symmetric)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Range = null,
    [KnownName(NameKind.Normalization)][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Normalization = null,
    [NotEmpty, Examples(0.5)][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    IReadOnlyList<double>? Mean = null,
    [NotEmpty, Within(0, Above = true), Examples(0.5)][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    IReadOnlyList<double>? Std = null,
    [KnownName(NameKind.Layout), AbsentMeans(ImagePreprocessing.ChannelsFirst)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Layout = null)
{
    /// <summary>Three channels.</summary>
    public const string Rgb = "rgb";

    /// <summary>One channel.</summary>
    public const string Grey = "grey";

    /// <summary>Each pixel is its nearest one.</summary>
    public const string Nearest = "nearest";

    /// <summary>Linear in both directions.</summary>
    public const string Bilinear = "bilinear";

    /// <summary>Cubic in both directions.</summary>
    public const string Bicubic = "bicubic";

    /// <summary>Black is −1 and white is 1.</summary>
    public const string Symmetric = "-1..1";

    /// <summary>Black is 0 and white is 1.</summary>
    public const string Unit = "0..1";

    /// <summary>Black is 0 and white is 255.</summary>
    public const string Bytes = "0..255";

    /// <summary>The mean and the deviation of ImageNet's colours.</summary>
    public const string ImageNet = "imagenet";

    /// <summary><c>[N, C, H, W]</c>.</summary>
    public const string ChannelsFirst = "nchw";

    /// <summary><c>[N, H, W, C]</c>.</summary>
    public const string ChannelsLast = "nhwc";

    /// <summary>The published preparations, by the words that a policy and a command may write instead of the object.</summary>
    /// <remarks>
    /// Their steps are those of the published code for square images: openai/CLIP, <c>clip/clip.py</c>, <c>_transform(224)</c>;
    /// facebookresearch/dinov2, <c>dinov2/data/transforms.py</c>, <c>make_classification_eval_transform</c>; and what
    /// layer6ai-labs/dgm-eval, <c>dgm_eval/models/dinov2.py</c>, does for the Fréchet distances of Stein et al. 2023
    /// (arXiv:2306.04675). All three resize Pillow's images.
    /// </remarks>
    public static IReadOnlyDictionary<string, ImagePreprocessing> Published { get; } = new Dictionary<string, ImagePreprocessing>
    {
        ["clip"] = new(
            Rgb, 224, Bicubic, Rounded: true, Crop: 224, Range: Unit,
            Mean: [0.48145466, 0.4578275, 0.40821073], Std: [0.26862954, 0.26130258, 0.27577711]),
        ["dinov2"] = new(Rgb, 256, Bicubic, Rounded: true, Crop: 224, Range: Unit, Normalization: ImageNet),
        ["fd-dinov2"] = new(Rgb, 224, Bicubic, Rounded: true, Range: Unit, Normalization: ImageNet),
    };

    internal static IReadOnlyList<string> AllChannels { get; } = [Rgb, Grey];

    internal static IReadOnlyList<string> Filters { get; } = [Nearest, Bilinear, Bicubic];

    internal static IReadOnlyList<string> Ranges { get; } = [Symmetric, Unit, Bytes];

    internal static IReadOnlyList<string> Normalizations { get; } = [ImageNet];

    internal static IReadOnlyList<string> Layouts { get; } = [ChannelsFirst, ChannelsLast];

    /// <summary>The word that stands for these steps; their JSON where there is none.</summary>
    public string Describe()
    {
        var text = CanonicalJson.Write(this);
        return Published.FirstOrDefault(each => CanonicalJson.Write(each.Value) == text).Key is { } word ? $"\"{word}\"" : text;
    }

    /// <summary>Reads steps that do not stand in a policy; never throws because of what the text contains.</summary>
    /// <param name="text">JSON: an object with the steps, or a word of <see cref="Published"/> in quotes.</param>
    /// <param name="file">The file's name in messages.</param>
    /// <returns>The steps, or every error at its place.</returns>
    public static (ImagePreprocessing? Steps, IReadOnlyList<PolicyError> Errors) Read(string text, string file) =>
        PolicyReader.ReadPart<ImagePreprocessing>(text, file, steps => steps.Check(JsonPath.Root));

    internal IEnumerable<PolicyFinding> Check(JsonPath at) =>
    [
        .. at["filter"].Must(Filter is null || Resize is not null, "does nothing without 'resize'"),
        .. at["antialias"].Must(Antialias is null || Resize is not null, "does nothing without 'resize'"),
        .. at["antialias"].Must(
            Antialias is not true || Filter != Nearest, $"is not for '{Nearest}', which takes single pixels", at["filter"]),
        .. at["rounded"].Must(Rounded is null || Resize is not null, "does nothing without 'resize'"),
        .. at["crop"].Must(
            Crop is null || Resize is null || Crop <= Resize,
            $"is {Crop}, and images are only {Resize} pixels wide by then", at["resize"]),
        .. at["normalization"].Must(
            Normalization is null || (Mean is null && Std is null),
            "is given together with 'mean' and 'std'; give only one of both"),
        .. at["normalization"].Must(
            Normalization is null || (Channels == Rgb && Range == Unit),
            $"is of three channels from 0 to 1: say \"channels\": \"{Rgb}\" and \"range\": \"{Unit}\" too",
            at["channels"], at["range"]),
        .. at["std"].MustBePresent(Mean is null || Std is not null, "is missing: 'mean' is given", at["mean"]),
        .. at["mean"].MustBePresent(Std is null || Mean is not null, "is missing: 'std' is given", at["std"]),
        .. CheckLength(at["mean"], Mean, at["channels"]),
        .. CheckLength(at["std"], Std, at["channels"]),
    ];

    private IEnumerable<PolicyFinding> CheckLength(JsonPath at, IReadOnlyList<double>? values, JsonPath channels) => at.Must(
        values is null or [_] || Channels is null || values.Count == (Channels == Rgb ? 3 : 1),
        $"has {values?.Count} numbers; '{Channels}' images need 1{(Channels == Rgb ? " or 3" : "")}",
        channels);
}
