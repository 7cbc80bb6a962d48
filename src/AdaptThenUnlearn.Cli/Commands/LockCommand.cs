using System.CommandLine;
using System.Text.Json;
using AdaptThenUnlearn.Cli.Timestamps;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Locking;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary><c>atu lock</c>: fixes a policy before anything is measured under it. It needs no libtorch.</summary>
public sealed class LockCommand(Terminal terminal)
{
    private readonly Argument<FileInfo> _policy = new("POLICY") { Description = "A policy file" };
    private readonly Option<bool> _replace = new("--replace")
    {
        Description = "Replace a lock of another policy text, or one that has a time stamp already",
    };

    private readonly Option<string> _authority = new("--timestamp")
    {
        Description = "Address of a time-stamp authority (RFC 3161) that signs when the policy was there",
        HelpName = "url",
    };

    private readonly Option<FileInfo> _request = new("--timestamp-request")
    {
        Description = "Only write the request for an authority to this file; there is no lock yet",
    };

    private readonly Option<FileInfo> _response = new("--timestamp-response")
    {
        Description = "The authority's response to that request; its time stamp goes into the lock",
    };

    /// <summary>Builds the command.</summary>
    public Command Build()
    {
        var command = new Command(
            "lock",
            $"Fix a policy and its evaluation seeds before anything is measured: writes POLICY{PolicyLock.FileEnding} beside it")
        {
            _policy, _replace, _authority, _request, _response, OutputFiles.Overwrite, Terminal.Json,
        };
        command.SetGuardedAction(terminal, Run);
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        var (request, response) = (parsed.GetValue(_request)?.FullName, parsed.GetValue(_response)?.FullName);
        var authority = FindAuthority(parsed.GetValue(_authority));
        if (new object?[] { authority, request, response }.Count(given => given is not null) > 1)
            throw new BadArgumentException("give only one of --timestamp, --timestamp-request and --timestamp-response");

        var policy = PolicyFile.Read(parsed.GetRequiredValue(_policy).ToString(), [], terminal);
        if (policy.Result.Policy is null)
            return ExitCodes.BadPolicy;
        foreach (var warning in FindUnpinned(policy))
            terminal.WriteDiagnostic(warning);

        try
        {
            if (request is not null)
                return WriteRequest(parsed, policy, request);

            var token = authority is not null ? new TimestampAuthority(authority).Stamp(policy.EffectiveSha256, cancel)
                : response is not null ? ReadResponse(policy, response)
                : null;
            return Lock(policy, token, parsed.GetValue(_replace), parsed.GetValue(OutputFiles.Overwrite));
        }
        catch (TimestampException unstamped)
        {
            throw new DiagnosticException(
                new BuildMessage(Severity.Error, RunCodes.Timestamp, $"{unstamped.Message}; nothing was written", response),
                ExitCodes.NotFinished, unstamped);
        }
    }

    private static Uri? FindAuthority(string? address) =>
        address is null ? null
        : Uri.TryCreate(address, UriKind.Absolute, out var found) && found.Scheme is "http" or "https" ? found
        : throw new BadArgumentException(
            $"--timestamp is '{address}'; it must be an address that begins with http:// or https://");

    private static int WriteRequest(ParseResult parsed, PolicyFile policy, string target)
    {
        OutputFiles.Require(
            parsed, [target], [("policy", policy.Path), ("lock", PolicyLock.PathFor(policy.Path))], _ => false);
        AtomicFile.Write(target, TimestampToken.CreateRequest(policy.EffectiveSha256).Encode());
        Terminal.WriteResultLine(
            $"{target}: a request to stamp {policy.Policy.Name} ({policy.EffectiveSha256}); nothing is locked yet");
        WriteJson(policy, made: null, stamped: null, written: false, request: target);
        return ExitCodes.Passed;
    }

    private static byte[] ReadResponse(PolicyFile policy, string path)
    {
        try
        {
            return TimestampToken.FindIn(
                TimestampToken.CreateRequest(policy.EffectiveSha256), RegularFile.ReadAllBytes(path, PolicyLockText.MaxBytes));
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            throw new BadArgumentException($"--timestamp-response: {path} cannot be read: {unreadable.Message}");
        }
    }

