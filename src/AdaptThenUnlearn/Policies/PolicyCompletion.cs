using System.Globalization;
using System.Text.Json;

namespace AdaptThenUnlearn.Policies;

/// <summary>Checks a written policy against the shape of one, and fills in what was left out.</summary>
/// <remarks>
/// A wrong value is reported once and replaced by a placeholder of the right type, so that everything else can still be checked.
/// Its place is remembered, and no later check may use it.
/// </remarks>
/// <param name="vocabulary">The names that the policy may use.</param>
internal sealed class PolicyCompletion(PolicyVocabulary vocabulary)
{
    private static readonly Position Nowhere = new("", 0, 0);

    private readonly List<PolicyError> _errors = [];
    private readonly List<JsonPath> _invalidPaths = [];

    /// <summary>The errors found so far.</summary>
    public IReadOnlyList<PolicyError> Errors => _errors;

    /// <summary>Whether nothing is wrong at this place, or in what contains it.</summary>
    public bool IsValid(JsonPath path) => !_invalidPaths.Any(path.IsWithin);

    /// <summary>The whole policy, with every property present and of its type.</summary>
    public PolicyNode Complete(ObjectNode policy)
    {
        var withoutSchema =
            policy with { Properties = [.. policy.Properties.Where(property => property.Name != PolicySchema.Reference)] };
        return Record(withoutSchema, PolicyShape.Policy, PolicyDefaults.For(policy), JsonPath.Root);
    }

    /// <summary>A value of one of the policy's records that stands by itself, with every property present.</summary>
    public PolicyNode Complete(PolicyNode part, RecordShape shape) =>
        Value(part, new PolicyMember("", "", shape, Nullable: false, [], NotEmpty: false), null, JsonPath.Root);

    private PolicyNode Value(PolicyNode node, PolicyMember member, PolicyNode? preset, JsonPath path)
    {
        // A null is not written into the effective policy. Where the preset has a value, reading that again would bring it back.
        if (node is ScalarNode { Kind: JsonValueKind.Null })
            return (member.Nullable, preset) switch
            {
                (true, null or ScalarNode { Kind: JsonValueKind.Null }) => node,
                (true, _) => ReportWrongType(
                    node, member.Shape, preset, path,
                    "must not be null: the default or the preset has a value here; 0 switches it off"),
                _ => ReportWrongType(node, member.Shape, preset, path, $"must be {WordsOf(member.Shape)}, but is null"),
            };

        if (member.NotEmpty && IsEmpty(node, member.Shape))
            Report(PolicyCodes.ImpossibleValue, node.At, path, "needs at least one entry");

        return (member.Shape, node) switch
        {
            (RecordShape shape, ObjectNode written) => Record(written, shape, preset as ObjectNode, path),
            (RecordShape { Shorthand: { } name } shape, ScalarNode { Kind: JsonValueKind.String } text) =>
                Record(new ObjectNode(text.At, [new PolicyProperty(name, text.At, text)]), shape, preset as ObjectNode, path),
            (RecordShape { Words.Count: > 0 } shape, ScalarNode { Kind: JsonValueKind.String } word) => Word(word, shape, path),
            (MapShape shape, ObjectNode written) => Map(written, shape, path),
            (ListShape shape, ListNode written) => List(written, shape, member.Constraints, path),
            (ScalarShape shape, ScalarNode written) => Scalar(written, shape, member, preset, path),
            _ => ReportWrongType(node, member.Shape, preset, path, $"must be {WordsOf(member.Shape)}, but is {node.Description}"),
        };
    }

    private PolicyNode Word(ScalarNode word, RecordShape shape, JsonPath path)
    {
        if (shape.Words.TryGetValue(word.Text, out var meant))
            return meant is ObjectNode whole ? Record(whole, shape, null, path) : word;

        Report(
            PolicyCodes.UnknownName, word.At, path,
            $"{Suggestion.NotOneOf(word.Text, [.. shape.Words.Keys], "known word")}, or an object");
        return CreatePlaceholder(shape);
    }

