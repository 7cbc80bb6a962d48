using System.Globalization;

namespace AdaptThenUnlearn.Policies;

/// <summary>What a policy must say of a classifier that is an image–text model and prompts, and of no other.</summary>
internal static class ImageTextRules
{
    private const int MostPrompts = 1000;         // of all classes together
    private const int LongestPrompt = 1000;       // characters; CLIP takes 77 tokens

    /// <summary>What is wrong with the properties of such a classifier, or with their absence.</summary>
    /// <param name="at">The classifier's place.</param>
    /// <param name="choice">The classifier.</param>
    public static IEnumerable<PolicyFinding> Check(JsonPath at, ClassifierChoice choice) =>
        choice.IsImageText ? CheckImageText(at, choice) : CheckOther(at, choice);

    private static IEnumerable<PolicyFinding> CheckOther(JsonPath at, ClassifierChoice choice)
    {
        const string Only = $"is only for the format '{ClassifierChoice.ImageText}'";
        return
        [
            .. at["textModel"].Must(choice.TextModel is null, Only, at["format"]),
            .. at["prompts"].Must(choice.Prompts is null, Only, at["format"]),
            .. at["logitScale"].Must(choice.LogitScale is null, Only, at["format"]),
        ];
    }

    private static IEnumerable<PolicyFinding> CheckImageText(JsonPath at, ClassifierChoice choice) =>
    [
        .. at["textModel"].MustBePresent(
            choice.TextModel is not null,
            $"is missing: the format '{ClassifierChoice.ImageText}' needs the text side's graph, 'vocabulary' and 'merges'",
            at["format"]),
        .. at["prompts"].MustBePresent(
            choice.Prompts is not null,
            $"is missing: the format '{ClassifierChoice.ImageText}' has no classes but those that prompts describe; give a list "
                + "of prompts for each class, for example { \"glasses\": [\"a person wearing glasses\"], \"other\": "
                + "[\"a person\"] }",
            at["format"]),
        .. at["classes"].Must(
            choice.Classes is null,
            $"is not for the format '{ClassifierChoice.ImageText}', whose classes are those of 'prompts'; leave it out",
            at["format"]),
        .. at["outputs"].Must(
            choice.Outputs is null or OutputKinds.Softmax,
            $"is not for the format '{ClassifierChoice.ImageText}', of whose prompts one fits best: '{OutputKinds.Softmax}'; "
                + "leave it out",
            at["format"]),
        .. choice.Prompts is { } prompts ? CheckPrompts(at["prompts"], prompts) : [],
    ];

    private static IEnumerable<PolicyFinding> CheckPrompts(
        JsonPath at, IReadOnlyDictionary<string, IReadOnlyList<string>> prompts) =>
    [
        .. at.Must(
            prompts.Count != 1,
            "has only one class, and every image would show it: describe as well what the other images show, for example "
                + "\"other\": [\"a person\"]"),
        .. at.Must(
            prompts.Values.Sum(each => each.Count) <= MostPrompts,
            string.Create(CultureInfo.InvariantCulture, $"has more than {MostPrompts} prompts")),
        .. at.Must(prompts.Keys.All(name => !string.IsNullOrWhiteSpace(name)), "has a class without a name"),
        .. prompts.SelectMany(named => CheckClass(at[named.Key], named.Value)),
        .. prompts.Keys.SelectMany(name => CheckDistinct(at, name, prompts)),
    ];

    private static IEnumerable<PolicyFinding> CheckClass(JsonPath at, IReadOnlyList<string> prompts) =>
    [
        .. at.Must(prompts.Count > 0, "has no prompt; give at least one"),
        .. prompts.Index().SelectMany(each => at[each.Index].Must(
            !string.IsNullOrWhiteSpace(each.Item), "must not be empty: say in words what an image of the class shows")),
        .. prompts.Index().SelectMany(each => at[each.Index].Must(
            each.Item.Length <= LongestPrompt,
            string.Create(
                CultureInfo.InvariantCulture, $"has {each.Item.Length} characters, and at most {LongestPrompt} are read"))),
        .. at.MustBeDistinct(prompts, item => item),
    ];

    // Two classes with the same prompts are equally likely for every image.
    private static IEnumerable<PolicyFinding> CheckDistinct(
        JsonPath at, string name, IReadOnlyDictionary<string, IReadOnlyList<string>> prompts)
    {
        var own = prompts[name].ToHashSet();
        var same = own.Count == 0
            ? null
            : prompts.Keys.FirstOrDefault(
                other => string.CompareOrdinal(other, name) < 0 && own.SetEquals(prompts[other]));
        return at[name].Must(same is null, $"has the prompts of '{same}', so that no image is more of one than of the other");
    }
}
