namespace AdaptThenUnlearn.Torch.Models;

/// <summary>A network lacks a tensor that every network of its kind has.</summary>
/// <param name="tensor">Its name.</param>
public sealed class MissingTensorException(string tensor) : ArgumentException($"it has no '{tensor}'");
