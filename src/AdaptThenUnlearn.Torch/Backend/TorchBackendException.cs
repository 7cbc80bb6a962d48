namespace AdaptThenUnlearn.Torch.Backend;

/// <summary>The tensor library is absent, or not on the device that was asked for.</summary>
public sealed class TorchBackendException(string message) : Exception(message);
