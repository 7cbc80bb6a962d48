namespace AdaptThenUnlearn.Policies;

/// <summary>Values that an editor offers as examples.</summary>
/// <remarks>On a list they are examples of its items.</remarks>
[AttributeUsage(AttributeTargets.Parameter)]
internal sealed class ExamplesAttribute(params object[] values) : Attribute
{
    public IReadOnlyList<object> Values => values;
}

/// <summary>The value that a property has when it is absent, although the record keeps it as null.</summary>
/// <remarks>Other defaults are in <see cref="PolicyDefaults"/>.</remarks>
[AttributeUsage(AttributeTargets.Parameter)]
internal sealed class AbsentMeansAttribute(object value) : Attribute
{
    public object Value => value;
}
