using System.Globalization;
using System.Text.Json;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Torch.Checkpoints;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary><c>atu label</c> end to end: the real process, and a person's keys in a real browser.</summary>
public sealed class LabelPageTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    private const string Shows = "document.querySelectorAll('#images .shows').length";
    private const string Free = "document.querySelectorAll('#images .free').length";
    private const string TrainIsStrong = "document.getElementById('train').classList.contains('strong')";
    private const string Focused = "document.activeElement.getAttribute('aria-label')";

    [Theory]
    [InlineData("light", 1200)]
    [InlineData("dark", 400)]
    public async Task Page_KeyboardAlone_LabelsTrainsAndFindsItsLabelsAgain(string colours, int width)
    {
        HeadlessChromium.Require();
        var folder = house.At($"labels-{colours}");
        using var atu = Atu.Start(
            "label", house.At("generator.safetensors"), "--feature", "bright", "--out", folder, "--count", "60",
            "--keep-useless", "--threads", "1");
        var address = await atu.FirstLine;
        await using var chromium = await HeadlessChromium.StartAsync();
        await chromium.AppearAsync(width, colours);
        await chromium.GoAsync(address);

        // Every second image of the first two pages shows it, the rest does not; one key does that for a page.
        Assert.Equal("Image 1: no label", (await chromium.ValueAsync(Focused)).GetString());
        for (var number = 0; number < 12; number++)
            await chromium.PressAsync(number % 2 == 0 ? " " : "Enter", "ArrowRight", "ArrowRight");
        await chromium.UntilAsync("document.getElementById('page').textContent === 'Page 3'");
        Assert.False((await chromium.ValueAsync(TrainIsStrong)).GetBoolean());
        await chromium.PressAsync("t");
        await chromium.UntilAsync("!document.getElementById('problem').hidden");
        Assert.Contains("at least 10 of each", await chromium.TextAsync("#problem"), StringComparison.Ordinal);
        await chromium.PressAsync("n", "u", "PageUp", "r", "PageUp", "r");
        await chromium.UntilAsync("document.getElementById('page').textContent === 'Page 1'");
        Assert.Equal((6, 6), ((await chromium.ValueAsync(Shows)).GetInt32(), (await chromium.ValueAsync(Free)).GetInt32()));
        Assert.Contains("12 show it, 12 do not", await chromium.TextAsync("#status"), StringComparison.Ordinal);
        Assert.True((await chromium.ValueAsync(TrainIsStrong)).GetBoolean());

        // Up and down move by a row, and past the edge to the next page.
        await chromium.PressAsync("End", "ArrowRight", "n", "ArrowDown", "Home");
        await chromium.UntilAsync("document.getElementById('page').textContent === 'Page 2'");
        Assert.Equal("Image 13: does not show bright", (await chromium.ValueAsync(Focused)).GetString());

        await chromium.PressAsync("u", "t");
        await chromium.UntilAsync("!document.getElementById('trained').hidden");
        var rate = await chromium.TextAsync("#rate");
        Assert.Matches(@"^\d+\.\d %$", rate);
        Assert.Contains(rate, await chromium.TextAsync("#status"), StringComparison.Ordinal);
        Assert.Contains(
            "\"annotator\": \"bright\", \"auditor\": \"bright-auditor\"",
            await chromium.TextAsync("#policy"),
            StringComparison.Ordinal);
        Assert.DoesNotContain("\"checkpoint\": \"/", await chromium.TextAsync("#policy"), StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(folder, "bright.safetensors")));

        await chromium.GoAsync(address);
        Assert.Equal(("12", "12"), (await chromium.TextAsync("#with"), await chromium.TextAsync("#without")));
        using (var sheet = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(folder, "labels.json"))))
            Assert.Equal(24, sheet.RootElement.GetProperty("labels").EnumerateObject().Count());

        await LooksRightAsync(chromium, colours);
        Assert.All(
            chromium.Requested,
            asked => Assert.StartsWith(new Uri(address).GetLeftPart(UriPartial.Authority), asked, StringComparison.Ordinal));
        // The one complaint allowed is the refusal to train, above.
        Assert.DoesNotContain(chromium.Complaints, complaint => !complaint.Contains("409", StringComparison.Ordinal));

        // By Tab to the last control, and by Enter out of it.
        await chromium.ValueAsync("document.getElementById('train').focus()");
        await chromium.PressAsync("Tab", "Enter");
        var (exitCode, output, errors) = atu.Finish();
        Assert.True(exitCode == 0, errors);
        Assert.Contains($"held-out error {rate}", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Page_Mouse_MarksAndUnmarks()
    {
        Signals.SkipWithoutInterrupt();
        HeadlessChromium.Require();
        using var atu = Atu.Start(
            "label", house.At("generator.safetensors"), "--feature", "bright", "--out", house.At("labels-mouse"),
            "--count", "20", "--threads", "1");
        await using var chromium = await HeadlessChromium.StartAsync();
        await chromium.GoAsync(await atu.FirstLine);
        foreach (var expected in new[] { 1, 0 })
        {
            await chromium.ClickAsync("#images button:nth-child(6)");
            await chromium.UntilAsync($"{Shows} === {expected}");
        }

        // Every shortcut goes on after a click on a button, and Space marks the image where the person was.
        await chromium.ClickAsync("#rest");
        await chromium.UntilAsync($"{Free} === 12");
        await chromium.PressAsync("u");
        await chromium.UntilAsync($"{Free} === 0");
        await chromium.ClickAsync("#help-open");
        await chromium.UntilAsync("document.getElementById('help').open");
        await chromium.PressAsync("n", "Escape");
        await chromium.UntilAsync("!document.getElementById('help').open");
        Assert.Equal("Image 6: no label", (await chromium.ValueAsync(Focused)).GetString());
        await chromium.PressAsync("n", "ArrowRight", " ", "?");
        await chromium.UntilAsync("document.getElementById('help').open");
        Assert.Equal((1, 1), ((await chromium.ValueAsync(Shows)).GetInt32(), (await chromium.ValueAsync(Free)).GetInt32()));
        await chromium.PressAsync("Escape");

        // By keys alone the focus stays on the button, and shortcuts go on there too.
        foreach (var button in new[] { "rest", "undo", "help-open", "train", "previous", "done" })
        {
            await chromium.ValueAsync($"document.getElementById('{button}').focus()");
            await chromium.PressAsync("?");
            await chromium.UntilAsync("document.getElementById('help').open");
            await chromium.PressAsync("Escape");
            await chromium.UntilAsync("!document.getElementById('help').open");
        }

        await chromium.ValueAsync("document.getElementById('rest').focus()");
        await chromium.PressAsync("ArrowRight");
        Assert.Equal("Image 8: no label", (await chromium.ValueAsync(Focused)).GetString());
        Assert.Empty(chromium.Complaints);

        atu.Interrupt();
        Assert.Equal(130, atu.Finish().ExitCode);
    }

    [Fact]
    public void TrainOnly_LabelsOfAnEarlierSession_GiveAClassifierThatAPolicyCanName()
    {
        var folder = house.At("labels-script");
        Directory.CreateDirectory(folder);
        var labels = string.Join(", ", Enumerable.Range(0, 40)
            .Select(image => string.Create(CultureInfo.InvariantCulture, $"\"{image}\": {(image % 3 == 0 ? "true" : "false")}")));
        File.WriteAllText(Path.Combine(folder, "labels.json"), $$"""
            { "schemaVersion": 1, "feature": "odd", "generator": "{{CheckpointDigest.Compute(house.At("generator.safetensors"))}}", "seed": 1, "labels": { {{labels}} } }
            """);

        string[] arguments =
        [
            "label", house.At("generator.safetensors"), "--feature", "odd", "--out", folder, "--count", "40",
            "--train-only", "--keep-useless", "--threads", "1"
        ];
        var (exitCode, output, errors) = Atu.Run(arguments);

        Assert.True(exitCode == 0, errors);
        Assert.Matches(@"odd\.safetensors: finds \d+ of \d+ images that show it .*; held-out error \d+\.\d %", output);
        var bytes = File.ReadAllBytes(Path.Combine(folder, "odd.safetensors"));
        Assert.Equal(output, Atu.Run(arguments).Output);
        Assert.Equal(bytes, File.ReadAllBytes(Path.Combine(folder, "odd.safetensors")));
        var policy = house.Policy(
            "labelled",
            "\"maxRate\": 0.5",
            ("annotator.safetensors", "labels-script/odd.safetensors"),
            ("\"class\": \"banned\"", "\"class\": \"odd\""),
            ("\"auditor\": \"auditor\", ", ""),
            ("reference.safetensors", "original-generator"));
        var measured = Atu.Run("measure", policy, "--json", "--threads", "1");
        // Labels by chance may have given a classifier that is known to find nothing.
        Assert.True(measured.ExitCode is 0 or 2, measured.Errors);
        Assert.Equal(0, Atu.Run([.. arguments, "--features", house.At("auditor.safetensors")]).ExitCode);
    }

    [Fact]
    public void TrainOnly_GeneratorAlone_WarmsADiscriminatorUpOnceAndLooksAtItsFeatures()
    {
        var (folder, generator) = (house.At("labels-alone"), house.At("no-discriminator.safetensors"));
        LabelSheetFile.Write(Path.Combine(folder, "labels.json"), new LabelSheet(
            LabelSheet.CurrentSchemaVersion, "odd", CheckpointDigest.Compute(generator), Seed: 1, new(Enumerable.Range(0, 40)
                .ToDictionary(image => image, image => image % 3 == 0))));
        string[] arguments =
        [
            "label", generator, "--feature", "odd", "--out", folder, "--count", "40", "--train-only", "--keep-useless",
            "--threads", "1"
        ];

        var (exitCode, output, errors) = Atu.Run(arguments);

        Assert.True(exitCode == 0, errors);
        Assert.Contains("one is warmed up on the generator's own samples", errors, StringComparison.Ordinal);
        Assert.Contains("discriminator-warm-up 400/400", errors, StringComparison.Ordinal);
        var bytes = File.ReadAllBytes(Path.Combine(folder, "odd.safetensors"));
        var (_, again, more) = Atu.Run(arguments);
        Assert.Equal(output, again);
        Assert.DoesNotContain("discriminator-warm-up 400/400", more, StringComparison.Ordinal);
        Assert.Equal(bytes, File.ReadAllBytes(Path.Combine(folder, "odd.safetensors")));
    }

    [Fact]
    public void Label_WhatCannotBeDone_SaysWhatToDo()
    {
        var generator = house.At("generator.safetensors");
        foreach (var (code, expected, arguments) in new[]
        {
            (3, "ATU2012: ", new[] { generator, "--feature", "hat", "--out", house.At("none"), "--train-only" }),
            (2, "--latent-size", [generator, "--feature", "hat", "--out", house.At("none"), "--latent-size", "8"]),
            (2, "the generator makes 1×16×16", [
                generator, "--feature", "hat", "--out", house.At("none"), "--features", house.At("classifier-32.safetensors")
            ]),
            (2, "a-z, 0-9", [generator, "--feature", "../hat", "--out", house.At("none")]),
            (2, "not 'other'", [generator, "--feature", "other", "--out", house.At("none")]),
            (2, "--count", [generator, "--feature", "hat", "--out", house.At("none"), "--count", "5"]),
        })
        {
            var (exitCode, _, errors) = Atu.Run(["label", .. arguments]);
            Assert.Equal(code, exitCode);
            Assert.Contains(expected, errors, StringComparison.Ordinal);
        }
    }

    // What an automatic checker of accessibility looks for first.
    private static async Task LooksRightAsync(HeadlessChromium chromium, string colours)
    {
        Assert.Empty((await chromium.ValueAsync("""
            [...document.querySelectorAll('button, a, [tabindex], progress')].filter(control =>
              !(control.getAttribute('aria-label') || control.labels?.length || control.textContent.trim())).map(control => control.outerHTML)
            """)).EnumerateArray());
        Assert.Equal("en", (await chromium.ValueAsync("document.documentElement.lang")).GetString());
        Assert.Equal(1, (await chromium.ValueAsync("document.querySelectorAll('h1').length")).GetInt32());
        Assert.False((await chromium.ValueAsync("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
            .GetBoolean());

        var brightness = (await chromium.ValueAsync(
            "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number).reduce((sum, part) => sum + part) / 3"))
            .GetDouble();
        Assert.True(
            colours == "dark" ? brightness < 64 : brightness > 192,
            $"the page's ground has a brightness of {brightness} in {colours}");
        Assert.Equal(
            "Image 25: no label, solid 4px",
            (await chromium.ValueAsync(
                $"(style => `${{{Focused}}}, ${{style.outlineStyle}} ${{style.outlineWidth}}`)"
                    + "(getComputedStyle(document.activeElement))"))
                .GetString());

        // WCAG 2.2, 1.4.3: text against what lies under it, at least 4.5 to 1.
        Assert.Empty((await chromium.ValueAsync("""
            (() => {
              const parts = colour => colour.match(/[\d.]+/g).map(Number);
              const light = colour => parts(colour).slice(0, 3).map(part => part / 255).map(part => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4)
                .reduce((sum, part, place) => sum + part * [.2126, .7152, .0722][place], 0);
              const ground = element => element === null ? 'rgb(255, 255, 255)' : parts(getComputedStyle(element).backgroundColor)[3] === 0 ? ground(element.parentElement) : getComputedStyle(element).backgroundColor;
              return [...document.querySelectorAll('body *')].filter(element => !element.disabled && !element.closest(':disabled') && element.checkVisibility()
                && [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim()))
                .filter(element => { const [a, b] = [light(getComputedStyle(element).color), light(ground(element))].sort((x, y) => y - x); return (a + .05) / (b + .05) < 4.5; })
                .map(element => element.outerHTML);
            })()
            """)).EnumerateArray());
    }
}
