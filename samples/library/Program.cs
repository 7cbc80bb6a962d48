// Verifies a run without atu and without libtorch, and writes its report for a browser:
//   dotnet run -- POLICY RUN_JSON
// Exit codes are those of atu: 0 passed, 1 failed, 2 wrong policy or arguments, 3 the record cannot be read.
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

if (args is not [var policyPath, var recordPath])
{
    Console.Error.WriteLine("usage: dotnet run -- POLICY RUN_JSON");
    return 2;
}

// List the names that policies may use. Methods and formats belong to other packages, so this one does not know them.
var vocabulary = new PolicyVocabulary(
    Methods: ["adapt-then-unlearn", "fine-tune", "extrapolation", "retrain"],
    Repulsions: ["il2", "nl2", "el2"],
    CheckpointFormats: ["safetensors", "torchscript", "rosinality", "pytorch", "nvidia", "onnx"],
    ReportFormats: [.. ReportFormats.All.Select(format => format.Name)],
    ClassifierArchitectures:
    [
        "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large",
        "efficientnet_b0", "vit_b_16",
    ],
    Attacks:
    [
        "same-latents", "latent-search", "truncation", "mixing", "interpolation", "inversion", "relearning",
    ]);

// Read the policy. The result is a policy, or every error with file, line and column; content never throws.
var read = PolicyReader.Read(File.ReadAllText(policyPath), policyPath, vocabulary, overrides: []);
foreach (var message in read.Errors.Concat(read.Warnings))
    Console.Error.WriteLine(message);
if (read.Policy is null)
    return 2;

// Read the record.
RunRecord record;
try
{
    record = RunRecordFile.Read(recordPath);
}
catch (RunRecordException unreadable)
{
    Console.Error.WriteLine(unreadable.Message);
    return 3;
}

// Verify it: hash every file that it names, and judge its readings again under its policy, with today's waivers.
var folder = Path.GetDirectoryName(Path.GetFullPath(recordPath))!;
var today = DateOnly.FromDateTime(DateTime.UtcNow);
var verification = Verification.VerifyRun(folder, record, vocabulary, today);
List<string> problems = [.. verification.Problems];

// The record brings its own policy. Require that it is the one that was just read.
if (record.PolicySource.EffectiveSha256 != CanonicalJson.Digest(read.Policy))
    problems.Add($"the run was judged by another policy than {policyPath}");

// Print the verdict, rule by rule.
foreach (var finding in verification.Verdict.Findings)
    Console.WriteLine(VerdictText.Describe(finding));
if (problems.Count > 0)
{
    problems.ForEach(Console.Error.WriteLine);
    return 1;
}

Console.WriteLine($"{record.Policy.Name}: {OutcomeText.Describe(verification.Outcome)}");

// Write the report beside the record, where the pictures are that it links to.
var report = new HtmlReport();
var reportPath = Path.Combine(folder, report.FileName);
AtomicFile.Write(reportPath, report.Render(record));
Console.WriteLine(reportPath);

return verification.Passed ? 0 : 1;
