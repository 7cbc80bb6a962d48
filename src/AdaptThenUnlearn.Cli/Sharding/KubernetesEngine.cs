using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Publishing.Hosts;
using static AdaptThenUnlearn.Cli.Sharding.ShardPlan;

namespace AdaptThenUnlearn.Cli.Sharding;

/// <summary>
/// Kubernetes: an Indexed Job measures, and a suspended Job, to be resumed when the first is complete, judges.
/// </summary>
/// <remarks>
/// By <see href="https://kubernetes.io/docs/concepts/workloads/controllers/job/"/>, for version 1.33 and later.
/// </remarks>
public sealed class KubernetesEngine : IShardEngine
{
    private const string Claim = "atu";
    private const int MostLettersOfName = 45;   // of the 63 of a pod's name: "atu-", "-measure" and an index are the rest
    private const int User = 1654;              // the user without rights of the .NET images
    private const string Locked =
        "{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: [ALL] } }";

    /// <inheritdoc/>
    public string Name => "kubernetes";

    /// <inheritdoc/>
    public string Title => "Kubernetes";

    /// <inheritdoc/>
    public string Variable => "JOB_COMPLETION_INDEX";

    /// <inheritdoc/>
    /// <remarks>A Job with more completions needs limits of its parallelism and of its failed indexes.</remarks>
    public int MostShards => 10_000;

    /// <inheritdoc/>
    public bool HasOwnCheckout => true;

    /// <inheritdoc/>
    public Shard ReadShard(EnvironmentSnapshot environment) => Shard.FromEngine(
        Shard.ReadNumber(environment, Variable) + 1, Shard.ReadNumber(environment, EnvironmentDefaults.ShardsVariable));

    /// <inheritdoc/>
    public string Write(ShardPlan plan)
    {
        if (plan.Image is null)
            throw new BadArgumentException(
                "--for kubernetes needs --image, a container image with atu (docs/packages.md makes one)");

        plan.RequireFirstGpu(this);
        if (plan.Command is not null)
            throw new BadArgumentException("--command is not for kubernetes: the image's own atu is called");

        var name = NameOf(plan.PolicyName);
        var answers = FormattableString.Invariant($"values: [{ExitCodes.GateFailed}, {ExitCodes.BadPolicy}]");
        return FormattableString.Invariant($$$"""
            # {{{plan.Sentence}}}
            # The volume claim '{{{Claim}}}' holds the folder that the policy's path is relative to. More than one node must be
            # able to mount it. In a shell:
            #   kubectl delete --ignore-not-found --wait --filename THIS_FILE &&
            #   kubectl apply --filename THIS_FILE &&
            #   kubectl wait --for=condition=Complete --timeout=24h job/atu-{{{name}}}-measure &&
            #   kubectl patch job/atu-{{{name}}}-judge --patch '{"spec":{"suspend":false}}' &&
            #   kubectl wait --for=condition=Complete --timeout=1h job/atu-{{{name}}}-judge   # succeeds if the verdict is a pass
            # Jobs of an earlier start would be taken for these, so they are deleted first. A part that fails is never complete.
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: atu-{{{name}}}-measure
            spec:
              completionMode: Indexed
              completions: {{{plan.Shards}}}
              parallelism: {{{plan.Shards}}}
              backoffLimitPerIndex: 3
              podFailurePolicy:
                rules:
                  # A node was drained, or the pod had to make room: that is no failure.
                  - action: Ignore
                    onPodConditions:
                      - { type: DisruptionTarget, status: "True" }
                  # The policy or the arguments are wrong: the same would come again.
                  - action: FailIndex
                    onExitCodes: { containerName: atu, operator: In, {{{answers}}} }
                  # It could not finish: again.
                  - action: Count
                    onExitCodes: { containerName: atu, operator: In, values: [{{{ExitCodes.NotFinished}}}] }
            {{{Template(plan, plan.MeasureArguments("/parts/"), [("parts", "/parts")], withShards: true)}}}
            ---
            apiVersion: batch/v1
            kind: Job
            metadata:
              name: atu-{{{name}}}-judge
            spec:
              suspend: true
              backoffLimit: 3
              podFailurePolicy:
                rules:
                  - action: Ignore
                    onPodConditions:
                      - { type: DisruptionTarget, status: "True" }
                  # Judged, and failed; or not all parts are there: the same would come again.
                  - action: FailJob
                    onExitCodes: { containerName: atu, operator: In, {{{answers}}} }
            {{{Template(
                plan, plan.JudgeArguments("/parts/", "/artifacts"), [("parts", "/parts"), ("artifacts", "/artifacts")],
                withShards: false)}}}
            """) + "\n";
    }

