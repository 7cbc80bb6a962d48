using System.CommandLine;
using AdaptThenUnlearn.Attestation;
using AdaptThenUnlearn.Diagnostics;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary>
/// <c>atu verify-model</c>: checks a model's files against their signature, where the model is all that came. It needs no record,
/// no network and no libtorch.
/// </summary>
public sealed class VerifyModelCommand(Terminal terminal)
{
    private readonly Argument<FileInfo> _model = new("MODEL")
    {
        Description = "The model: a file, or a folder with all of its files",
    };

    private readonly Option<FileInfo> _signature = new("--signature")
    {
        Description = "Its signature: a bundle of OpenSSF Model Signing 1.0, such as model.sig",
        Required = true,
    };

    private readonly Option<FileInfo> _key = new("--key")
    {
        Description = "Public key that must have signed it: ECDSA on P-256, P-384 or P-521, in PEM",
    };

    private readonly Option<FileInfo> _certificate = new("--certificate")
    {
        Description = "Trusted certificates in PEM, to one of which the signer's must lead; instead of --key",
    };

    private readonly Option<bool> _more = new("--ignore-unsigned-files")
    {
        Description = "Accept files in the folder that the signature does not list",
    };

    /// <summary>Builds the command.</summary>
    public Command Build()
    {
        var command = new Command(
            "verify-model", "Check a model's files against their signature (OpenSSF Model Signing), offline")
        {
            _model, _signature, _key, _certificate, _more, Terminal.Json,
        };
        command.SetGuardedAction(terminal, Run);
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        var (key, certificate) = (parsed.GetValue(_key)?.FullName, parsed.GetValue(_certificate)?.FullName);
        if (key is null == certificate is null)
            throw new BadArgumentException(
                "name the signer: a public key with --key, or trusted certificates with --certificate");
        var model = Path.TrimEndingDirectorySeparator(parsed.GetRequiredValue(_model).FullName);
        if (!File.Exists(model) && !Directory.Exists(model))
            throw new BadArgumentException($"{model} is not there; name the model's file or folder");

        var path = parsed.GetRequiredValue(_signature).FullName;
        var signature = ModelSignature.Read(path);
        using var signer = FindSigner(signature, key, certificate, out var problem);
        var manifest = signer is null ? null : signature.OpenWith(signer, out problem);
        List<BuildMessage> problems = manifest is null
            ? [Error($"the signature {problem}", path)]
            :
            [
                .. ModelFolder.FindProblems(model, path, manifest, parsed.GetValue(_more), cancel)
                    .Select(each => Error(each, model)),
            ];

        problems.ForEach(terminal.WriteDiagnostic);
        var isValid = problems.Count == 0;
        Terminal.WriteResultLine(
            isValid
                ? $"{model}: {manifest!.Files.Count} signed {(manifest.Files.Count == 1 ? "file fits" : "files fit")}, "
                    + $"signed by key {signer!.Id[..12]}"
                : $"{model}: the signature does not hold");
        Terminal.WriteJson(new
        {
            model,
            signature = path,
            valid = isValid,
            keyId = signer?.Id,
            sha256 = manifest?.RootSha256,
            files = manifest?.Files.Select(file => new { name = file.Name, sha256 = file.Sha256 }),
            problems = problems.Select(JsonParts.Message),
        });
        return isValid ? ExitCodes.Passed : ExitCodes.GateFailed;
    }

    private static SigningKey? FindSigner(ModelSignature signature, string? key, string? certificate, out string? problem)
    {
        problem = null;
        if (key is not null)
            return SigningKey.ReadPublic(key);
        using var trust = CertificateTrust.Read(certificate!);
        return signature.FindSigner(trust, TimeProvider.System.GetUtcNow(), out problem);
    }

    private static BuildMessage Error(string text, string path) => new(Severity.Error, GateCodes.Attestation, text, path);
}
