using System.Text.Json;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Publishing.Admission;
using AdaptThenUnlearn.Publishing.Http;
using AdaptThenUnlearn.Publishing.Hosts;
using AdaptThenUnlearn.Publishing.Targets;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Tests;

namespace AdaptThenUnlearn.Publishing.Tests;

/// <summary>
/// A build for pull request 7, made up: its files, its environment, and a publisher whose waiting takes no time.
/// </summary>
internal sealed class Desk : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-publish-").FullName;

    public Desk(FakeCodeHost host)
    {
        Directory.CreateDirectory(At("policies"));
        Directory.CreateDirectory(At("artifacts/no-eights"));
        File.WriteAllText(At("policies/policy.json"), Records.PolicyText);
        Variables = host.Build(At);
        Event(new
        {
            pull_request = new
            {
                number = 7,
                head = new { sha = FakeGitHub.Head, repo = new { full_name = FakeGitHub.Repository } }
            }
        });
    }

    public Dictionary<string, string> Variables { get; }

    public List<TimeSpan> Waits { get; } = [];

    public List<string> Log { get; } = [];

    public PublishFlags Flags { get; set; } = new();

    /// <summary>What the flag for the kind of host says.</summary>
    public CodeHost? Host { get; set; }

    public string Summary => File.Exists(At("summary.md")) ? File.ReadAllText(At("summary.md")) : "";

    public string At(string name) => Path.Combine(_folder, name);

    public void Event(object content)
    {
        File.WriteAllText(At("event.json"), JsonSerializer.Serialize(content));
    }

    /// <summary>Writes a record where a run would, and reads it as publishing does.</summary>
    public PublishedRun ReadRun(RunRecord? record = null, params IReadOnlyList<TrustedPolicy> trusted)
    {
        var path = At("artifacts/no-eights/run.json");
        RunRecordFile.Write(path, record ?? MakeRecord());
        return new PublishedRunReader(Records.Vocabulary, Records.Today, _folder, trusted, untrusted: false).Read(path);
    }

    /// <summary>A valid run: 20 of 10,000 images, or as many as a test wants.</summary>
    public static RunRecord MakeRecord(long hits = 20, double distance = 36, long nines = 900)
    {
        var after = Records.Measured("b", hits, distance, nines);
        return Records.Run(Gate.Judge(Records.Policy, Records.Before, after, Records.Today)) with
        {
            After = after,
            PolicySource = Records.Run().PolicySource with { File = "../../policies/policy.json" },
        };
    }

    public PublishResult Publish(params PublishedRun[] runs) => PublishAsync(runs).GetAwaiter().GetResult();

    public Task<PublishResult> PublishAsync(params PublishedRun[] runs)
    {
        var clock = new SteppedClock();
        var waiting = new RetryDelay(clock, (wait, _) =>
        {
            Waits.Add(wait);
            clock.Now += wait;
            return Task.CompletedTask;
        });
        var environment = new EnvironmentSnapshot(Variables);
        var context = CiHosts.Describe(environment, Host);
        return new Publisher(context, PublishToken.Find(environment, context.CodeHost), Flags, "0.1.0", waiting, Log.Add)
            .PublishAsync(runs, TestContext.Current.CancellationToken);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private sealed class SteppedClock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
