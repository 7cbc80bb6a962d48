using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Reports;

/// <summary>A report holds only pictures that it may hold, and only those of the record.</summary>
public sealed class RecordedPicturesTests : IDisposable
{
    private static readonly byte[] _signature = [0x89, .. "PNG\r\n"u8, 0x1A, (byte)'\n'];

    private readonly string _folder = Directory.CreateTempSubdirectory("atu-pictures-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Render_PicturesBesideTheRecord_AreHeldAsThePolicyAllows(bool publishSamples)
    {
        var record = Run(publishSamples, Picture(OutputRoles.Grid, "grid.png", 1), Picture(OutputRoles.Plot, "curves.png", 2));

        var page = Render(record);

        Assert.Contains(Data(2), page, StringComparison.Ordinal);
        Assert.Equal(publishSamples, page.Contains(Data(1), StringComparison.Ordinal));
        Assert.Equal(!publishSamples, page.Contains("(report.publishSamples)", StringComparison.Ordinal));
        Assert.Equal(page, new HtmlReport().Render(record, RecordedPictures.FindIn(page, record)));
    }

    [Fact]
    public void Render_PictureOfAnUnknownRole_CountsAsASample() =>
        Assert.DoesNotContain(
            "<img", Render(Run(publishSamples: false, Picture("a new kind", "new.png", 1))), StringComparison.Ordinal);

    [Theory]
    [InlineData("missing")]
    [InlineData("altered")]
    [InlineData("another kind")]
    [InlineData("outside")]
    [InlineData("absolute")]
    public void Render_PictureThatIsNotTheRecorded_IsNamedInstead(string what)
    {
        var picture = Picture(OutputRoles.Plot, "curves.png", 7);
        var file = Path.Combine(_folder, "curves.png");
        switch (what)
        {
            case "missing":
                File.Delete(file);
                break;
            case "altered":
                File.WriteAllBytes(file, [.. _signature, 8]);
                break;
            case "another kind":
                File.WriteAllText(file, "<svg/>");
                picture = picture with { Sha256 = Sha256Digest.ComputeFile(file) };
                break;
            case "outside":
                picture = picture with { Path = $"../{Path.GetFileName(_folder)}/curves.png" };
                break;
            case "absolute":
                picture = picture with { Path = file };
                break;
        }

        var page = Render(Run(publishSamples: true, picture));

        Assert.DoesNotContain("<img", page, StringComparison.Ordinal);
        Assert.Contains("is not in this page. It was not beside the record", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_MoreThanThereIsRoomFor_KeepsTheCurves()
    {
        var grid = Picture(OutputRoles.Grid, "grid.png", new byte[RecordedPictures.MaxBytes - 100]);
        var curves = Picture(OutputRoles.Plot, "curves.png", new byte[200]);

        var page = Render(Run(publishSamples: true, grid, curves));

        Assert.Equal(1, page.Split("<img").Length - 1);
        Assert.Contains("alt=\"Curves over the training steps", page, StringComparison.Ordinal);
        Assert.Contains("larger than 4\u00a0MB", page, StringComparison.Ordinal);
    }

    private string Render(RunRecord record) => new HtmlReport().Render(record, RecordedPictures.Read(_folder, record));

    private static RunRecord Run(bool publishSamples, params OutputFile[] pictures)
    {
        var run = Records.Named("many-rules");
        return run with
        {
            Outputs = pictures,
            Policy = run.Policy with { Report = run.Policy.Report with { PublishSamples = publishSamples } }
        };
    }

    private OutputFile Picture(string role, string name, params byte[] content)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllBytes(path, [.. _signature, .. content]);
        return new OutputFile(role, name, Sha256Digest.ComputeFile(path));
    }

    private static string Data(params byte[] content) =>
        $"src=\"data:image/png;base64,{Convert.ToBase64String([.. _signature, .. content])}\"";
}
