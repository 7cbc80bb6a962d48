using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>Finds the networks of a GAN in a checkpoint.</summary>
/// <remarks>
/// A StyleGAN2 is found under any name, by the names of its own tensors. A sequence of layers has numbers for names, so it is
/// found only under names that say that it is a generator, or that say nothing. Where several networks could be meant, none is
/// chosen.
/// </remarks>
internal static class GanSections
{
    private const int MostPlaces = 256;

    /// <summary>Every generator in a file, outer ones first. Two that share the same bytes count once.</summary>
    public static IReadOnlyList<FoundGenerator> GeneratorsIn(TensorFile file)
    {
        // Look at every place where a generator may lie, except within one that was found already.
        List<FoundGenerator> found = [];
        var places = PlacesIn(file).Distinct().Take(MostPlaces);
        foreach (var place in places.OrderBy(place => place.Prefix.Length).ThenBy(place => place.Prefix, StringComparer.Ordinal))
        {
            if (found.Exists(other => other.Place.Encloses(place)))
                continue;

            // Keep it where an architecture recognises its tensors, and it is not the same as another one.
            var weights = place.In(file);
            var stored = StoredIn(weights);
            if (GeneratorArchitectures.Detect(stored) is { } architecture
                && !found.Exists(other => IsTheSame(other.Weights, weights)))
                found.Add(new FoundGenerator(place, architecture, weights, stored));
        }

        return found;
    }

    /// <summary>
    /// The wanted generator of a file: the average, which one samples from, or the one in training. Where only the other is
    /// there, that one.
    /// </summary>
    /// <param name="file">As read.</param>
    /// <param name="averaged">Whether the average is wanted.</param>
    /// <returns>Null where the file holds no generator.</returns>
    /// <exception cref="CheckpointException">Several could be meant; the message names them.</exception>
    public static FoundGenerator? GeneratorIn(TensorFile file, bool averaged)
    {
        var found = GeneratorsIn(file);
        return WhyUnclear(found) is { } unclear
            ? throw new CheckpointException(
                file.Path,
                unclear,
                "save the one that is meant alone, for instance torch.save(torch.load(…)['netG'], 'netG.pth')")
            : Meant(file, found, averaged);
    }

    /// <summary>
    /// The generator that one samples from, for a description; null where the file holds none, or several could be meant.
    /// </summary>
    /// <exception cref="CheckpointException">The average is there and cannot be read.</exception>
    public static FoundGenerator? ClearGeneratorIn(TensorFile file) =>
        GeneratorsIn(file) is var found && WhyUnclear(found) is null ? Meant(file, found, averaged: true) : null;

    private static FoundGenerator? Meant(TensorFile file, IReadOnlyList<FoundGenerator> found, bool averaged)
    {
        if (found.FirstOrDefault(generator => generator.IsAverage == averaged) is { } meant)
            return meant;

        // Take the other one where the file has none of the wanted kind, but not where the wanted one is there and cannot be
        // read.
        return found.Count > 0
            && UnreadIn(file, found).FirstOrDefault(place => place.Parts.Any(NetworkNames.IsAverage) == averaged) is { } unread
            ? throw new CheckpointException(
                file.Path,
                $"holds '{CheckpointException.Sanitize(unread.Name!)}', which is not a generator that this version knows; to "
                    + $"read '{CheckpointException.Sanitize(found[0].Place.Name ?? "the rest")}' in its place would be a guess",
                "check that the file is complete; where the other one is meant, save it alone")
            : found.Count > 0 ? found[0] : null;
    }

    // Places whose name says that a generator lies there, although none was found there.
    private static IEnumerable<NetworkPlace> UnreadIn(TensorFile file, IReadOnlyList<FoundGenerator> found) =>
        file.Tensors.Select(tensor => GeneratorOf(tensor.Name)).OfType<string>().Distinct()
            .Where(prefix => !found.Any(
                generator => generator.Place.Prefix.StartsWith(prefix, StringComparison.Ordinal)
                    || prefix.StartsWith(generator.Place.Prefix, StringComparison.Ordinal)))
            .Select(prefix => new NetworkPlace(prefix));

