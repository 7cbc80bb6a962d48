using System.Globalization;

namespace AdaptThenUnlearn.Publishing.Hosts;

/// <summary>The environment variables at the start. This is the only class that reads them for publishing.</summary>
public sealed class EnvironmentSnapshot
{
    private readonly IReadOnlyDictionary<string, string> _variables;

    /// <summary>An environment with the given variables.</summary>
    /// <param name="variables">Values by name.</param>
    public EnvironmentSnapshot(IReadOnlyDictionary<string, string> variables) => _variables = variables;

    /// <summary>The environment of this process.</summary>
    public static EnvironmentSnapshot Capture()
    {
#pragma warning disable RS0030 // this class is the environment's home
        var variables = Environment.GetEnvironmentVariables();
#pragma warning restore RS0030
        return new(variables.Keys.Cast<string>()
            .ToDictionary(name => name, name => (string?)variables[name] ?? "", StringComparer.Ordinal));
    }

    /// <summary>A variable's value; null where it is not set or empty.</summary>
    public string? this[string name] => _variables.TryGetValue(name, out var value) && value.Length > 0 ? value : null;

    /// <summary>A variable's value as a number; null where it is not set or not a whole number above 0.</summary>
    public int? PositiveNumber(string name) =>
        int.TryParse(this[name], NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 ? number : null;

    /// <summary>The number of variables, without names or values: values may be secret.</summary>
    public override string ToString() => $"{_variables.Count} environment variables";
}
