namespace AdaptThenUnlearn.Policies;

/// <summary>What the outputs of a classifier are, as a policy's <c>classifiers.NAME.outputs</c> says it.</summary>
public static class OutputKinds
{
    /// <summary>Logits of classes that exclude each other: the likeliest holds.</summary>
    public const string Softmax = "softmax";

    /// <summary>Logits of classes that have nothing to do with each other: none, one or several hold.</summary>
    public const string Sigmoid = "sigmoid";

    /// <summary>Probabilities of classes that exclude each other, from a program that ends in a softmax of its own: each row sums to 1.</summary>
    public const string Probabilities = "probabilities";

    /// <summary>Probabilities of classes that have nothing to do with each other, from a program that ends in a sigmoid of its own.</summary>
    public const string IndependentProbabilities = "independent-probabilities";

    /// <summary>All of them.</summary>
    public static IReadOnlyList<string> All { get; } = [Softmax, Sigmoid, Probabilities, IndependentProbabilities];

    /// <summary>Why one class cannot have such outputs, with the mend; null where it can.</summary>
    /// <param name="outputs">One of <see cref="All"/>; null for <see cref="Softmax"/>.</param>
    /// <param name="classes">How many classes there are.</param>
    public static string? SingleClassProblem(string? outputs, int classes) => classes != 1 ? null : outputs switch
    {
        null or Softmax => $"one class alone has the probability 1 of every image under '{Softmax}', so that each would show it: say \"outputs\": \"{Sigmoid}\"",
        Probabilities => $"one class alone would have to be 1 of every image: say \"outputs\": \"{IndependentProbabilities}\"",
        _ => null,
    };
}
