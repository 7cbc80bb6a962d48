using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Measuring;

/// <summary>The forms in which a set of images or features can be kept, and what is refused.</summary>
public sealed class SampleSetReaderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-set-").FullName;
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Read_ArrayOfFeatures_NeedsNoExtractor()
    {
        using var set = Reader().Read(Write("features.npy", tensor(new[] { 1f, 2f, 3f, 4f, 5f, 9f }).view(3, 2)));

        Assert.Equal("feature vectors", set.Kind);
        Assert.Equal((3, 2), (set.Moments.Count, set.Moments.FeatureSize));
        Assert.Equal([3, 5], set.Moments.Mean.data<double>().ToArray());   // (1 + 3 + 5) / 3 and (2 + 4 + 9) / 3
        Assert.Equal([3, 2], set.Features.shape);
    }

    [Fact]
    public void Read_FileOfMoments_HasNoSingleFeatures()
    {
        var path = Path.Combine(_folder, "moments.npz");
        using (var moments = new FeatureMoments(zeros(4, float64), eye(4, dtype: float64), Count: 7))
            moments.Write(path);

        using var set = Reader().Read(path);

        Assert.Equal((7, 4), (set.Moments.Count, set.Moments.FeatureSize));
        Assert.Equal([0, 4], set.Features.shape);
    }

    [Fact]
    public void Read_WhatCannotBeUsed_SaysWhy()
    {
        Refuses("is neither a folder nor a file", Path.Combine(_folder, "nothing"));
        Refuses("holds images; name what makes features from them with --extractor", Write("images.npy", zeros(2, 1, 4, 4)));
        Refuses("holds images; name what makes features from them with --extractor", _folder);
        Refuses("an array of 3 dimensions is neither features [N, d] nor images [N, C, H, W]", Write("cube.npy", zeros(2, 3, 4)));
        Refuses("features are floating-point numbers, and these are Int64", Write("whole.npy", zeros(2, 3, int64)));

        void Refuses(string expected, string path) =>
            Assert.Contains(
                expected, Assert.Throws<UnsuitableImagesException>(() => Reader().Read(path)).Message, StringComparison.Ordinal);
    }

    private static SampleSetReader Reader() => new(extractor: null, (_, _, _) => { }, CancellationToken.None);

    private string Write(string name, Tensor array)
    {
        var path = Path.Combine(_folder, name);
        NumpyFile.Write(path, array);
        return path;
    }
}
