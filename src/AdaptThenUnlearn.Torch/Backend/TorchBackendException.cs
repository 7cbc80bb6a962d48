namespace AdaptThenUnlearn.Torch.Backend;

/// <summary>libtorch is missing, or does not support the device that was asked for.</summary>
public sealed class TorchBackendException(string message) : Exception(message);
