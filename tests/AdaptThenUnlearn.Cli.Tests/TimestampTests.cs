using System.Net;
using AdaptThenUnlearn.Locking;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>Time stamps of locks, signed by OpenSSL: got over HTTP or by file, kept in the lock, checked by verify.</summary>
public sealed class TimestampTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    private readonly string _folder = Directory.CreateDirectory(house.At(Path.GetRandomFileName())).FullName;

    [Fact]
    public void Lock_StampedByFile_IsHeldAgainstTheAuthority()
    {
        var (honest, other) = (new OpenSslAuthority(_folder, "honest"), new OpenSslAuthority(_folder, "other"));
        var policy = house.Policy("stamped", "\"maxRate\": 0.9");
        var request = Path.Combine(_folder, "request.tsq");

        // The request asks for a stamp of the policy's digest; there is no lock yet.
        Assert.Equal(0, Atu.Run("lock", policy, "--timestamp-request", request).ExitCode);
        Assert.False(File.Exists(PolicyLock.PathFor(policy)));
        var described = OpenSslAuthority.Describe("-query", request);
        Assert.Contains("Hash Algorithm: sha256", described, StringComparison.Ordinal);

        // The response becomes part of the lock, whose digest the request has.
        var response = honest.Answer(request);
        var (exitCode, output, errors) = Atu.Run("lock", policy, "--timestamp-response", response);
        Assert.True(exitCode == 0, errors);
        Assert.Contains("time-stamped", output, StringComparison.Ordinal);
        var locked = PolicyLockText.Parse(File.ReadAllText(PolicyLock.PathFor(policy)), out _)!;
        Assert.Contains(
            string.Join(' ', locked.PolicySha256[..8].Chunk(2).Select(pair => new string(pair))),
            described, StringComparison.Ordinal);

        // Verify believes the authority that it is told to believe, and no other.
        var record = Govern(policy, "stamped");
        Assert.Equal(0, Verify(record).ExitCode);
        Assert.Contains("by CN=honest; add --timestamp-authority", Verify(record).Errors, StringComparison.Ordinal);
        Assert.Equal(0, Verify(record, "--timestamp-authority", honest.Certificate).ExitCode);
        var (refused, _, why) = Verify(record, "--timestamp-authority", other.Certificate);
        Assert.Equal(1, refused);
        Assert.Contains("error ATU3003: the time-stamp token was signed by CN=honest, for", why, StringComparison.Ordinal);
        Assert.NotNull(RunRecordFile.Read(record).Lock!.Stamped);
    }

    [Fact]
    public void Lock_ResponseForAnotherPolicy_WritesNothing()
    {
        var authority = new OpenSslAuthority(_folder, "authority");
        var request = Path.Combine(_folder, "request.tsq");
        Assert.Equal(0, Atu.Run("lock", house.Policy("asked"), "--timestamp-request", request).ExitCode);
        var other = house.Policy("answered");

        var (exitCode, _, errors) = Atu.Run("lock", other, "--timestamp-response", authority.Answer(request));

        Assert.Equal(3, exitCode);
        Assert.Contains("error ATU2016: ", errors, StringComparison.Ordinal);
        Assert.Contains("the response of the time-stamp authority does not stamp", errors, StringComparison.Ordinal);
        Assert.False(File.Exists(PolicyLock.PathFor(other)));
    }

    [Fact]
    public void Govern_TokenOfAnotherPolicyInTheLock_IsRefused()
    {
        var authority = new OpenSslAuthority(_folder, "authority");
        var (honest, forged) = (house.Policy("honest"), house.Policy("forged"));
        var request = Path.Combine(_folder, "request.tsq");
        Assert.Equal(0, Atu.Run("lock", honest, "--timestamp-request", request).ExitCode);
        Assert.Equal(0, Atu.Run("lock", honest, "--timestamp-response", authority.Answer(request)).ExitCode);
        Assert.Equal(0, Atu.Run("lock", forged).ExitCode);
        var (of, to) = (PolicyLock.PathFor(honest), PolicyLock.PathFor(forged));
        var token = PolicyLockText.Parse(File.ReadAllText(of), out _)!.TimestampToken;
        File.WriteAllText(
            to, PolicyLockText.Write(PolicyLockText.Parse(File.ReadAllText(to), out _)! with { TimestampToken = token }));

        var (exitCode, _, errors) = Atu.Run("policy", "check", forged);

        Assert.Equal(2, exitCode);
        Assert.Contains("error ATU1132: the lock does not hold: the time-stamp token", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Lock_AuthorityOverHttp_PutsItsTokenIntoALockThatIsThere()
    {
        var authority = new OpenSslAuthority(_folder, "server");
        var policy = house.Policy("online");
        Assert.Equal(0, Atu.Run("lock", policy).ExitCode);
        var before = PolicyLockText.Parse(await File.ReadAllTextAsync(PolicyLock.PathFor(policy)), out _)!;
        using var server = new HttpListener();
        var address = $"http://localhost:{Random.Shared.Next(20_000, 60_000)}/";
        server.Prefixes.Add(address);
        server.Start();
        using var atu = Atu.Start("lock", policy, "--timestamp", address);

        // Answer as an authority does.
        var context = await server.GetContextAsync();
        Assert.Equal("application/timestamp-query", context.Request.ContentType);
        var query = Path.Combine(_folder, "query.tsq");
        await using (var file = File.Create(query))
            await context.Request.InputStream.CopyToAsync(file);
        await context.Response.OutputStream.WriteAsync(await File.ReadAllBytesAsync(authority.Answer(query)));
        context.Response.Close();

        var (exitCode, output, errors) = atu.Finish();
        Assert.True(exitCode == 0, errors);
        Assert.Contains("by CN=server", output, StringComparison.Ordinal);
        var after = PolicyLockText.Parse(await File.ReadAllTextAsync(PolicyLock.PathFor(policy)), out _)!;
        Assert.Equal(before, after with { TimestampToken = null });
        Assert.NotNull(after.TimestampToken);
    }

    [Fact]
    public void Lock_AuthorityThatIsNotThere_WritesNothing()
    {
        var policy = house.Policy("unreachable");

        var (exitCode, _, errors) = Atu.Run("lock", policy, "--timestamp", "http://localhost:1/");

        Assert.Equal(3, exitCode);
        Assert.Contains("the time-stamp authority http://localhost:1/ cannot be reached", errors, StringComparison.Ordinal);
        Assert.False(File.Exists(PolicyLock.PathFor(policy)));
    }

    private string Govern(string policy, string name)
    {
        var (exitCode, _, errors) = Atu.Run("govern", policy, "--no-train", "--threads", "1", "--out", house.At("out"));
        Assert.True(exitCode == 0, errors);
        return house.At($"out/{name}/run.json");
    }

    private static (int ExitCode, string Output, string Errors) Verify(string record, params string[] options) =>
        Atu.Run(["verify", record, .. options]);
}
