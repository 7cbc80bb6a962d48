using System.ComponentModel;
using System.Diagnostics;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>A time-stamp authority on this machine: <c>openssl ts</c> answers requests (RFC 3161).</summary>
internal sealed class OpenSslAuthority
{
    private readonly string _folder;
    private readonly string _name;

    /// <summary>Makes its key and certificate; skips the test where there is no openssl.</summary>
    public OpenSslAuthority(string folder, string name)
    {
        (_folder, _name) = (folder, name);
        File.WriteAllText(At("cnf"), $"""
            [tsa]
            default_tsa = one
            [one]
            serial = {At("serial").Replace('\\', '/')}
            default_policy = 1.2.3.4.1
            digests = sha256
            signer_digest = sha256
            ess_cert_id_alg = sha256
            """);
        Run(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", $"/CN={name}", "-addext", "extendedKeyUsage=critical,timeStamping", "-keyout", At("key"),
            "-out", Certificate);
    }

    /// <summary>Its certificate, in PEM.</summary>
    public string Certificate => At("pem");

    /// <summary>Answers a request; both are files in DER.</summary>
    public string Answer(string request)
    {
        Run(
            "ts", "-reply", "-config", At("cnf"), "-queryfile", request, "-signer", Certificate, "-inkey", At("key"),
            "-out", At("tsr"));
        return At("tsr");
    }

    /// <summary>What openssl says of a request or a response.</summary>
    public static string Describe(string kind, string file) => Run("ts", kind, "-in", file, "-text");

    private string At(string ending) => Path.Combine(_folder, $"{_name}.{ending}");

    private static string Run(params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo("openssl", arguments)
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            var errors = process.StandardError.ReadToEndAsync();
            var output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            Assert.True(process.ExitCode == 0, $"openssl {string.Join(' ', arguments)}: {errors.GetAwaiter().GetResult()}");
            return output;
        }
        catch (Win32Exception)
        {
            Assert.Skip("openssl is not installed, so there is no time-stamp authority here");
            throw;
        }
    }
}
