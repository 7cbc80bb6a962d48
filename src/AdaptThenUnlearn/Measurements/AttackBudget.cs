namespace AdaptThenUnlearn.Measurements;

/// <summary>How much an attack may spend.</summary>
/// <param name="Samples">Images for each rate that is counted; at least 1.</param>
/// <param name="Starts">Latents from which each search starts; at least 1.</param>
/// <param name="Steps">Gradient steps of each search; at least 1.</param>
/// <param name="TrainingSteps">Most training steps of an attack that trains; at least 10.</param>
/// <param name="Negatives">Most images of the feature that an attack trains on; at least 1.</param>
public sealed record AttackBudget(int Samples, int Starts, int Steps, int TrainingSteps = 50, int Negatives = 10)
{
    /// <summary>For a first look: minutes on the embedded generators.</summary>
    public static AttackBudget Quick { get; } = new(Samples: 300, Starts: 24, Steps: 40);

    /// <summary>For a result to report.</summary>
    public static AttackBudget Full { get; } = new(Samples: 2000, Starts: 200, Steps: 200, TrainingSteps: 200, Negatives: 50);

    /// <summary>Every profile by its name.</summary>
    public static IReadOnlyDictionary<string, AttackBudget> Profiles { get; } =
        new Dictionary<string, AttackBudget> { ["quick"] = Quick, ["full"] = Full };
}
