using System.Diagnostics;
using System.Globalization;
using AdaptThenUnlearn.Cli.Sharding;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Tests;
using k8s;
using k8s.Models;
using YamlDotNet.RepresentationModel;

namespace AdaptThenUnlearn.Cli.Tests.Sharding;

/// <summary>
/// What <c>atu plan</c> writes: read by the engine's own types where there are any, and run as plain processes, which are killed
/// and tried again.
/// </summary>
public sealed class PlanTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    private const string Odd = "it's $(HOME) \"odd\".json";   // quotes and what shells and Kubernetes would replace
    private static readonly string _atu = Path.Combine(AppContext.BaseDirectory, "atu.dll");

    public static TheoryData<string> Engines => [.. ShardEngines.All.Select(engine => engine.Name)];

    [Fact]
    public void Kubernetes_Manifest_IsOfTheApisTypesAndSafe()
    {
        var (measure, judge) = Jobs(Plan(Policy("manifest"), "kubernetes", "--shards", "7", "--image", "registry/atu:1"));

        Assert.Equal("atu-manifest-measure", measure.Metadata.Name);
        Assert.Equal(("Indexed", 7, 7, 3), (
            measure.Spec.CompletionMode, measure.Spec.Completions, measure.Spec.Parallelism, measure.Spec.BackoffLimitPerIndex));
        Assert.True(judge.Spec.Suspend);
        Assert.All(
            new[] { measure, judge },
            job => Assert.Equal(
                "rm -f /artifacts/manifest/run.json /artifacts/manifest/report.*",
                job.Spec.Template.Spec.InitContainers.Single().Command[^1]));
        var rules = measure.Spec.PodFailurePolicy.Rules;
        Assert.Equal("FailIndex", rules.Single(rule => rule.OnExitCodes?.Values.Contains(ExitCodes.BadPolicy) == true).Action);
        Assert.Equal("Count", rules.Single(rule => rule.OnExitCodes?.Values.Contains(ExitCodes.NotFinished) == true).Action);
        Assert.Equal("Ignore", rules.Single(rule => rule.OnPodConditions?.Count > 0).Action);
        Assert.All(new[] { measure, judge }, job =>
        {
            var (pod, container) = (job.Spec.Template.Spec, job.Spec.Template.Spec.Containers.Single());
            Assert.Equal("Never", pod.RestartPolicy);
            Assert.True(pod.SecurityContext.RunAsNonRoot);
            Assert.True(container.SecurityContext.ReadOnlyRootFilesystem);
            Assert.False(container.SecurityContext.AllowPrivilegeEscalation);
            Assert.True(container.VolumeMounts.Single(mount => mount.MountPath == "/work").ReadOnlyProperty);
            Assert.All(
                job.Spec.PodFailurePolicy.Rules.Where(rule => rule.OnExitCodes is not null),
                rule => Assert.Equal(container.Name, rule.OnExitCodes.ContainerName));
            Assert.All(container.VolumeMounts, mount => Assert.Contains(pod.Volumes, volume => volume.Name == mount.Name));
        });
    }

    [Theory]
    [InlineData("a", "atu-a-measure")]
    [InlineData("0123456789012345678901234567890123456789012345", "atu-012345678901234567890123456789012345-")]
    [InlineData("-a-", "atu-a-")]
    [InlineData("--", "atu-")]
    public void Kubernetes_AnyPolicy_HasNamesOfPods(string policy, string beginning)
    {
        var (measure, judge) = Jobs(new KubernetesEngine().Write(
            new ShardPlan("p.json", policy, 10_000, "cpu", 1, 1) { Image = "atu" }));

        Assert.StartsWith(beginning, measure.Metadata.Name, StringComparison.Ordinal);
        Assert.All([$"{measure.Metadata.Name}-9999", judge.Metadata.Name], name =>
        {
            Assert.Matches("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", name);
            Assert.InRange(name.Length, 1, 63);
        });
    }

    // The manifest's containers as processes, with folders in place of the mounts. Each is killed once at a random time.
    [Fact]
    public void Kubernetes_ContainersKilledAndTriedAgain_GiveTheVerdictOfOneProcess()
    {
        var (measure, judge) = Jobs(Plan(Policy("podded"), "kubernetes", "--shards", "3", "--image", "atu"));
        var random = new Random(11);
        for (var index = 0; index < measure.Spec.Completions; index++)
        {
            using (var pod = Start(measure, index))
            {
                Thread.Sleep(random.Next(100, 1500));
                pod.Kill();
                pod.WaitForExit();
            }

            using var again = Start(measure, index);
            again.WaitForExit();
            Assert.Equal(0, again.ExitCode);
        }

        using var judging = Start(judge, index: null);
        judging.WaitForExit();

        IsVerdictOfOneProcess("podded", "mounts/artifacts", judging.ExitCode);
    }

    // The steps of the jobs as Bash scripts; the variables are those of the engine.
    [Theory]
    [InlineData("github")]
    [InlineData("gitlab")]
    public void Pipeline_ScriptsOfItsJobs_GiveTheVerdictOfOneProcess(string engine)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the scripts are for Bash");
        var policy = Policy($"of-{engine}");
        var yaml = Parse(Plan(policy, engine, "--shards", "2", "--command", $"dotnet '{_atu}'"));
        var (measure, judge) = engine == "github"
            ? (Step(yaml["jobs"]["measure"], "Measure a part"), Step(yaml["jobs"]["judge"], "Judge the whole"))
            : (Script(yaml["measure-of-gitlab"]), Script(yaml["judge-of-gitlab"]));

        for (var part = 1; part <= 2; part++)
        {
            var checkout = CheckOut($"{engine}-{part}");
            Directory.CreateDirectory(Path.Combine(checkout, "parts", $"of-{engine}"));
            File.WriteAllText(Path.Combine(checkout, "parts", $"of-{engine}", "checked-in.1-of-2.safetensors"), "");
            Assert.Equal(0, Bash(checkout, measure, engine == "github"
                ? new() { ["ATU_SHARD"] = $"{part}/2" }
                : new() { ["CI_NODE_INDEX"] = $"{part}", ["CI_NODE_TOTAL"] = "2" }));
            Bring(checkout, $"parts/of-{engine}");
        }

        var exitCode = Bash(house.Folder, judge, []);

        IsVerdictOfOneProcess($"of-{engine}", "artifacts", exitCode);

        static string Step(YamlNode job, string name) => ((YamlSequenceNode)job["steps"]).Cast<YamlMappingNode>()
            .Single(step => step.Children.TryGetValue("name", out var found) && found.ToString() == name)["run"].ToString();

        static string Script(YamlNode job) =>
            string.Join('\n', ((YamlSequenceNode)job["script"]).Select(line => line.ToString()));
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void Plan_OddPathsAndValues_ReachAtuAsTheyAre(string engine)
    {
        File.Copy(Policy("odd"), house.At(Odd), overwrite: true);
        string[] image = engine == "kubernetes" ? ["--image", "atu"] : ["--command", "show"];
        var text = Plan(Odd, engine, ["--shards", "2", "--set", "owner=\"$HOME's `id` ${x}\"", .. image]);

        IReadOnlyList<string> arguments;
        if (engine == "kubernetes")
            arguments = [.. Jobs(text).Measure.Spec.Template.Spec.Containers[0].Args.Select(Expanded)];
        else
            arguments = Shown(text);

        Assert.Contains(Odd, arguments);
        Assert.Contains("owner=\"$HOME's `id` ${x}\"", arguments);

        // As Kubernetes does where a variable HOME is set.
        static string Expanded(string text) => text.Replace("$$", "\u0001", StringComparison.Ordinal)
            .Replace("$(HOME)", "/tmp", StringComparison.Ordinal).Replace('\u0001', '$');
    }

    [Theory]
    [InlineData("--for nomad --shards 2", "--for nomad: there is no such engine; name github, slurm, kubernetes, gitlab")]
    [InlineData("--for slurm --shards 0", "--shards 0 must be from 1 to 1000 for Slurm")]
    [InlineData("--for github --shards 257", "--shards 257 must be from 1 to 256 for GitHub Actions")]
    [InlineData("--for gitlab --shards 201", "--shards 201 must be from 1 to 200 for GitLab")]
    [InlineData("--for kubernetes --shards 2", "--for kubernetes needs --image")]
    [InlineData("--for slurm --shards 2 --threads 0", "--threads 0 must be from 1 to 1024")]
    [InlineData("--for slurm --shards 2 --memory 0", "--memory 0 must be from 1 to")]
    [InlineData("--for slurm --shards 2 --device auto", "--device auto: name cpu, cuda or cuda:n")]
    [InlineData("--for github --shards 2 --image atu", "--image is for kubernetes and gitlab")]
    [InlineData("--for github --shards 2 --set owner=${{x}}", "has ${{, which GitHub Actions would replace")]
    [InlineData("--for slurm --shards 2 --image atu", "--image is for kubernetes and gitlab")]
    [InlineData("--for kubernetes --shards 2 --image atu --command atu", "--command is not for kubernetes")]
    [InlineData("--for slurm --shards 2 --device cuda:1", "gives each process one GPU, which is its first")]
    [InlineData("--for slurm --shards 2 --command p\u2028x", "has a line break or another control character")]
    [InlineData("--for slurm --shards 2 --command \n", "has a line break or another control character")]
    [InlineData("--for slurm --shards 2 --out plain.json", "plain.json is the policy, which is read and would be lost")]
    [InlineData("--for slurm --shards 2 --out generator.safetensors", "--overwrite")]
    public void Plan_BadArguments_AreErrors(string options, string expected)
    {
        Policy("plain");
        using var atu = Atu.StartIn(house.Folder, ["plan", "plain.json", .. options.Split(' ')]);
        var (exitCode, output, errors) = atu.Finish();

        Assert.True(exitCode == 2 && errors.Contains(expected, StringComparison.Ordinal), $"exit code {exitCode}: {errors}");
        Assert.Equal("", output);
    }

    [Fact]
    public void Plan_PolicyOutsideTheCheckout_IsAnError()
    {
        var policy = Policy("outside");
        Directory.CreateDirectory(house.At("elsewhere"));
        using var atu = Atu.StartIn(house.At("elsewhere"), "plan", policy, "--for", "gitlab", "--shards", "2");
        var (exitCode, _, errors) = atu.Finish();

        Assert.Equal(2, exitCode);
        Assert.Contains("is not below the current folder", errors, StringComparison.Ordinal);
    }

    // ATU_UPDATE_GOLDEN=1 rewrites them.
    [Theory]
    [InlineData("slurm", "measure.sh")]
    [InlineData("kubernetes", "measure.yaml")]
    [InlineData("github", ".github/workflows/measure.yml")]
    [InlineData("gitlab", "measure.gitlab-ci.yml")]
    public void Sample_OfEachEngine_IsWhatTheCommandWrites(string engine, string file)
    {
        var folder = Path.Combine(Repository.Root, "samples", "scale");
        string[] image = engine == "kubernetes" ? ["--image", "registry.example/atu:1.0"] : [];
        using var atu = Atu.StartIn(
            folder, ["plan", "policies/my-policy.json", "--shards", "16", "--for", engine, .. image]);
        var (exitCode, output, errors) = atu.Finish();

        Assert.True(exitCode == 0, errors);
        Golden.Check(file, output, "../samples/scale");
    }

    [Theory]
    [MemberData(nameof(Engines))]
    public void Page_EachEngine_HasItsCommandVariableAndMostParts(string name)
    {
        var (engine, page) = (ShardEngines.Find(name), File.ReadAllText(Path.Combine(Repository.Root, "docs", "scale.md")));

        Assert.Contains($"--for {name}", page, StringComparison.Ordinal);
        Assert.Contains($"`{engine.Variable}`", page, StringComparison.Ordinal);
        Assert.Contains("kubectl delete --ignore-not-found --wait --filename measure.yaml &&", page, StringComparison.Ordinal);
        Assert.Contains(
            string.Create(CultureInfo.InvariantCulture, $"| {engine.Title.Split(' ')[0]} | {engine.MostShards:N0} |"), page,
            StringComparison.Ordinal);
    }

    private static (V1Job Measure, V1Job Judge) Jobs(string text)
    {
        var found = KubernetesYaml.LoadAllFromString(text, strict: true);
        return ((V1Job)found[0], (V1Job)found[1]);
    }

    private static YamlMappingNode Parse(string text)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(text));
        return (YamlMappingNode)stream.Documents.Single().RootNode;
    }

    private string Policy(string name) => house.Policy(name, "\"maxRate\": 0.3");

    private string Plan(string policy, string engine, params string[] options)
    {
        using var atu = Atu.StartIn(house.Folder, ["plan", Path.GetFileName(policy), "--for", engine, .. options]);
        var (exitCode, output, errors) = atu.Finish();
        Assert.True(exitCode == 0, errors);
        return output;
    }

    private Process Start(V1Job job, int? index)
    {
        var container = job.Spec.Template.Spec.Containers.Single();
        foreach (var mount in container.VolumeMounts)
            Directory.CreateDirectory(house.At("mounts" + mount.MountPath));
        var arguments = container.Args.Select(
            argument => argument.StartsWith('/') ? house.At("mounts" + argument) : argument);
        var start = new ProcessStartInfo("dotnet", [_atu, .. arguments])
        {
            WorkingDirectory = house.Folder,
            RedirectStandardOutput = true,   // so that it is not among the results of the tests
            RedirectStandardError = true,
            Environment = { ["OMP_NUM_THREADS"] = "1" },
        };
        foreach (var variable in container.Env.Where(variable => variable.Name != "HOME"))
            start.Environment[variable.Name] = variable.Value;
        if (index is { } given)
            start.Environment["JOB_COMPLETION_INDEX"] = $"{given}";
        var process = Process.Start(start)!;
        _ = process.StandardOutput.ReadToEndAsync();
        _ = process.StandardError.ReadToEndAsync();
        return process;
    }

    private static int Bash(string folder, string script, Dictionary<string, string> variables)
    {
        var start = new ProcessStartInfo("bash", ["-e", "-c", script])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in variables.Append(new("OMP_NUM_THREADS", "1")))
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        _ = process.StandardOutput.ReadToEndAsync();
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode;
    }

    // Each job has a checkout of its own.
    private string CheckOut(string name)
    {
        var folder = Directory.CreateDirectory(house.At(name)).FullName;
        foreach (var file in Directory.EnumerateFiles(house.Folder))
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        return folder;
    }

    // As the engine brings the files of jobs that ended to the next one.
    private void Bring(string checkout, string folder)
    {
        Directory.CreateDirectory(house.At(folder));
        foreach (var file in Directory.EnumerateFiles(Path.Combine(checkout, folder)))
            File.Copy(file, Path.Combine(house.At(folder), Path.GetFileName(file)));
    }

    // The arguments of the measuring command, as Bash gives them to a function of its name.
    private string[] Shown(string text)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the scripts are for Bash");
        var line = text.Split('\n').First(line => line.Contains("show measure", StringComparison.Ordinal));
        if (line.TrimStart().StartsWith("- \"", StringComparison.Ordinal))
            line = ((YamlScalarNode)((YamlSequenceNode)ParseNode(line.Trim()))[0]).Value!;
        line = line[line.IndexOf("show measure", StringComparison.Ordinal)..];
        line = line.Replace(" || code=$?", "", StringComparison.Ordinal);
        Assert.Equal(0, Bash(house.Folder, $"show() {{ printf '%s\\n' \"$@\" > shown; }}\n{line}", []));
        return File.ReadAllLines(house.At("shown"));

        static YamlNode ParseNode(string yaml)
        {
            var stream = new YamlStream();
            stream.Load(new StringReader(yaml));
            return stream.Documents.Single().RootNode;
        }
    }

    private void IsVerdictOfOneProcess(string policy, string output, int exitCode)
    {
        var alone = $"{output}-alone";   // as deep, because the record has relative paths
        using var single = Atu.StartIn(
            house.Folder, "govern", $"{policy}.json", "--no-train", "--threads", "1", "--out", alone, "--device", "cpu");
        Assert.Equal(single.Finish().ExitCode, exitCode);
        Assert.Equal(
            MeasuredPartsTests.WithoutCircumstances(RunRecordFile.Read(house.At($"{alone}/{policy}/run.json"))),
            MeasuredPartsTests.WithoutCircumstances(RunRecordFile.Read(house.At($"{output}/{policy}/run.json"))));
    }
}
