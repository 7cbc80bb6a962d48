namespace AdaptThenUnlearn.MSBuild;

/// <summary>Finds <c>--advisory</c> among a project's arguments, so that the log can warn that it disables the gate.</summary>
internal static class AdvisoryArgument
{
    private const string Name = "--advisory";

    /// <summary>Whether the option is there and not turned off.</summary>
    /// <param name="arguments">Arguments as on a command line; null where there are none.</param>
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
