namespace AdaptThenUnlearn.Torch.Checkpoints.Tensors;

/// <summary>A value beside the tensors.</summary>
/// <param name="Name">Its full name, sections as in <see cref="TensorFile"/>: <c>args/latent</c>.</param>
/// <param name="Kind">
/// <c>none</c>, <c>boolean</c>, <c>integer</c>, <c>number</c>, <c>text</c>, <c>bytes</c>, <c>list</c>, <c>dictionary</c> or
/// <c>opaque</c>.
/// </param>
/// <param name="Text">Its text (invariant culture), shortened where it is long.</param>
public sealed record PlainValue(string Name, string Kind, string Text);
