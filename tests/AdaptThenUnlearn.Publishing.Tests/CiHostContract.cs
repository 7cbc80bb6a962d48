using System.Collections;
using AdaptThenUnlearn.Publishing.Http;
using AdaptThenUnlearn.Publishing.Hosts;

namespace AdaptThenUnlearn.Publishing.Tests;

/// <summary>What every CI host must do. It tries a host in many environments and lists the rules that the host breaks.</summary>
/// <remarks>
/// It needs to know nothing about the host: it records which variables the host reads, and gives them good and bad values.
/// </remarks>
internal sealed class CiHostContract : IDisposable
{
    public const string Name = "the name is a single line of text";
    public const string Empty = "an empty environment is not the host's, and describes nothing but the host itself";
    public const string Foreign = "an environment without variables of the host's own is not the host's";
    public const string NeverThrows = "missing variables and missing or damaged files do not throw";
    public const string NoSecrets = "no token is part of the description";
    public const string Deterministic = "the same environment gives the same description";

    private const string Secret = "sEcReT-0123456789";
    private static readonly string[] _secretWords = ["TOKEN", "SECRET", "PASSWORD", "KEY"];
    private static readonly string[] _everyonesVariables = ["PATH", "HOME", "USER", "LANG", "CI", "BUILD_NUMBER"];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("atu-host-");
    private readonly HashSet<string> _broken = [];
    private readonly ICiHost _host;
    private readonly string[] _values;

    private CiHostContract(ICiHost host)
    {
        _host = host;
        string[] contents = ["{", "", "{}", "[1]", "null", "\u0000", new string('[', 10_000)];
        _values =
        [
            "true", "True", "1", "words and\nlines", "\ud800", new string('x', 100_000), "https://ci.example/a/b", "owner/name",
            Path.Combine(_folder.FullName, "missing.json"), _folder.FullName, .. contents.Select(WriteFile),
        ];
    }

    /// <summary>The rules that a host breaks; none where it is correct.</summary>
    public static IReadOnlyCollection<string> Violations(ICiHost host)
    {
        using var contract = new CiHostContract(host);
        contract.Check();
        return contract._broken;
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private void Check()
    {
        Require(Name, !string.IsNullOrWhiteSpace(_host.Name) && !_host.Name.Any(char.IsControl));

        // No variables, and variables that every machine may have.
        var described = Describe([]) ?? new CiContext { Host = _host.Name };
        var host = new CiContext { Host = _host.Name, CodeHost = described.CodeHost, BotLogin = described.BotLogin };
        Require(Empty, !Matches([]) && described == host);
        Require(Foreign, _values.All(value => !Matches(_everyonesVariables.ToDictionary(name => name, _ => value))));

        // The host's own variables: all of them with each value, each one missing, and each one alone.
        var names = NamesThatTheHostReads();
        foreach (var value in _values)
        {
            Try(names.ToDictionary(name => name, _ => value));
            foreach (var name in names)
            {
                Try(names.Where(other => other != name).ToDictionary(other => other, _ => value));
                Try(new() { [name] = value });
            }
        }

        // Tokens beside every value of the others.
        var tokens = Enum.GetValues<CodeHost>().SelectMany(codeHost => PublishToken.VariablesFor(codeHost));
        var secrets = names.Where(name => _secretWords.Any(name.Contains)).Concat(tokens).ToHashSet();
        foreach (var value in _values)
        {
            var variables = names.Union(secrets).ToDictionary(name => name, name => secrets.Contains(name) ? Secret : value);
            Require(NoSecrets, Describe(variables)?.ToString().Contains(Secret, StringComparison.OrdinalIgnoreCase) != true);
        }
    }

    // What a host reads may depend on what it found, so look until nothing new is read.
    private List<string> NamesThatTheHostReads()
    {
        HashSet<string> names = [];
        int before;
        do
        {
            before = names.Count;
            foreach (var value in _values)
                Try(names.ToDictionary(name => name, _ => value), names);
        }
        while (names.Count > before);
        return [.. names];
    }

    private void Try(Dictionary<string, string> variables, ISet<string>? read = null)
    {
        Matches(variables, read);
        var (first, second) = (Describe(variables, read), Describe(variables, read));
        Require(Deterministic, first == second);
    }

    private bool Matches(Dictionary<string, string> variables, ISet<string>? read = null) =>
        Guard(() => _host.Matches(Environment(variables, read)));

    private CiContext? Describe(Dictionary<string, string> variables, ISet<string>? read = null) =>
        Guard(() => _host.Describe(Environment(variables, read)));

    private T? Guard<T>(Func<T> ask)
    {
        try
        {
            return ask();
        }
        catch (Exception)
        {
            _broken.Add(NeverThrows);
            return default;
        }
    }

    private void Require(string rule, bool holds)
    {
        if (!holds)
            _broken.Add(rule);
    }

    private string WriteFile(string content)
    {
        var path = Path.Combine(_folder.FullName, $"{Guid.NewGuid():N}.json");
        File.WriteAllText(path, content);
        return path;
    }

    private static EnvironmentSnapshot Environment(Dictionary<string, string> variables, ISet<string>? read) =>
        new(new RecordedVariables(variables, read ?? new HashSet<string>()));

    /// <summary>Variables that record which names are read.</summary>
    private sealed class RecordedVariables(Dictionary<string, string> variables, ISet<string> read)
        : IReadOnlyDictionary<string, string>
    {
        public IEnumerable<string> Keys => variables.Keys;

        public IEnumerable<string> Values => variables.Values;

        public int Count => variables.Count;

        public string this[string key] => TryGetValue(key, out var value) ? value : throw new KeyNotFoundException(key);

        public bool ContainsKey(string key) => TryGetValue(key, out _);

        public bool TryGetValue(string key, out string value)
        {
            read.Add(key);
            return variables.TryGetValue(key, out value!);
        }

        public IEnumerator<KeyValuePair<string, string>> GetEnumerator() => variables.GetEnumerator();

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
