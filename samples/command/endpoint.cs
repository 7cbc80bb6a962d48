// Fetches images from an HTTP endpoint: dotnet run endpoint.cs -- SEED COUNT OUT
// The endpoint's address is in the environment variable IMAGE_ENDPOINT; it answers a seed with one PNG file.
using System.Globalization;
using System.Text;

var (seed, count, folder) = (
    long.Parse(args[0], CultureInfo.InvariantCulture), int.Parse(args[1], CultureInfo.InvariantCulture), args[2]);
var address = Environment.GetEnvironmentVariable("IMAGE_ENDPOINT")
    ?? throw new InvalidOperationException("IMAGE_ENDPOINT is not set");
using var client = new HttpClient { Timeout = TimeSpan.FromMinutes(2) };
for (var number = 0; number < count; number++)
{
    // Each image has a seed of its own, which follows from that of the call.
    var question = FormattableString.Invariant($"{{ \"seed\": {seed * 10_000 + number} }}");
    using var content = new StringContent(question, Encoding.UTF8, "application/json");
    using var answer = await client.PostAsync(address, content);
    answer.EnsureSuccessStatusCode();
    await File.WriteAllBytesAsync(
        Path.Combine(folder, number.ToString("D6", CultureInfo.InvariantCulture) + ".png"),
        await answer.Content.ReadAsByteArrayAsync());
}
