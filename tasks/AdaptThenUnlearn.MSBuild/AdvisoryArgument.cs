namespace AdaptThenUnlearn.MSBuild;

/// <summary>Finds <c>--advisory</c> among arguments that a project gives, so that the log can say what it does to the gate.</summary>
internal static class AdvisoryArgument
{
    private const string Name = "--advisory";

    /// <summary>Whether it is there and not turned off.</summary>
    /// <param name="arguments">As on a command line; null when there are none.</param>
    public static bool IsIn(string? arguments)
    {
        var words = (arguments ?? "").Split([' ', '\t', '\r', '\n', '"'], StringSplitOptions.RemoveEmptyEntries);
        for (var at = 0; at < words.Length; at++)
        {
            var parts = words[at].Split(['=', ':'], 2);
            var value = parts.Length == 2 ? parts[1] : at + 1 < words.Length ? words[at + 1] : "";
            if (parts[0] == Name && !value.Equals("false", StringComparison.OrdinalIgnoreCase))
                return true;
        }

        return false;
    }
}
