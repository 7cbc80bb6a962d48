using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Tests.Files;
using AdaptThenUnlearn.Torch.Tests.Features;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>Whatever lies where a file is expected, every command answers; and none outlives Ctrl-C for long.</summary>
public sealed class HangingTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    [Theory]
    [InlineData("\"generator.safetensors\"")]
    [InlineData("\"annotator.safetensors\"")]
    [InlineData("\"reference.safetensors\"")]
    public void Govern_InputIsAPipeOrADevice_SaysSo(string input)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "devices and pipes go by other names there");
        foreach (var path in new[] { "/dev/zero", Pipe() })
        {
            var policy = house.Policy("piped", edit: (input, $"\"{path}\""));

            var (checkedCode, _, _) = Atu.RunProcess("policy", "check", policy);
            var (exitCode, _, errors) = Atu.RunProcess("govern", policy, "--out", house.At("piped-out"), "--threads", "1");

            Assert.Equal(0, checkedCode);
            Assert.Equal(3, exitCode);
            Assert.Matches("error ATU200[12]: ", errors);
        }
    }

    [Fact]
    public void Policy_IsAPipeOrADevice_SaysSo()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "devices and pipes go by other names there");
        foreach (var path in new[] { "/dev/zero", Pipe() })
            foreach (var command in new[] { new[] { "policy", "check", path }, ["govern", path, "--out", house.At("none")] })
            {
                var (exitCode, _, errors) = Atu.RunProcess(command);

                Assert.Equal(2, exitCode);
                Assert.Contains("error ATU2000: the policy cannot be read", errors, StringComparison.Ordinal);
            }
    }

    [Fact]
    public void Record_IsAPipeOrTooLong_SaysSo()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "pipes go by other names there");
        using (var file = File.Create(house.At("long.json")))
            file.SetLength(800 << 20);
        foreach (var path in new[] { Pipe(), house.At("long.json") })
            foreach (var command in new[] { "verify", "report" })
            {
                var (exitCode, _, errors) = Atu.RunProcess(command, path);

                Assert.Equal(3, exitCode);
                Assert.Contains("error ATU2009", errors, StringComparison.Ordinal);
            }
    }

    [Fact]
    public void Record_NamesADevice_VerifyAndGovernAnswer()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "devices go by other names there");
        var policy = house.Policy("device", "\"maxRate\": 0.9");
        string[] govern = ["govern", policy, "--out", house.At("device-out"), "--threads", "1"];
        Assert.Equal(0, Atu.RunProcess(govern).ExitCode);
        var path = house.At("device-out/device/run.json");
        var record = RunRecordFile.Read(path);
        RunRecordFile.Write(
            path, record with { Outputs = [.. record.Outputs, new OutputFile("x", "/dev/zero", new string('0', 64))] });

        var (exitCode, _, errors) = Atu.RunProcess("verify", path);

        Assert.Equal(1, exitCode);
        Assert.Contains("x /dev/zero does not lie in the run's folder", errors, StringComparison.Ordinal);
        Assert.Equal(0, Atu.RunProcess(govern).ExitCode);   // it is run again
        Assert.Equal(record.Outputs.Count, RunRecordFile.Read(path).Outputs.Count);
    }

    // A long file, for the digest alone takes a while; no byte of it is on the disk.
    [Fact]
    public void Verify_CtrlCWhileHashing_EndsSoon()
    {
        Signals.SkipWithoutInterrupt();
        var policy = house.Policy("hashed", "\"maxRate\": 0.9");
        Assert.Equal(0, Atu.RunProcess("govern", policy, "--out", house.At("hashed-out"), "--threads", "1").ExitCode);
        using (var file = File.Create(house.At("hashed-out/hashed/hashed.safetensors")))
            file.SetLength(1L << 40);
        using var atu = Atu.Start("verify", house.At("hashed-out/hashed/run.json"));
        AwaitWork(atu, seconds: 3);

        atu.Interrupt();
        var (exitCode, _, errors) = atu.Finish();

        Assert.Equal(130, exitCode);
        Assert.Contains("cancelled; finished work is kept", errors, StringComparison.Ordinal);
        Assert.DoesNotContain("was terminated", errors, StringComparison.Ordinal);   // as after ten seconds
    }

    [Fact]
    public void Govern_EndlessProgramAndCtrlC_EndsWith130()
    {
        Signals.SkipWithoutInterrupt();
        ScriptedProgram.Write(house.At("endless.pt"), """
              def forward(self: __torch__.Program, z: Tensor) -> Tensor:
                x = z
                go = True
                while go:
                  x = torch.mul(x, 1.)
                  go = True
                return x
            """);
        var policy = house.Policy(
            "endless", edit: ("\"generator.safetensors\"", "\"endless.pt\", \"format\": \"torchscript\", \"latentSize\": 8"));
        using var atu = Atu.Start("govern", policy, "--out", house.At("endless-out"), "--threads", "1");
        while (!atu.HasExited && !Directory.Exists(house.At("endless-out/endless")))
            Thread.Sleep(50);
        AwaitWork(atu, seconds: 4);

        atu.Interrupt();
        var (exitCode, _, errors) = atu.Finish();

        Assert.Equal(130, exitCode);
        Assert.Contains("was terminated", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Output_FullDisk_IsADocumentedError()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "/dev/full is Linux's");
        var start = new System.Diagnostics.ProcessStartInfo(
            "/bin/sh",
            [
                "-c",
                $"exec dotnet '{Path.Combine(AppContext.BaseDirectory, "atu.dll")}' inspect "
                    + $"'{house.At("generator.safetensors")}' > /dev/full"
            ])
        {
            RedirectStandardError = true
        };
        using var process = System.Diagnostics.Process.Start(start)!;
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();

        Assert.Equal(3, process.ExitCode);
        Assert.Contains("error ATU2014", errors, StringComparison.Ordinal);
    }

    // A command that never ends by itself computes all the time; on a busy machine it needs longer to come that far.
    private static void AwaitWork(Atu atu, double seconds)
    {
        var before = atu.ProcessorTime;
        while (!atu.HasExited && atu.ProcessorTime - before < TimeSpan.FromSeconds(seconds))
            Thread.Sleep(50);
        Assert.False(atu.HasExited);
    }

    private string Pipe()
    {
        var path = house.At($"pipe-{Guid.NewGuid():N}");
        FilesOnDisk.Fifo(path);
        return path;
    }
}
