using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>Who the labelling page is served to, and who not; one real process serves all of these tests.</summary>
public sealed class LabelServerTests(LabelServerTests.Served served) : IClassFixture<LabelServerTests.Served>
{
    [Fact]
    public async Task Get_Page_MayLoadNothingFromElsewhere()
    {
        using var answer = await served.SendAsync(HttpMethod.Get, "");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(IPAddress.Loopback.ToString(), served.Address.Host);
        Assert.Equal(64, served.Address.AbsolutePath.Trim('/').Length);
        Assert.StartsWith(
            "default-src 'none';", Assert.Single(answer.Headers.GetValues("Content-Security-Policy")), StringComparison.Ordinal);
        Assert.Equal("no-store", answer.Headers.CacheControl?.ToString());
        Assert.Equal("no-referrer", Assert.Single(answer.Headers.GetValues("Referrer-Policy")));
        Assert.Equal("nosniff", Assert.Single(answer.Headers.GetValues("X-Content-Type-Options")));
        var page = await answer.Content.ReadAsStringAsync();
        Assert.DoesNotContain("://", page, StringComparison.Ordinal);
        Assert.DoesNotContain("style=", page, StringComparison.Ordinal);
    }

    // Without it, browsers ask for /favicon.ico, which is not served.
    [Fact]
    public async Task Get_IconOfThePage_IsThere()
    {
        var page = await served.Client.GetStringAsync(served.Address);
        var icon = System.Text.RegularExpressions.Regex.Match(page, "rel=\"icon\" href=\"([^\"]+)\"").Groups[1].Value;

        using var answer = await served.SendAsync(HttpMethod.Get, icon);

        Assert.Equal("image/svg+xml", answer.Content.Headers.ContentType?.MediaType);
        Assert.StartsWith("<svg", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    // Two windows that ask for the page after the first get the same one.
    [Fact]
    public async Task Post_Next_ChoosesAPageOnce()
    {
        foreach (var shown in new[] { 12, 12, 0, 20, 20 })
        {
            using var answer = await served.PostAsync("next", JsonContent.Create(new { shown }));
            using var state = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());

            Assert.Equal(
                Enumerable.Range(0, 20),
                state.RootElement.GetProperty("order").EnumerateArray().Select(image => image.GetInt32()).Order());
        }

        using var refused = await served.PostAsync("next", JsonContent.Create(new { more = 1 }));
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/favicon.ico")]
    [InlineData("/{wrong}/")]
    [InlineData("/{wrong}/state")]
    [InlineData("/{token}")]
    [InlineData("//{token}/")]
    [InlineData("/{token}/labels.json")]
    [InlineData("/{token}/images/20.png")]
    [InlineData("/{token}/images/-1.png")]
    [InlineData("/{token}/images/+1.png")]
    [InlineData("/{token}/images/../state")]
    [InlineData("/{token}/../{token}/state")]
    [InlineData("/{token}/..%2f..%2fetc%2fpasswd")]
    [InlineData("/{token}/../../../../etc/passwd")]
    public async Task Get_AnythingElse_FindsNothing(string path)
    {
        var asked = path
            .Replace("{wrong}", new string('0', 64), StringComparison.Ordinal)
            .Replace("{token}", served.Token, StringComparison.Ordinal);
        var answer = await served.RawAsync(
            $"GET {asked} HTTP/1.1\r\nHost: {served.Address.Authority}\r\nConnection: close\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 404", answer, StringComparison.Ordinal);
        Assert.DoesNotContain(served.Token, answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("evil.example")]
    [InlineData("evil.example:{port}")]
    [InlineData("localhost:{port}")]
    [InlineData("127.0.0.1")]
    [InlineData("127.0.0.1.evil.example:{port}")]
    public async Task Get_UnderAnotherName_IsRefused(string host)
    {
        var asked = host.Replace("{port}", $"{served.Address.Port}", StringComparison.Ordinal);
        var answer = await served.RawAsync(
            $"GET /{served.Token}/state HTTP/1.1\r\nHost: {asked}\r\nConnection: close\r\n\r\n");

        Assert.Matches("^HTTP/1.1 40[034]", answer);
        Assert.DoesNotContain("bright", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("PUT")]
    [InlineData("DELETE")]
    [InlineData("OPTIONS")]
    [InlineData("TRACE")]
    public async Task OtherMethods_AreNotAllowed(string method)
    {
        using var answer = await served.SendAsync(new HttpMethod(method), "labels");

        Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.StatusCode);
    }

    [Theory]
    [InlineData(null, null, "application/json", HttpStatusCode.Forbidden)]
    [InlineData("http://evil.example", null, "application/json", HttpStatusCode.Forbidden)]
    [InlineData("null", null, "application/json", HttpStatusCode.Forbidden)]
    [InlineData("{own}", "cross-site", "application/json", HttpStatusCode.Forbidden)]
    [InlineData("{own}", null, "text/plain", HttpStatusCode.UnsupportedMediaType)]
    [InlineData("{own}", "same-origin", "application/json", HttpStatusCode.OK)]
    public async Task Post_FromAnotherPage_IsRefused(string? origin, string? site, string type, HttpStatusCode expected)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(served.Address, "labels"))
        {
            Content = new StringContent("""{"changes":[]}""", new MediaTypeHeaderValue(type))
        };
        if (origin is not null)
            request.Headers.Add("Origin", origin.Replace("{own}", served.Origin, StringComparison.Ordinal));
        if (site is not null)
            request.Headers.Add("Sec-Fetch-Site", site);

        using var answer = await served.Client.SendAsync(request);

        Assert.Equal(expected, answer.StatusCode);
    }

    [Theory]
    [InlineData("""{"changes":[{"image":20,"shows":true}]}""")]
    [InlineData("""{"changes":[{"image":-1,"shows":true}]}""")]
    [InlineData("""{"changes":[{"image":1}]}""")]
    [InlineData("""{"changes":[null]}""")]
    [InlineData("""{"changes":null}""")]
    [InlineData("""{"changes":[],"more":1}""")]
    [InlineData("null")]
    [InlineData("[")]
    [InlineData("")]
    public async Task Post_NoLabels_ChangesNothing(string body)
    {
        var before = await served.StateAsync();

        using var answer =
            await served.PostAsync("labels", new StringContent(body, new MediaTypeHeaderValue("application/json")));

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal(before, await served.StateAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]   // without a stated length
    public async Task Post_MoreThanIsTaken_IsRefused(bool saysLength)
    {
        var content = new ByteArrayContent(new byte[(64 << 10) + 1])
        { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(served.Address, "labels"))
        {
            Content = content,
            Headers = { TransferEncodingChunked = !saysLength }
        };
        request.Headers.Add("Origin", served.Origin);

        using var answer = await served.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
    }

    [Fact]
    public async Task Post_Labels_AreOnTheDiskWhenAnswered()
    {
        using var answer = await served.PostAsync("labels", JsonContent.Create(new
        {
            changes = new[] { new { image = 7, shows = (bool?)true }, new { image = 8, shows = (bool?)null } }
        }));

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        using var sheet = JsonDocument.Parse(await File.ReadAllTextAsync(served.Sheet));
        Assert.True(sheet.RootElement.GetProperty("labels").GetProperty("7").GetBoolean());
        using var refused = await served.PostAsync("train", JsonContent.Create(new { }));
        Assert.Equal(HttpStatusCode.Conflict, refused.StatusCode);
        Assert.Contains("at least 10 of each", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Get_FromAnotherAddressOfThisMachine_IsNotAnswered()
    {
        var other = NetworkInterface
            .GetAllNetworkInterfaces()
            .SelectMany(card => card.GetIPProperties().UnicastAddresses)
            .Select(address => address.Address)
            .FirstOrDefault(address => address.AddressFamily == AddressFamily.InterNetwork && !IPAddress.IsLoopback(address));
        Assert.SkipWhen(other is null, "this machine has no address but the loopback one");
        using var client = new TcpClient();

        await Assert.ThrowsAsync<SocketException>(async () => await client.ConnectAsync(other, served.Address.Port));
    }

    [Fact]
    public async Task Post_DoneWhileTraining_WaitsForTheClassifier()
    {
        using var house = new SmallHouse();
        using var atu = Atu.Start(
            "label", house.At("generator.safetensors"), "--feature", "odd", "--out", house.At("labels"), "--count", "400",
            "--keep-useless", "--threads", "1");
        var address = new Uri(await atu.FirstLine);
        await PostAsync(
            "labels", new { changes = Enumerable.Range(0, 400).Select(image => new { image, shows = (bool?)(image % 3 == 0) }) });
        Assert.Contains("\"training\":{", await PostAsync("train", new { }), StringComparison.Ordinal);

        var state = await PostAsync("done", new { });

        Assert.Contains("\"result\":{", state, StringComparison.Ordinal);
        var (exitCode, output, errors) = atu.Finish();
        Assert.True(exitCode == 0, errors);
        Assert.Contains("held-out error", output, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(house.At("labels"), "odd.safetensors")));

        async Task<string> PostAsync(string path, object content)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(address, path))
            {
                Content = JsonContent.Create(content),
                Headers = { { "Origin", $"http://{address.Authority}" } }
            };
            using var answer = await served.Client.SendAsync(request);
            Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
            return await answer.Content.ReadAsStringAsync();
        }
    }

    [Fact]
    public void Start_PortThatIsTaken_SaysSo()
    {
        var (exitCode, _, errors) = Atu.Run(
            "label", served.House.At("generator.safetensors"), "--feature", "bright",
            "--out", served.House.At("elsewhere"), "--count", "20", "--port", $"{served.Address.Port}");

        Assert.Equal(3, exitCode);
        Assert.Contains("ATU2012: cannot listen on 127.0.0.1:", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Start_FolderInUse_SaysSo()
    {
        var (exitCode, _, errors) = Atu.Run(
            "label", served.House.At("generator.safetensors"), "--feature", "bright", "--out", served.House.At("served"),
            "--count", "20");

        Assert.Equal(3, exitCode);
        Assert.Contains("ATU2003: ", errors, StringComparison.Ordinal);
        Assert.Contains("another `atu label` is using the folder", errors, StringComparison.Ordinal);
    }

    /// <summary>A process that serves twenty images.</summary>
    public sealed class Served : IAsyncLifetime
    {
        private Atu? _atu;

        public SmallHouse House { get; } = new();

        public HttpClient Client { get; } = new();

        public Uri Address { get; private set; } = null!;

        public string Token => Address.AbsolutePath.Trim('/');

        public string Origin => $"http://{Address.Authority}";

        public string Sheet => Path.Combine(House.At("served"), "labels.json");

        public async ValueTask InitializeAsync()
        {
            _atu = Atu.Start(
                "label", House.At("generator.safetensors"), "--feature", "bright", "--out", House.At("served"),
                "--count", "20", "--threads", "1");
            Address = new Uri(await _atu.FirstLine);
        }

        public ValueTask DisposeAsync()
        {
            _atu?.Dispose();
            Client.Dispose();
            House.Dispose();
            return ValueTask.CompletedTask;
        }

        public Task<HttpResponseMessage> SendAsync(HttpMethod method, string path) =>
            Client.SendAsync(new HttpRequestMessage(method, new Uri(Address, path)));

        public Task<HttpResponseMessage> PostAsync(string path, HttpContent content) =>
            Client.SendAsync(new HttpRequestMessage(
                HttpMethod.Post, new Uri(Address, path))
            { Content = content, Headers = { { "Origin", Origin } } });

        public Task<string> StateAsync() => Client.GetStringAsync(new Uri(Address, "state"));

        /// <summary>Sends text as it is, which an orderly client would put right first.</summary>
        public async Task<string> RawAsync(string request)
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, Address.Port);
            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(request));
            using var reader = new StreamReader(client.GetStream());
            return await reader.ReadToEndAsync();
        }
    }
}