    // Everything is read-only but what the process writes.
    private static string Template(
        ShardPlan plan, IReadOnlyList<string> arguments, IReadOnlyList<(string Folder, string Path)> written, bool withShards)
    {
        var quantity = FormattableString.Invariant($"cpu: \"{plan.Threads}\", memory: {plan.Memory}Gi");
        return FormattableString.Invariant($$"""
              template:
                spec:
                  restartPolicy: Never
                  automountServiceAccountToken: false
                  securityContext:
                    runAsNonRoot: true
                    runAsUser: {{User}}
                    runAsGroup: {{User}}
                    fsGroup: {{User}}
                    seccompProfile: { type: RuntimeDefault }
                  initContainers:
                    # What an earlier run concluded is no verdict on this one.
                    - name: forget
                      image: {{QuoteForYaml(plan.Image!)}}
                      command: [sh, -c, "rm -f /artifacts/{{plan.PolicyName}}/run.json /artifacts/{{plan.PolicyName}}/report.*"]
                      resources:
                        requests: { {{quantity}} }
                        limits: { {{quantity}} }
                      securityContext: {{Locked}}
                      volumeMounts:
                        - { name: work, mountPath: /artifacts, subPath: artifacts }
                  containers:
                    - name: atu
                      image: {{QuoteForYaml(plan.Image!)}}
                      workingDir: /work
                      command: [atu]
                      args: {{List(arguments)}}
                      env:
                        - { name: HOME, value: /tmp }
            """)
            + (withShards ? FormattableString.Invariant(
                $"\n            - {{ name: {EnvironmentDefaults.ShardsVariable}, value: \"{plan.Shards}\" }}") : "")
            + "\n" + FormattableString.Invariant($$"""
                      resources:
                        requests: { {{quantity}} }
                        limits: { {{quantity}}{{(plan.NeedsGpu ? ", nvidia.com/gpu: \"1\"" : "")}} }
                      securityContext: {{Locked}}
                      volumeMounts:
                        - { name: work, mountPath: /work, readOnly: true }
                        - { name: temporary, mountPath: /tmp }
            """)
            + string.Concat(written.Select(each => "\n            "
                + $"- {{ name: work, mountPath: {each.Path}, subPath: {each.Folder} }}"))
            + "\n" + FormattableString.Invariant($$"""
                  volumes:
                    - name: work
                      persistentVolumeClaim: { claimName: {{Claim}} }
                    - name: temporary
                      emptyDir: {}
            """);
    }

    // Kubernetes replaces $(NAME) in arguments by a variable, and $$ by one dollar sign.
    private static string List(IEnumerable<string> arguments) =>
        $"[{string.Join(", ", arguments.Select(text => QuoteForYaml(text.Replace("$", "$$", StringComparison.Ordinal))))}]";

    // A DNS label ends with a letter or a digit.
    private static string NameOf(string policyName)
    {
        const int Digits = 8;
        var trimmed = policyName.Trim('-');
        if (trimmed == policyName && policyName.Length <= MostLettersOfName)
            return policyName;

        var beginning = trimmed[..Math.Min(trimmed.Length, MostLettersOfName - Digits - 1)];
        return (beginning.Length > 0 ? beginning + "-" : "") + Sha256Digest.Compute(policyName)[..Digits];
    }
}