    /// <summary>Why it is unclear which generator of a file is meant; null where it is clear, or there is none.</summary>
    public static string? WhyUnclear(IReadOnlyList<FoundGenerator> found) =>
        found.Count < 2 || (found.Count == 2 && found[0].IsAverage != found[1].IsAverage && found[0].HasShapesOf(found[1]))
            ? null
            : $"holds several generators ({Listed(found.Select(generator => generator.Place))}), and nothing says which is meant";

    /// <summary>The discriminators in a file that holds a generator too: those in training, or else their averages.</summary>
    public static IReadOnlyList<NetworkPlace> DiscriminatorsIn(TensorFile file)
    {
        var places = file.Tensors.Select(tensor => DiscriminatorOf(tensor.Name)).OfType<string>().Distinct()
            .Select(prefix => new NetworkPlace(prefix)).ToList();
        var trained = places.Where(place => !place.Parts.Any(NetworkNames.IsAverage)).ToList();
        return [.. (trained.Count > 0 ? trained : places).Select(place => Unwrapped(file, place))];
    }

    /// <summary>The discriminator in a file; null where there is none.</summary>
    /// <exception cref="CheckpointException">Several could be meant; the message names them.</exception>
    public static NetworkPlace? DiscriminatorIn(TensorFile file) => DiscriminatorsIn(file) switch
    {
        [] => null,
        [var only] => only,
        var several => throw new CheckpointException(
            file.Path, $"holds several discriminators ({Listed(several)}), and nothing says which is meant",
            "save generator and the one that is meant alone"),
    };

    /// <summary>The place of the only network in a file, below all names that wrap it.</summary>
    public static NetworkPlace WholeOf(TensorFile file) => Unwrapped(file, new NetworkPlace(""));

    /// <summary>What a GAN's checkpoint lacks, in sentences; empty for a file without sections.</summary>
    public static IEnumerable<string> MissingIn(TensorFile file)
    {
        var generators = GeneratorsIn(file);
        if (!generators.Any(generator => generator.Place.Name is not null) || WhyUnclear(generators) is not null)
            yield break;

        if (!generators.Any(generator => generator.IsAverage))
            yield return "It has no averaged generator (g_ema).";
        if (generators.All(generator => generator.IsAverage))
            yield return "It has no trained generator (g), only its average.";
        if (DiscriminatorsIn(file).Count == 0)
            yield return "It has no discriminator (d).";
    }

    /// <summary>The shapes and values that one network's part of a file holds.</summary>
    public static StoredNetwork StoredIn(TensorFile weights) => new(
        weights.Tensors.ToDictionary(tensor => tensor.Name, tensor => tensor.Shape),
        weights.Values.DistinctBy(value => value.Name).ToDictionary(value => value.Name, value => value.Text));

    private static string Listed(IEnumerable<NetworkPlace> places) =>
        string.Join(", ", places.Select(place => $"'{CheckpointException.Sanitize(place.Name ?? "no prefix")}'"));

    private static IEnumerable<NetworkPlace> PlacesIn(TensorFile file)
    {
        var landmarks = GeneratorArchitectures.All.Select(architecture => architecture.MarkerTensor).OfType<string>().ToList();
        yield return new NetworkPlace("");
        foreach (var name in file.Tensors.Select(tensor => tensor.Name))
        {
            foreach (var part in NamePart.Split(name).TakeWhile(NetworkNames.MayBeGenerator))
                yield return new NetworkPlace(name[..part.End]);
            foreach (var landmark in landmarks)
                if (NamePart.EndsIn(name, landmark) && !NamePart.Split(name).Any(part => NetworkNames.IsDiscriminator(part.Text)))
                    yield return new NetworkPlace(name[..^landmark.Length]);
        }
    }

