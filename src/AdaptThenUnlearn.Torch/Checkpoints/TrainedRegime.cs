using System.Globalization;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>
/// The training terms with which a generator was trained last, as the metadata of its file say. <c>atu pretrain</c> writes them,
/// and so does a run that trains a generator.
/// </summary>
/// <remarks>
/// Each term is a number in the invariant culture, under its name in <c>unlearning.adversarial</c> after <c>training.</c>, e.g.
/// <c>training.r1Weight</c>. Terms that changed in pre-training are those of its later steps.
/// </remarks>
public sealed class TrainedRegime
{
    private const string Prefix = "training.";

    private static readonly IReadOnlyList<Term> _terms =
    [
        new("r1Weight", terms => terms.R1Weight, value => value >= 0),
        new("r1Every", terms => terms.R1Every, IsCount),
        new("pathLengthWeight", terms => terms.PathLengthWeight, value => value >= 0),
        new("pathLengthEvery", terms => terms.PathLengthEvery, IsCount),
        new("styleMixing", terms => terms.StyleMixing, value => value is >= 0 and <= 1),
    ];

    private readonly IReadOnlyDictionary<string, double> _found;

    private TrainedRegime(IReadOnlyDictionary<string, double> found) => _found = found;

    /// <summary>Of a file that says nothing of it.</summary>
    public static TrainedRegime Unknown { get; } = new(new Dictionary<string, double>());

    /// <summary>The terms; null where the file does not say all of them.</summary>
    public AdversarialOptions? Terms => _terms.All(term => _found.ContainsKey(term.Name))
        ? new AdversarialOptions(
            _found["r1Weight"], (int)_found["r1Every"], _found["pathLengthWeight"], (int)_found["pathLengthEvery"],
            _found["styleMixing"])
        : null;

    /// <summary>The keys that a file lacks, or under which it has no possible value; in the policy's order.</summary>
    public IReadOnlyList<string> MissingKeys =>
        [.. _terms.Where(term => !_found.ContainsKey(term.Name)).Select(term => term.Key)];

    /// <summary>
    /// The property that gives the terms in a policy, with those that the file says; the others are to be filled in.
    /// </summary>
    public string Property => $"\"adversarial\": {{ {string.Join(", ", _terms.Select(Written))} }}";

    /// <summary>Whether a key of a file's metadata is that of a training term.</summary>
    internal static bool IsKey(string key) => _terms.Any(term => term.Key == key);

    /// <summary>Reads what a file's metadata say.</summary>
    /// <param name="metadata">Text by key; other keys are passed over.</param>
    public static TrainedRegime Read(IReadOnlyDictionary<string, string> metadata)
    {
        Dictionary<string, double> found = [];
        foreach (var term in _terms)
            if (metadata.TryGetValue(term.Key, out var text)
                && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
                && double.IsFinite(value) && term.IsPossible(value))
                found[term.Name] = value;
        return new TrainedRegime(found);
    }

    /// <summary>The metadata for a file whose generator was trained with these terms.</summary>
    /// <param name="terms">Values, and not the word <c>as-trained</c>.</param>
    /// <returns>Text by key.</returns>
    /// <exception cref="ArgumentException">The values are not known.</exception>
    public static IReadOnlyDictionary<string, string> Write(AdversarialOptions terms) => terms.IsAsTrained
        ? throw new ArgumentException("the values of 'as-trained' are not known", nameof(terms))
        : _terms.ToDictionary(term => term.Key, term => term.Value(terms).ToString("R", CultureInfo.InvariantCulture));

    private string Written(Term term) => _found.TryGetValue(term.Name, out var value)
        ? string.Create(CultureInfo.InvariantCulture, $"\"{term.Name}\": {value:R}")
        : $"\"{term.Name}\": …";

    private static bool IsCount(double value) => value is >= 1 and <= int.MaxValue && double.IsInteger(value);

    /// <summary>One of the terms.</summary>
    /// <param name="Name">As in the policy.</param>
    /// <param name="Value">Of some terms.</param>
    /// <param name="IsPossible">Whether a policy may have the value.</param>
    private sealed record Term(string Name, Func<AdversarialOptions, double> Value, Func<double, bool> IsPossible)
    {
        public string Key => Prefix + Name;
    }
}