    private int Lock(PolicyFile policy, byte[]? token, bool replace, bool overwrite)
    {
        var stamped = token is null ? null : TimestampToken.Verify(token, policy.EffectiveSha256);
        var target = PolicyLock.PathFor(policy.Path);
        if (replace && !overwrite && Path.Exists(target) && !IsLock(target))
            throw new BadArgumentException(
                $"{target} is not a lock; nothing was written: move the file away, or add --overwrite to replace it");
        var earlier = replace ? null : FindEarlier(policy, target, token is not null);
        if (earlier is not null && token is null)
        {
            terminal.WriteStatus($"{target}: the policy is locked already, and has not changed since; nothing was written");
            return Finish(earlier.Lock, earlier.Stamped, written: false);
        }

        // A stamp for a lock that is there leaves its time.
        var made = (earlier?.Lock ?? new PolicyLock(
            PolicyLock.CurrentSchemaVersion, policy.Policy.Name, policy.EffectiveSha256, Now(), Machine.ToolVersion)) with
        {
            TimestampToken = token is null ? null : Convert.ToBase64String(token),
        };
        AtomicFile.Write(target, PolicyLockText.Write(made));
        return Finish(made, stamped?.Time, written: true);

        int Finish(PolicyLock done, DateTimeOffset? time, bool written)
        {
            var stamp = time is null ? "" : $", time-stamped {PolicyLocks.Utc(time.Value)}"
                + (stamped is null ? "" : $" by {stamped.Signer}");
            Terminal.WriteResultLine(
                $"{policy.Policy.Name}: locked since {PolicyLocks.Utc(done.Time)}{stamp}, digest {done.PolicySha256}: {target}");
            WriteJson(policy, done, time, written, request: null);
            return ExitCodes.Passed;
        }
    }

    private static bool IsLock(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(RegularFile.ReadAllText(path, PolicyLockText.MaxBytes));
            return PolicyLockText.LooksLikeOne(document.RootElement);
        }
        catch (Exception other) when (other is JsonException or IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    // To the second: that is what the file shows, and it is not later than now.
    private static DateTimeOffset Now()
    {
        var now = TimeProvider.System.GetUtcNow();
        return now.AddTicks(-(now.Ticks % TimeSpan.TicksPerSecond));
    }

    // The lock that is there, where it stays: it is of this policy, and a new stamp has room in it.
    private static FoundLock? FindEarlier(PolicyFile policy, string target, bool stamps)
    {
        if (!Path.Exists(target))
            return null;

        var earlier = PolicyLocks.Read(target);
        var inTheWay = earlier.Lock.PolicySha256 != policy.EffectiveSha256
            ? $"is a lock of another text of the policy ({earlier.Lock.PolicySha256}, and this is {policy.EffectiveSha256})"
            : stamps && earlier.Stamped is not null ? $"has a time stamp of {PolicyLocks.Utc(earlier.Stamped.Value)}"
            : null;
        return inTheWay is null
            ? earlier
            : throw new BadArgumentException(
                $"{target} {inTheWay}; nothing was written: add --replace to lock the policy as it is now");
    }

    // A lock fixes what the policy says. What a file without a pin holds is not said there.
    private static IEnumerable<BuildMessage> FindUnpinned(PolicyFile policy)
    {
        var paths = policy.Policy.Classifiers.SelectMany(named => ClassifierFile.ListAll(named.Key, named.Value))
            .Where(file => file.Sha256 is null).Select(file => file.Property).ToList();
        if (policy.Policy.Quality is { ExtractorWeights: not null, ExtractorSha256: null })
            paths.Add("$.quality.extractorWeights");
        paths.AddRange((policy.Policy.Generator.ShippedAs ?? []).Index().Where(form => form.Item.Sha256 is null)
            .Select(form => FormattableString.Invariant($"$.generator.shippedAs[{form.Index}]")));
        return paths.Select(path => policy.CreateWarning(
            path, PolicyCodes.UnpinnedInLock,
            "is not pinned by SHA-256, so the lock does not fix what the file holds: pin it before you lock the policy"));
    }

    private static void WriteJson(PolicyFile policy, PolicyLock? made, DateTimeOffset? stamped, bool written, string? request) =>
        Terminal.WriteJson(new
        {
            policy = policy.Policy.Name,
            file = made is null ? null : Path.GetFullPath(PolicyLock.PathFor(policy.Path)),
            policySha256 = policy.EffectiveSha256,
            time = made?.Time,
            stamped,
            written,
            request,
        });
}
