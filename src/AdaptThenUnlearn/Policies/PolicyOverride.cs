using System.Globalization;
using System.Text;
using System.Text.Json;

namespace AdaptThenUnlearn.Policies;

/// <summary>One value that an argument sets: <c>unlearning.steps=5</c>, <c>undesiredFeatures[0].maxRate=0.01</c>.</summary>
public sealed class PolicyOverride
{
    private const int MaxSteps = 64;

    private readonly IReadOnlyList<object> _steps;   // string: a property; int: an index
    private readonly PolicyNode _value;

    private PolicyOverride(string path, IReadOnlyList<object> steps, PolicyNode value)
    {
        Path = path;
        _steps = steps;
        _value = value;
    }

    /// <summary>The place that is set: properties by name, list entries by index. The index after the last one appends.</summary>
    public string Path { get; }

    /// <summary>What messages name instead of a file.</summary>
    public string Origin => OriginOf(Path);

    /// <summary>Parses <c>path=value</c>; the value is JSON, or text when it is not.</summary>
    /// <exception cref="FormatException">
    /// The argument has no '=', or its path cannot be read; the message names the argument.
    /// </exception>
    public static PolicyOverride Parse(string argument)
    {
        // Half a surrogate pair becomes U+FFFD, as in a file.
        argument = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(argument));
        var equals = argument.IndexOf('=', StringComparison.Ordinal);
        var path = equals < 0 ? "" : argument[..equals].Trim();
        if (path.Length == 0)
            throw new FormatException($"--set {argument}: write it as path=value, e.g. unlearning.steps=5");

        var steps = StepsOf(path)
            ?? throw new FormatException(
                $"--set {argument}: '{path}' is not a path; write it like unlearning.steps or undesiredFeatures[0].maxRate");
        var (text, origin) = (argument[(equals + 1)..], OriginOf(path));
        var value = PolicyText.ParseArgument(text, origin)
            ?? new ScalarNode(new Position(origin, 0, 0), JsonValueKind.String, text);
        return new PolicyOverride(path, steps, value);
    }

    /// <summary>The policy with all values set, and an error for each that cannot be set.</summary>
    internal static (ObjectNode Policy, IReadOnlyList<PolicyError> Errors) ApplyAll(
        ObjectNode policy, IReadOnlyList<PolicyOverride> overrides)
    {
        var errors = new List<PolicyError>();
        foreach (var each in overrides)
        {
            if (each._steps[0] is "extends")
            {
                errors.Add(new PolicyError(
                    PolicyCodes.ImpossibleOverride, each.Origin, 0, 0, $"$.{each.Path}",
                    "cannot be set by an argument: what a policy builds on stands in its file"));
                continue;
            }

            try
            {
                policy = (ObjectNode)each.Set(policy, 0);
            }
            catch (PathNotFoundException none)
            {
                errors.Add(new PolicyError(PolicyCodes.ImpossibleOverride, each.Origin, 0, 0, $"$.{each.Path}", none.Message));
            }
        }

        return (policy, errors);
    }

    private PolicyNode Set(PolicyNode? node, int depth)
    {
        if (depth == _steps.Count)
            return _value;

        return (_steps[depth], node) switch
        {
            (string name, ObjectNode written) => SetProperty(written, name, depth),
            (string name, null or ScalarNode { Kind: JsonValueKind.Null }) =>
                SetProperty(new ObjectNode(_value.At, []), name, depth),
            (int index, ListNode written) => SetItem(written, index, depth),
            (int index, null or ScalarNode { Kind: JsonValueKind.Null }) => SetItem(new ListNode(_value.At, []), index, depth),
            (string name, _) => throw new PathNotFoundException($"cannot set '{name}', because its parent is {node.Description}"),
            (var index, _) =>
                throw new PathNotFoundException($"cannot set entry [{index}], because its parent is {node!.Description}"),
        };
    }

    private ObjectNode SetProperty(ObjectNode written, string name, int depth)
    {
        if (written.Find(name) is not { } existing)
            return written with { Properties = [.. written.Properties, new(name, _value.At, Set(null, depth + 1))] };

        var changed = existing with { Value = Set(existing.Value, depth + 1) };
        return written with
        {
            Properties = [.. written.Properties.Select(property => ReferenceEquals(property, existing) ? changed : property)]
        };
    }

    private ListNode SetItem(ListNode written, int index, int depth)
    {
        if (index > written.Items.Count)
            throw new PathNotFoundException($"cannot set entry [{index}], because the list has {written.Items.Count} entries");

        var items = written.Items.ToList();
        var changed = Set(index < items.Count ? items[index] : null, depth + 1);
        if (index < items.Count)
            items[index] = changed;
        else
            items.Add(changed);

        return written with { Items = items };
    }

    private static List<object>? StepsOf(string path)
    {
        var steps = new List<object>();
        foreach (var part in path.Split('.'))
        {
            var bracket = part.IndexOf('[', StringComparison.Ordinal);
            var name = bracket < 0 ? part : part[..bracket];
            if (name.Length == 0 || name.Contains(']', StringComparison.Ordinal))
                return null;

            steps.Add(name);
            var rest = bracket < 0 ? "" : part[bracket..];
            while (rest.Length > 0)
            {
                var close = rest.IndexOf(']', StringComparison.Ordinal);
                if (rest[0] != '[' || close < 0 || !ushort.TryParse(
                    rest.AsSpan(1, close - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var index))
                    return null;

                steps.Add((int)index);
                rest = rest[(close + 1)..];
            }
        }

        return steps.Count <= MaxSteps ? steps : null;
    }

    private static string OriginOf(string path) => $"--set {path}";

    private sealed class PathNotFoundException(string message) : Exception(message);
}
