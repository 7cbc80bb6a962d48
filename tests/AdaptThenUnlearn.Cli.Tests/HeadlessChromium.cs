using System.Diagnostics;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using AdaptThenUnlearn.Tests;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>A real Chromium without a window, driven through its DevTools protocol.</summary>
internal sealed class HeadlessChromium : IAsyncDisposable
{
    private static readonly string[] _names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    private static readonly JsonSerializerOptions _json = new() { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(5);

    private readonly Process _process;
    private readonly string _profile;
    private readonly ClientWebSocket _page = new();
    private int _command;

    private HeadlessChromium(Process process, string profile) => (_process, _profile) = (process, profile);

    /// <summary>Every address that was asked for.</summary>
    public List<string> Requested { get; } = [];

    /// <summary>What the page complained of: exceptions, errors, what its own policy kept from loading.</summary>
    public List<string> Complaints { get; } = [];

    /// <summary>Where it is installed; null where it is not.</summary>
    public static string? Installed =>
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator)
            .SelectMany(_ => _names, Path.Combine)
            .FirstOrDefault(File.Exists);

    /// <summary>Ends a test on a machine without it.</summary>
    public static void Require() => NeededProgram.Require(
        NeededProgram.Chromium, Installed is null ? "Chromium is not installed" : null);

