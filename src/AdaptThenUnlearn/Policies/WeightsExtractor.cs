namespace AdaptThenUnlearn.Policies;

/// <summary>A feature extractor whose weights are a file from elsewhere, not a classifier of the policy.</summary>
/// <remarks>Nothing is ever downloaded: the policy names the file by path, and this record says which file is meant.</remarks>
/// <param name="Name">Its name in a policy's <c>quality.extractor</c> and on the command line.</param>
/// <param name="PublishedSha256">How the SHA-256 of the published file begins; null where any file may be used.</param>
/// <param name="FeatureSize">Length of a feature vector; null where the file decides.</param>
/// <param name="FileDescription">Which file is meant, and where it is published; ends a sentence.</param>
public sealed record WeightsExtractor(string Name, string? PublishedSha256, int? FeatureSize, string FileDescription)
{
    private const int InceptionFeatures = 2048;

    /// <summary>Inception-v3 as pytorch-fid ports it to PyTorch: weights alone; nothing in the file is executed.</summary>
    public static WeightsExtractor InceptionV3 { get; } = new(
        "inception-v3", "6726825d", InceptionFeatures,
        "pt_inception-2015-12-05-6726825d.pth (its SHA-256 begins with 6726825d), from "
            + "https://github.com/mseitzer/pytorch-fid/releases/tag/fid_weights");

    /// <summary>Inception-v3 as NVIDIA publishes it: a TorchScript program with its weights, which libtorch interprets.</summary>
    public static WeightsExtractor InceptionV3TorchScript { get; } = new(
        "inception-v3-torchscript", "f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4", InceptionFeatures,
        "inception-2015-12-05.pt (SHA-256 f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4), from "
            + "https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics/");

    /// <summary>Any TorchScript program that makes features of images.</summary>
    public static WeightsExtractor TorchScript { get; } = new(
        "torchscript",
        PublishedSha256: null,
        FeatureSize: null,
        "a TorchScript file (torch.jit.save) whose forward turns images [N, 3, H, W], uint8 or as "
            + "'preprocessing' makes them, into features [N, D]");

    /// <summary>Any ONNX graph that makes features of images.</summary>
    public static WeightsExtractor Onnx { get; } = new(
        "onnx",
        PublishedSha256: null,
        FeatureSize: null,
        "an ONNX file whose graph turns images [N, 3, H, W], 0 to 255 or as 'preprocessing' makes them, into features [N, D]");

    /// <summary>All extractors of this kind.</summary>
    public static IReadOnlyList<WeightsExtractor> All { get; } = [InceptionV3, InceptionV3TorchScript, TorchScript, Onnx];

    /// <summary>Their names.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. All.Select(extractor => extractor.Name)];

    /// <summary>Names of the extractors whose file may be any, and of which a policy therefore says how it is used.</summary>
    internal static IReadOnlyList<string> NamesOfAnyFile { get; } =
        [.. All.Where(extractor => extractor.IsAnyFile).Select(extractor => $"'{extractor.Name}'")];

    /// <summary>The extractor of that name, or null.</summary>
    public static WeightsExtractor? Find(string name) => All.FirstOrDefault(extractor => extractor.Name == name);

    /// <summary>Whether its file may be any that makes features.</summary>
    private bool IsAnyFile => PublishedSha256 is null;

    /// <summary>Why this extractor cannot be used in a way that is said; null where it can, or where nothing is said.</summary>
    /// <param name="use">How its file is to be used.</param>
    /// <param name="property">One of <see cref="ExtractorUse.Properties"/>.</param>
    public string? FindMisuse(ExtractorUse use, string property) =>
        use[property] is null ? null
        : !IsAnyFile
            ? $"is only for the extractors {Suggestion.JoinWithAnd(NamesOfAnyFile)}; '{Name}' prepares images as it was "
                + "published and has one output"
        : property == ExtractorUse.OutputProperty && this != Onnx
            ? $"is only for the extractor '{Onnx.Name}'; a program of '{Name}' returns one tensor"
        : null;

    /// <summary>Whether its file is a program that is run.</summary>
    public bool IsProgram => this != InceptionV3;

    /// <summary>The public name of the Fréchet distance of its features: FID for the published Inception-v3 alone.</summary>
    /// <param name="sha256">Digest of the file that was loaded.</param>
    public string MetricName(string sha256) =>
        this == Onnx ? "ONNX Fréchet distance"
        : PublishedSha256 is null ? "TorchScript Fréchet distance"
        : sha256.StartsWith(PublishedSha256, StringComparison.OrdinalIgnoreCase) ? "FID"
        : "FID (unpublished weights)";
}
