namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>Every method a policy can name. A new one: write its file, add its line.</summary>
public static class UnlearningMethods
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<IUnlearningMethod> All { get; } =
        [new AdaptThenUnlearnMethod(), new FineTuneMethod(), new ExtrapolationMethod(), new RetrainMethod()];

    /// <summary>Finds a method by its name.</summary>
    /// <exception cref="ArgumentException">The name is unknown.</exception>
    public static IUnlearningMethod Named(string name) => All.SingleOrDefault(method => method.Name == name)
        ?? throw new ArgumentException(
            $"'{name}' is not an unlearning method; use one of: {string.Join(", ", All.Select(method => method.Name))}");
}