    private static bool IsEmpty(PolicyNode node, PolicyShape shape) =>
        (shape, node) is (ListShape, ListNode { Items.Count: 0 }) or (MapShape, ObjectNode { Properties.Count: 0 });

    private ObjectNode Record(ObjectNode written, RecordShape shape, ObjectNode? presets, JsonPath path)
    {
        var known = shape.Members.Select(member => member.Name).ToArray();
        ReportRepeated(written, path);
        foreach (var unknown in written.Properties.Where(property => !known.Contains(property.Name)))
            Report(
                PolicyCodes.UnknownProperty, unknown.At, path[unknown.Name],
                $"unknown property{Suggestion.DidYouMean(unknown.Name, known)}");

        if (shape.NeedsOneOf is { } needs)
        {
            var given = needs.Properties.Count(
                name => written.Find(name)?.Value is not (null or ScalarNode { Kind: JsonValueKind.Null }));
            if (given == 0)
                _errors.Add(Error(PolicyCodes.Missing, written.At, path, needs.Message));
            else if (given > 1 && needs.AreExclusive)
                Report(PolicyCodes.ImpossibleValue, written.At, path, needs.MessageOfSeveral);
        }

        return new ObjectNode(written.At, [.. shape.Members.Select(member => Property(written, member, presets, path))]);
    }

    private PolicyProperty Property(ObjectNode written, PolicyMember member, ObjectNode? presets, JsonPath path)
    {
        var preset = presets?.Find(member.Name)?.Value;
        if (written.Find(member.Name) is { } given)
            return given with { Value = Value(given.Value, member, preset, path[member.Name]) };

        return new(member.Name, written.At, FillMissing(written, member, preset, path[member.Name]));
    }

    private PolicyNode FillMissing(ObjectNode written, PolicyMember member, PolicyNode? preset, JsonPath path)
    {
        if (IsComplete(preset, member.Shape))
            return preset!;

        if (member.Nullable)
            return ScalarNode.Null(written.At);

        Report(PolicyCodes.Missing, written.At, path, $"is missing; it must be {WordsOf(member.Shape)}");
        return CreatePlaceholder(member.Shape);
    }

    private ObjectNode Map(ObjectNode written, MapShape shape, JsonPath path)
    {
        ReportRepeated(written, path);
        foreach (var unnamed in written.Properties.Where(property => string.IsNullOrWhiteSpace(property.Name)))
            Report(PolicyCodes.ImpossibleValue, unnamed.At, path[unnamed.Name], "needs a name");

        var entry = new PolicyMember("", "", shape.Value, Nullable: false, [], NotEmpty: false);
        return written with
        {
            Properties = [.. written.Properties
                .DistinctBy(property => property.Name)
                .Select(property => property with { Value = Value(property.Value, entry, null, path[property.Name]) })],
        };
    }

    private ListNode List(ListNode written, ListShape shape, IReadOnlyList<ValueConstraintAttribute> constraints, JsonPath path)
    {
        var item = new PolicyMember("", "", shape.Item, Nullable: false, constraints, NotEmpty: false);
        return written with { Items = [.. written.Items.Select((node, index) => Value(node, item, null, path[index]))] };
    }

    private PolicyNode Scalar(ScalarNode written, ScalarShape shape, PolicyMember member, PolicyNode? preset, JsonPath path)
    {
        if (!HasType(written, shape))
            return ReportWrongType(written, shape, preset, path, $"must be {shape.Description}, but is {written.Description}");

        if (RangeProblem(written, shape) is { } message)
        {
            Report(PolicyCodes.ImpossibleValue, written.At, path, message);
            return preset ?? shape.CreatePlaceholder(Nowhere);
        }

        if (written.Text.Contains('\0', StringComparison.Ordinal))
        {
            Report(
                PolicyCodes.ImpossibleValue, written.At, path,
                "must not contain a NUL character, which no name of a file, class or feature has");
            return preset ?? shape.CreatePlaceholder(Nowhere);
        }

        foreach (var constraint in member.Constraints)
        {
            if (constraint.FindViolation(written, vocabulary) is { } violation)
            {
                Report(constraint.Code, written.At, path, violation);
                return preset ?? written;   // so that what is computed from it stays within bounds
            }
        }

        return written;
    }

