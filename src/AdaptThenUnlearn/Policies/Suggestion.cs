namespace AdaptThenUnlearn.Policies;

/// <summary>Says which names are known, and which of them a misspelt name may mean.</summary>
public static class Suggestion
{
    /// <summary>For example <c>'il3' is not a repulsion loss; use il2, nl2 or el2 (did you mean 'il2'?)</c>.</summary>
    /// <param name="name">The unknown name.</param>
    /// <param name="names">The names that are known.</param>
    /// <param name="what">What the names are, after "is not a".</param>
    public static string NotOneOf(string name, IReadOnlyCollection<string> names, string what) =>
        names.Count == 0
            ? $"'{name}' is not a {what}; there are none"
            : $"'{name}' is not a {what}; use {JoinWithOr(names)}{DidYouMean(name, names)}";

    /// <summary>For example <c>il2, nl2 or el2</c>.</summary>
    /// <param name="names">At least one.</param>
    public static string JoinWithOr(IReadOnlyCollection<string> names) =>
        names.Count == 1 ? names.First() : $"{string.Join(", ", names.SkipLast(1))} or {names.Last()}";

    /// <summary>For example <c>il2, nl2 and el2</c>.</summary>
    /// <param name="names">At least one.</param>
    public static string JoinWithAnd(IReadOnlyCollection<string> names) =>
        names.Count == 1 ? names.First() : $"{string.Join(", ", names.SkipLast(1))} and {names.Last()}";

    /// <summary><c> (did you mean 'x'?)</c>, or nothing when no name is close.</summary>
    /// <param name="name">The unknown name.</param>
    /// <param name="names">The names that are known.</param>
    public static string DidYouMean(string name, IEnumerable<string> names)
    {
        var lower = name.ToLowerInvariant();
        var allowed = Math.Max(1, name.Length / 3);
        var best = names
            .Select(candidate => (candidate, distance: Distance(lower, candidate.ToLowerInvariant(), allowed)))
            .Where(pair => pair.distance <= allowed)
            .OrderBy(pair => pair.distance)
            .Select(pair => pair.candidate)
            .FirstOrDefault();
        return best is null ? "" : $" (did you mean '{best}'?)";
    }

    /// <summary>
    /// Edit distance (Levenshtein), or any number above <paramref name="allowed"/> when the lengths alone exceed it.
    /// </summary>
    private static int Distance(string a, string b, int allowed)
    {
        if (Math.Abs(a.Length - b.Length) > allowed)
            return int.MaxValue;

        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(replaced, 1 + Math.Min(row[j], row[j - 1]));
            }
        }

        return row[b.Length];
    }
}
