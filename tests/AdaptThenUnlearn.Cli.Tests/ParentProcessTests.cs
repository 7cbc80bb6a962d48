using System.Diagnostics;
using System.Globalization;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>A command that watches its parent ends with it, and keeps what was done.</summary>
public sealed class ParentProcessTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    private readonly string _endless =
        house.Policy("endless", edit: ("\"steps\": 40, \"recoverySteps\": 10", "\"steps\": 400000, \"recoverySteps\": 10"));

    [Fact]
    public void Govern_ParentKilled_EndsAsCancelled()
    {
        // Any program that waits will do as the parent.
        using var parent = Process.Start(new ProcessStartInfo(
            OperatingSystem.IsWindows() ? "ping" : "sleep",
            OperatingSystem.IsWindows() ? "-n 600 127.0.0.1" : "600")
        { RedirectStandardOutput = true })!;
        using var atu = Start(parent.Id);
        while (!atu.HasExited && !Directory.Exists(Path.Combine(house.At("parent-out"), "endless", "state")))
            Thread.Sleep(5);

        parent.Kill();
        var (exitCode, _, errors) = atu.Finish();

        Assert.Equal(130, exitCode);
        Assert.Contains("--resume", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Govern_ParentGoneBefore_EndsAsCancelled()
    {
        using var parent = Process.Start(new ProcessStartInfo("dotnet", "--version") { RedirectStandardOutput = true })!;
        parent.WaitForExit();

        using var atu = Start(parent.Id);

        Assert.Equal(130, atu.Finish().ExitCode);
    }

    [Fact]
    public void Help_DoesNotShowWhatOnlyProgramsGive() =>
        Assert.DoesNotContain("--parent-process", Atu.Run("govern", "--help").Output, StringComparison.Ordinal);

    private Atu Start(int parent) => Atu.Start(
        "govern", _endless, "--threads", "1", "--out", house.At("parent-out"),
        "--parent-process", parent.ToString(CultureInfo.InvariantCulture));
}