    public static async Task<HeadlessChromium> StartAsync()
    {
        var profile = Directory.CreateTempSubdirectory("atu-chromium-").FullName;
        var start = new ProcessStartInfo(Installed!) { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (var argument in new[]
        {
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync", "--remote-debugging-port=0", $"--user-data-dir={profile}", "about:blank",
        })
            start.ArgumentList.Add(argument);
        var chromium = new HeadlessChromium(Process.Start(start)!, profile);
        _ = chromium._process.StandardError.ReadToEndAsync();
        _ = chromium._process.StandardOutput.ReadToEndAsync();
        await chromium.ConnectAsync();
        return chromium;
    }

    /// <summary>Sends a command and waits for its answer.</summary>
    public async Task<JsonElement> SendAsync(string method, object? parameters = null)
    {
        var id = ++_command;
        var text = JsonSerializer.SerializeToUtf8Bytes(new { id, method, @params = parameters ?? new { } }, _json);
        using var patience = new CancellationTokenSource(_patience);
        await _page.SendAsync(text, WebSocketMessageType.Text, endOfMessage: true, patience.Token);
        while (true)
        {
            var message = await ReceiveAsync(patience.Token);
            if (message.TryGetProperty("id", out var answered) && answered.GetInt32() == id)
                return message.TryGetProperty("result", out var result)
                    ? result
                    : throw new InvalidOperationException($"{method}: {message}");
            Note(message);
        }
    }

    /// <summary>Goes to an address and waits until it is loaded.</summary>
    /// <param name="address">Of a page, or of a file.</param>
    /// <param name="part">A selector: the page is loaded when it has such a part.</param>
    public async Task GoAsync(string address, string part = "#images button")
    {
        await SendAsync("Page.navigate", new { url = "about:blank" });   // so that what is found is not of the page before
        await SendAsync("Page.navigate", new { url = address });
        await UntilAsync($"document.readyState === 'complete' && document.querySelector('{part}') !== null");
    }

    /// <summary>The value of an expression in the page, as JSON.</summary>
    public async Task<JsonElement> ValueAsync(string expression)
    {
        var result = await SendAsync("Runtime.evaluate", new { expression, returnByValue = true, awaitPromise = true });
        Assert.False(result.TryGetProperty("exceptionDetails", out var problem), $"{expression}: {problem}");
        return result.GetProperty("result").TryGetProperty("value", out var value) ? value : default;
    }

    public async Task<string> TextAsync(string selector) =>
        (await ValueAsync($"document.querySelector('{selector}').textContent")).GetString()!;

    /// <summary>Waits until an expression holds.</summary>
    public async Task UntilAsync(string expression)
    {
        var waited = Stopwatch.StartNew();
        while (!(await ValueAsync($"Boolean({expression})")).GetBoolean())
        {
            Assert.True(
                waited.Elapsed < _patience,
                $"{expression} did not come true; the page says: {await ValueAsync("document.body.innerText")}");
            await Task.Delay(50);
        }
    }

    /// <summary>Presses keys, one after the other.</summary>
    /// <param name="keys">As <c>KeyboardEvent.key</c> names them.</param>
    public async Task PressAsync(params string[] keys)
    {
        foreach (var key in keys)
        {
            var text = key == "Enter" ? "\r" : key.Length == 1 ? key : null;
            var code = key switch { "Enter" => 13, " " => 32, "Tab" => 9, "Escape" => 27, _ => 0 };
            await SendAsync("Input.dispatchKeyEvent", new
            {
                type = text is null ? "rawKeyDown" : "keyDown",
                key,
                text,
                windowsVirtualKeyCode = code
            });
            await SendAsync("Input.dispatchKeyEvent", new { type = "keyUp", key, windowsVirtualKeyCode = code });
        }
    }

    /// <summary>Clicks the middle of an element with the mouse.</summary>
    public async Task ClickAsync(string selector)
    {
        await ValueAsync($"document.querySelector('{selector}').scrollIntoView({{ block: 'center' }})");
        var place = await ValueAsync(
            "(({ x, y, width, height }) => [x + width / 2, y + height / 2])"
                + $"(document.querySelector('{selector}').getBoundingClientRect())");
        foreach (var type in new[] { "mousePressed", "mouseReleased" })
            await SendAsync(
                "Input.dispatchMouseEvent",
                new { type, x = place[0].GetDouble(), y = place[1].GetDouble(), button = "left", clickCount = 1 });
    }

    /// <summary>How wide the window is, and which colours its user prefers.</summary>
    public async Task AppearAsync(int width, string colours)
    {
        await SendAsync("Emulation.setDeviceMetricsOverride", new { width, height = 900, deviceScaleFactor = 1, mobile = false });
        await SendAsync(
            "Emulation.setEmulatedMedia", new { features = new[] { new { name = "prefers-color-scheme", value = colours } } });
    }

    public async ValueTask DisposeAsync()
    {
        _page.Dispose();
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
        for (var attempt = 0; Directory.Exists(_profile) && attempt < 20; attempt++)
        {
            try
            {
                Directory.Delete(_profile, recursive: true);
            }
            catch (IOException)
            {
                await Task.Delay(100);   // its children are still ending
            }
        }
    }

    private async Task ConnectAsync()
    {
        var portFile = Path.Combine(_profile, "DevToolsActivePort");
        var waited = Stopwatch.StartNew();
        while (!File.Exists(portFile) || (await File.ReadAllLinesAsync(portFile)).Length < 2)
        {
            Assert.True(waited.Elapsed < _patience && !_process.HasExited, "Chromium did not start");
            await Task.Delay(50);
        }

        using var http = new HttpClient();
        var targets = JsonNode.Parse(
            await http.GetStringAsync($"http://127.0.0.1:{(await File.ReadAllLinesAsync(portFile))[0]}/json/list"))!.AsArray();
        await _page.ConnectAsync(
            new Uri((string)targets.First(target => (string?)target!["type"] == "page")!["webSocketDebuggerUrl"]!),
            CancellationToken.None);
        foreach (var domain in new[] { "Page", "Runtime", "Network", "Log" })
            await SendAsync($"{domain}.enable");
        await SendAsync("Emulation.setFocusEmulationEnabled", new { enabled = true });   // as the window that a person types into
    }

    private async Task<JsonElement> ReceiveAsync(CancellationToken cancel)
    {
        using var message = new MemoryStream();
        var buffer = new byte[1 << 16];
        WebSocketReceiveResult part;
        do
        {
            part = await _page.ReceiveAsync(buffer, cancel);
            message.Write(buffer, 0, part.Count);
        }
        while (!part.EndOfMessage);
        return JsonSerializer.Deserialize<JsonElement>(Encoding.UTF8.GetString(message.ToArray()));
    }

    private void Note(JsonElement message)
    {
        var parameters = message.GetProperty("params");
        switch (message.GetProperty("method").GetString())
        {
            case "Network.requestWillBeSent":
                Requested.Add(parameters.GetProperty("request").GetProperty("url").GetString()!);
                break;
            case "Runtime.exceptionThrown":
                Complaints.Add(parameters.ToString());
                break;
            case "Log.entryAdded"
                when parameters.GetProperty("entry") is var entry && entry.GetProperty("level").GetString() == "error":
                Complaints.Add(entry.ToString());
                break;
        }
    }
}