    private static bool HasType(ScalarNode written, ScalarShape shape) => shape.SchemaType switch
    {
        "string" => written.Kind == JsonValueKind.String,
        "boolean" => written.Kind is JsonValueKind.True or JsonValueKind.False,
        "integer" => written.Kind == JsonValueKind.Number && written.Text.AsSpan().IndexOfAny(".eE") < 0,
        _ => written.Kind == JsonValueKind.Number,
    };

    private static string? RangeProblem(ScalarNode written, ScalarShape shape)
    {
        if (shape.SchemaType == "integer")
        {
            var fits = long.TryParse(written.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole)
                && whole >= shape.Smallest && whole <= shape.Largest;
            return fits
                ? null
                : string.Create(
                    CultureInfo.InvariantCulture, $"must be from {shape.Smallest} to {shape.Largest}, but is {written.Text}");
        }

        return shape.SchemaType != "number" || double.IsFinite(double.Parse(written.Text, CultureInfo.InvariantCulture))
            ? null
            : $"is too large for a number: {written.Text}";
    }

    private void ReportRepeated(ObjectNode written, JsonPath path)
    {
        var seen = new HashSet<string>();
        foreach (var repeated in written.Properties.Where(property => !seen.Add(property.Name)))
            _errors.Add(
                Error(PolicyCodes.RepeatedProperty, repeated.At, path[repeated.Name], "is given twice; this is the second"));
    }

    private PolicyNode ReportWrongType(PolicyNode node, PolicyShape shape, PolicyNode? preset, JsonPath path, string message)
    {
        Report(PolicyCodes.WrongType, node.At, path, message);
        return IsComplete(preset, shape) ? preset! : CreatePlaceholder(shape);
    }

    /// <summary>Whether the default covers a whole value.</summary>
    /// <remarks>That of an object may be partial: a generator has a default format, but nothing that makes images.</remarks>
    internal static bool IsComplete(PolicyNode? preset, PolicyShape shape) =>
        preset is not null && !(shape is RecordShape record
            && (record.Members.Any(member => !member.Nullable && ((ObjectNode)preset).Find(member.Name) is null)
                || record.NeedsOneOf?.Properties.All(name => ((ObjectNode)preset).Find(name) is null) is true));

    private static PolicyNode CreatePlaceholder(PolicyShape shape) => shape switch
    {
        RecordShape record => new ObjectNode(Nowhere, [.. record.Members.Select(member => new PolicyProperty(
            member.Name, Nowhere, member.Nullable ? ScalarNode.Null(Nowhere) : CreatePlaceholder(member.Shape)))]),
        MapShape => new ObjectNode(Nowhere, []),
        ListShape => new ListNode(Nowhere, []),
        _ => ((ScalarShape)shape).CreatePlaceholder(Nowhere),
    };

    private static string WordsOf(PolicyShape shape) => shape switch
    {
        ScalarShape scalar => scalar.Description,
        ListShape => "a list",
        RecordShape { Shorthand: { } name } => $"an object, or the text of its '{name}'",
        RecordShape { Words: { Count: > 0 } words } => $"an object, or one of the words {string.Join(", ", words.Keys)}",
        _ => "an object",
    };

    private void Report(string code, Position at, JsonPath path, string message)
    {
        _errors.Add(Error(code, at, path, message));
        _invalidPaths.Add(path);
    }

    private static PolicyError Error(string code, Position at, JsonPath path, string message) =>
        new(code, at.File, at.Line, at.Column, path.Text, message);
}