    // The beginning of a discriminator's name, or null for a tensor of something else.
    private static string? DiscriminatorOf(string name) => BeginningOf(name, NetworkNames.IsDiscriminator);

    // The beginning of a generator's name, or null for a tensor of something else.
    private static string? GeneratorOf(string name) =>
        BeginningOf(
            name, part => NetworkNames.IsGenerator(part) || (NetworkNames.IsAverage(part) && NetworkNames.IsWrapper(part)));

    // A name up to the first part that names such a network; null where one comes before it that says something else.
    private static string? BeginningOf(string name, Func<string, bool> isOfNetwork)
    {
        foreach (var part in NamePart.Split(name))
        {
            if (isOfNetwork(part.Text))
                return name[..part.End];
            if (!NetworkNames.IsWrapper(part.Text))
                return null;
        }

        return null;
    }

    private static NetworkPlace Unwrapped(TensorFile file, NetworkPlace place)
    {
        while (OnlyPartIn(file, place) is { } only && (NetworkNames.IsWrapper(only) || NetworkNames.IsDiscriminator(only)))
            place = new NetworkPlace(place.Prefix + only);
        return place;
    }

    // The part with which all names there begin, with its separator. Null where the names begin in several ways; null also where
    // numbers follow, because then the part is the name of a sequence of layers.
    private static string? OnlyPartIn(TensorFile file, NetworkPlace place)
    {
        var names = file.Tensors.Select(tensor => tensor.Name)
            .Where(name => name.StartsWith(place.Prefix, StringComparison.Ordinal))
            .Select(name => name[place.Prefix.Length..])
            .Where(name => !NetworkNames.IsOptimiser(name.Split('.', TensorFile.SectionSeparator)[0]))
            .ToList();
        var beginnings = names.Select(name => name[..(name.AsSpan().IndexOfAny('.', TensorFile.SectionSeparator) + 1)])
            .Distinct()
            .Take(2);
        return beginnings.ToList() is [{ Length: > 0 } only] && !names.TrueForAll(name => NumberFollows(name, only))
            ? only
            : null;
    }

    private static bool NumberFollows(string name, string beginning) =>
        name.Length > beginning.Length && char.IsAsciiDigit(name[beginning.Length]);

    private static bool IsTheSame(TensorFile one, TensorFile other)
    {
        return Places(one).SequenceEqual(Places(other));

        static IEnumerable<(string, StoredElements)> Places(TensorFile file) =>
            file.Tensors.Select(tensor => (tensor.Name, tensor.Elements));
    }
}

/// <summary>A generator in a file.</summary>
/// <param name="Place">Where in the file it lies.</param>
/// <param name="Architecture">Its architecture.</param>
/// <param name="Weights">Its tensors, under their names within the network.</param>
/// <param name="Stored">The shapes and values that the file holds of it.</param>
internal sealed record FoundGenerator(
    NetworkPlace Place, IGeneratorArchitecture Architecture, TensorFile Weights, StoredNetwork Stored)
{
    /// <summary>Whether it is an average over training.</summary>
    public bool IsAverage => Place.Parts.Any(NetworkNames.IsAverage);

    /// <summary>Whether it takes noise, and the file holds no fixed noise maps.</summary>
    public bool LacksNoise => Architecture.TakesNoise
        && !Stored.Shapes.Keys.Any(name =>
            name.StartsWith("noises.", StringComparison.Ordinal) || name.EndsWith(".noise_const", StringComparison.Ordinal));

    /// <summary>Whether it has the architecture and the shapes of another generator.</summary>
    public bool HasShapesOf(FoundGenerator other) => Architecture == other.Architecture
        && Weights.Tensors.All(
            tensor => !other.Stored.Shapes.TryGetValue(tensor.Name, out var shape)
                || shape.SequenceEqual(tensor.Shape));
}
