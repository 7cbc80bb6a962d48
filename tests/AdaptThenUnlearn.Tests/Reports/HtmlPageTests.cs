using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using AdaptThenUnlearn.Cli.Tests;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Reports;

/// <summary>The HTML report in a real browser: what axe finds, how wide it gets, and what a printer makes of it.</summary>
public sealed partial class HtmlPageTests : IAsyncDisposable
{
    private const string Axe = "axe.run().then(found => found.violations.map(each => `${each.id}: ${each.nodes[0].html}`))";
    private const int Millimetres = 210 - 2 * 12;   // between the margins of A4
    private const int HeightInMillimetres = 297 - 13 - 15;
    private const double PixelsPerMillimetre = 96 / 25.4;

    private readonly string _folder = Directory.CreateTempSubdirectory("atu-page-").FullName;
    private HeadlessChromium? _chromium;

    public static TheoryData<string> Runs => [.. ReportFormatContract.Runs, "long-names", "many-classes"];

    public async ValueTask DisposeAsync()
    {
        if (_chromium is not null)
            await _chromium.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [MemberData(nameof(Runs))]
    public async Task Page_LightAndDarkWideAndNarrow_HasNoViolationAndFits(string run)
    {
        var page = new HtmlReport().Render(run switch
        {
            "long-names" => LongNames(),
            "many-classes" => ManyClasses(),
            _ => Records.Named(run),
        });
        var axe = await AxeAsync();
        var chromium = await StartAsync();
        foreach (var (width, colours) in new[] { (1280, "light"), (1280, "dark"), (390, "light"), (390, "dark") })
        {
            await chromium.AppearAsync(width, colours);
            await OpenAsync(page);
            await chromium.ValueAsync("document.querySelectorAll('details').forEach(fold => fold.open = true)");
            await chromium.ValueAsync(axe);

            Assert.Empty((await chromium.ValueAsync(Axe)).EnumerateArray().Select(each => each.GetString()));
            Assert.False(
                (await chromium.ValueAsync("document.documentElement.scrollWidth > innerWidth")).GetBoolean(),
                $"{width} pixels in {colours}: the page is wider");
        }

        Assert.Empty(chromium.Complaints);
        Assert.DoesNotContain(chromium.Requested, asked => asked.StartsWith("http", StringComparison.Ordinal));
    }

    // So that silence of the test above means something.
    [Fact]
    public async Task Axe_PageWithoutItsMainPart_FindsIt()
    {
        var axe = await AxeAsync();
        var chromium = await StartAsync();
        await OpenAsync(new HtmlReport().Render(Records.Run()).Replace("main>", "div>", StringComparison.Ordinal));
        await chromium.ValueAsync(axe);

        Assert.Contains(
            (await chromium.ValueAsync(Axe)).EnumerateArray(),
            each => each.GetString()!.StartsWith("landmark-one-main", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("A4", 8.27, 11.69)]
    [InlineData("Letter", 8.5, 11)]
    public async Task Print_TwelveRulesWithPictures_TakesAtMostThreePages(string paper, double width, double height)
    {
        var chromium = await StartAsync();
        await OpenAsync(WithPolicyAndPictures());
        Assert.Equal(2, (await chromium.ValueAsync("document.images.length")).GetInt32());

        var printed = await chromium.SendAsync("Page.printToPDF", new { paperWidth = width, paperHeight = height });

        var pdf = Encoding.Latin1.GetString(Convert.FromBase64String(printed.GetProperty("data").GetString()!));
        var pages = PagePattern().Count(pdf);
        Assert.True(pages is 2 or 3, string.Create(CultureInfo.InvariantCulture, $"{paper}: {pages} pages"));
    }

    [Fact]
    public async Task Print_FirstPage_HoldsVerdictRulesDigestsAndSignature()
    {
        var chromium = await StartAsync();
        await chromium.SendAsync("Emulation.setDeviceMetricsOverride", new
        {
            width = (int)(Millimetres * PixelsPerMillimetre),
            height = 900,
            deviceScaleFactor = 1,
            mobile = false
        });
        await chromium.SendAsync("Emulation.setEmulatedMedia", new { media = "print" });
        await OpenAsync(WithPolicyAndPictures());

        var tops = (await chromium.ValueAsync(
                "['h1', '.rules', '.certificate', '.signature']"
                    + ".map(part => document.querySelector(part).getBoundingClientRect().top)"))
            .EnumerateArray().Select(top => top.GetDouble()).ToList();
        var bottom = (await chromium.ValueAsync(
            "document.querySelector('.certificate').getBoundingClientRect().bottom")).GetDouble();

        Assert.Equal(tops.Order(), tops);
        Assert.InRange(bottom, tops[^1], HeightInMillimetres * PixelsPerMillimetre);
        var text = await chromium.TextAsync(".certificate");
        var run = Records.Named("many-rules");
        string[] facts =
        [
            run.Before.GeneratorSha256, run.After!.GeneratorSha256, run.PolicySource.EffectiveSha256, "Signature", run.Tool,
            "20 of 10000 images", "Attacked", "Exceptions", "atu verify run.json --readings", "--attestation . --key public.pem",
            "atu verify-model no-eights.safetensors --signature model.sig",
        ];
        Assert.All(facts, fact => Assert.Contains(fact, text, StringComparison.Ordinal));
        Assert.Equal(
            "page",
            (await chromium.ValueAsync("getComputedStyle(document.querySelector('.certificate')).breakAfter")).GetString());
        Assert.Equal("exact", (await chromium.ValueAsync("getComputedStyle(document.body).printColorAdjust")).GetString());
    }

    private async Task<HeadlessChromium> StartAsync()
    {
        HeadlessChromium.Require();
        return _chromium = await HeadlessChromium.StartAsync();
    }

    private static async Task<string> AxeAsync()
    {
        HeadlessChromium.Require();
        try
        {
            var modules = NodePackages.Restore("tests/AdaptThenUnlearn.Tests/axe");
            return await File.ReadAllTextAsync(Path.Combine(modules, "axe-core", "axe.min.js")) + ";null";
        }
        catch (NodeMissingException reason)
        {
            NeededProgram.Require(NeededProgram.Node, $"axe is needed: {reason.Message}");
            throw;
        }
    }

    private async Task OpenAsync(string page)
    {
        var file = Path.Combine(_folder, "report.html");
        await File.WriteAllTextAsync(file, page);
        await _chromium!.GoAsync(new Uri(file).AbsoluteUri, "main, div");
    }

    // The repository's main policy, and the pictures that its README shows.
    private static string WithPolicyAndPictures()
    {
        var run = Records.Named("many-rules");
        var text = File.ReadAllText(Path.Combine(Repository.Root, "policies", "mnist-no-digit-8.json"));
        var pictures = run.Outputs.Where(RecordedPictures.IsPicture).Select(picture => picture with
        {
            Path = Path.GetFileName(picture.Path),
            Sha256 = Sha256Digest.ComputeFile(Path.Combine(Repository.Root, "docs", picture.Path))
        });
        run = run with
        {
            Policy = run.Policy with { Report = run.Policy.Report with { PublishSamples = true } },
            PolicySource = run.PolicySource with { Text = text },
            Outputs = [run.Outputs[0], .. pictures],
            Origin = new BuildOrigin
            {
                Host = "GitHub Actions",
                Repository = "owner/name",
                Ref = "main",
                Commit = new string('f', 40),
                BuildUrl = "https://github.example/owner/name/actions/runs/1",
                Actor = "ada"
            },
        };
        return new HtmlReport().Render(run, RecordedPictures.Read(Path.Combine(Repository.Root, "docs", "images"), run));
    }

    private static RunRecord LongNames()
    {
        var (run, name) = (Records.Named("many-rules"), new string('w', 64));
        return run with
        {
            Policy = run.Policy with
            {
                Name = name,
                Owner = name,
                UndesiredFeatures = [run.Policy.UndesiredFeatures[0] with { Name = name }]
            },
            Before = run.Before with { Features = [run.Before.Features[0] with { Feature = name, Classifier = name }] },
            After = run.After! with { Features = [run.After.Features[0] with { Feature = name, Classifier = name }] },
            Outputs = [.. run.Outputs.Select(output => output with { Path = $"{name}/{output.Path}" })],
            Verdict = run.Verdict with
            {
                Findings =
                [
                    .. run.Verdict.Findings.Select(finding => finding.Rule.Subject is null
                        ? finding
                        : finding with { Rule = finding.Rule with { Subject = name } }),
                ],
            },
        };
    }

    // As wide as the table of an attack gets.
    private static RunRecord ManyClasses() => ClassChangesTests.Attacked(new(
        [.. Enumerable.Range(0, ClassChanges.MostNamed + 2).Select(number => $"class with the name {number}")],
        [.. Enumerable.Range(0, ClassChanges.MostNamed + 2).Select(IReadOnlyList<long> (_) =>
            [.. Enumerable.Repeat(1000L, ClassChanges.MostNamed + 2)])]));

    [GeneratedRegex(@"/Type\s*/Page\b")]
    private static partial Regex PagePattern();
}
