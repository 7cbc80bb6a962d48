using System.Text;
using System.Text.Json;
using AdaptThenUnlearn.Policies;
using CsCheck;
using static AdaptThenUnlearn.Tests.Policies.PolicyTexts;

namespace AdaptThenUnlearn.Tests.Policies;

/// <summary>Reading a file, whatever it contains, ends with a policy or with errors that have a place.</summary>
public sealed class PolicyRobustnessTests
{
    private static readonly string[] Tokens =
    [
        "{", "}", "[", "]", ",", ":", "\"", "null", "true", "0", "-1", "-0", "2147483647", "5e-324", "1e308", "\"A\"",
        "\"8\"", "\"auditor\"", "1e999", "1.5", "99999999999999999999", "\"\"", "\"x\"",
        "{}", "[]", "[null]", "{\"\":null}", "\\u0000", "\uD800", "ü", "\n", "//", "/*", "\"name\"", "\"classes\"", "\"$schema\"",
    ];

    [Fact(Skip = MutationRun.TooSlow, SkipType = typeof(MutationRun), SkipWhen = nameof(MutationRun.IsOn))]
    public void Read_TokensInsertedRemovedAndReplaced_NeverThrows()
    {
        var edit = Gen.Select(Gen.Int[0, Full.Length - 1], Gen.Int[0, 12], OneOf(Tokens));

        edit.Array[1, 4].Sample(edits => AssertJudged(edits.Aggregate(Full, Edited)), iter: 5000);

        static string Edited(string text, (int At, int Removed, string Inserted) edit)
        {
            var at = Math.Min(edit.At, text.Length);
            return text.Remove(at, Math.Min(edit.Removed, text.Length - at)).Insert(at, edit.Inserted);
        }
    }

    [Fact(Skip = MutationRun.TooSlow, SkipType = typeof(MutationRun), SkipWhen = nameof(MutationRun.IsOn))]
    public void Read_AnyValueReplaced_NeverThrows()
    {
        // Replacing whole values keeps the text JSON, so that the later phases are reached every time.
        var paths = Paths();
        var values = Tokens.Where(IsJson).ToArray();

        Gen.Select(OneOf(paths), OneOf(values)).Array[1, 3].Sample(
            changes => AssertJudged(Full, [.. changes.Select(change => $"{change.Item1}={change.Item2}")]), iter: 5000);
    }

    [Fact]
    public void Read_AnyBytes_NeverThrows()
    {
        Gen.Byte.Array[0, 200].Sample(bytes => AssertJudged(Encoding.UTF8.GetString(bytes)), iter: 1000);
    }

    private static void AssertJudged(string text, params string[] overrides)
    {
        var result = Read(text, overrides);

        Assert.Equal(result.Errors.Count == 0, result.Policy is not null);
        Assert.All(result.Errors, error => Assert.True(error.Line > 0 == error.Column > 0));
        Assert.All(result.Errors, error => Assert.DoesNotContain('\n', error.ToString()));
    }

    private static Gen<string> OneOf(string[] choices) => Gen.Int[0, choices.Length - 1].Select(index => choices[index]);

    private static bool IsJson(string token) => PolicyText.ParseArgument(token, "token") is not null;

    /// <summary>Every place of <see cref="Full"/> after defaults, as an argument names it.</summary>
    private static string[] Paths()
    {
        using var document = JsonDocument.Parse(Read(Full).EffectiveJson);
        return [.. Below(document.RootElement, "")];

        static IEnumerable<string> Below(JsonElement element, string path)
        {
            if (path.Length > 0)
                yield return path;

            var children = element.ValueKind switch
            {
                JsonValueKind.Object =>
                    element.EnumerateObject().Select(each => ($"{path}.{each.Name}".TrimStart('.'), each.Value)),
                JsonValueKind.Array => element.EnumerateArray().Select((each, index) => ($"{path}[{index}]", each)),
                _ => [],
            };
            foreach (var (childPath, child) in children)
            {
                foreach (var each in Below(child, childPath))
                    yield return each;
            }
        }
    }
}
