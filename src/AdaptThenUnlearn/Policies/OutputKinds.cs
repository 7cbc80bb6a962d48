namespace AdaptThenUnlearn.Policies;

/// <summary>What the outputs of a classifier are: the values of <c>classifiers.NAME.outputs</c>.</summary>
public static class OutputKinds
{
    /// <summary>Logits of classes that exclude each other: the likeliest class holds.</summary>
    public const string Softmax = "softmax";

    /// <summary>Logits of independent classes: none, one or several hold.</summary>
    public const string Sigmoid = "sigmoid";

    /// <summary>
    /// Probabilities of classes that exclude each other, from a program that ends in its own softmax: each row sums to 1.
    /// </summary>
    public const string Probabilities = "probabilities";

    /// <summary>Probabilities of independent classes, from a program that ends in its own sigmoid.</summary>
    public const string IndependentProbabilities = "independent-probabilities";

    /// <summary>All kinds.</summary>
    public static IReadOnlyList<string> All { get; } = [Softmax, Sigmoid, Probabilities, IndependentProbabilities];

    /// <summary>Why a classifier with one class cannot have such outputs, and what to use instead; null where it can.</summary>
    /// <param name="outputs">One of <see cref="All"/>; null for <see cref="Softmax"/>.</param>
    /// <param name="classes">How many classes there are.</param>
    public static string? SingleClassProblem(string? outputs, int classes) => classes != 1 ? null : outputs switch
    {
        null or Softmax =>
            $"one class alone has probability 1 for every image with '{Softmax}', so every image would show it: "
            + $"say \"outputs\": \"{Sigmoid}\"",
        Probabilities =>
            $"one class alone would need probability 1 for every image: say \"outputs\": \"{IndependentProbabilities}\"",
        _ => null,
    };
}
