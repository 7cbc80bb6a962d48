namespace Cake.Frosting;

/// <summary>A stand-in for the base of a Frosting host's tasks.</summary>
public abstract class FrostingTask<TContext> : IFrostingTask
    where TContext : FrostingContext
{
    bool IFrostingTask.HandlesErrors =>
        GetType().GetMethod(nameof(OnError), [typeof(Exception), typeof(TContext)])!.DeclaringType
            != typeof(FrostingTask<TContext>);

    /// <summary>Does the task's work.</summary>
    public virtual void Run(TContext context)
    {
    }

    /// <summary>Handles what <see cref="Run"/> threw; where it does not throw again, the build goes on.</summary>
    public virtual void OnError(Exception exception, TContext context)
    {
    }

    void IFrostingTask.Run(object context) => Run((TContext)context);

    void IFrostingTask.OnError(Exception exception, object context) => OnError(exception, (TContext)context);
}

/// <summary>A stand-in for a task as the host sees it.</summary>
internal interface IFrostingTask
{
    bool HandlesErrors { get; }

    void Run(object context);

    void OnError(Exception exception, object context);
}

/// <summary>A stand-in for the attribute that names a task.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class TaskNameAttribute(string name) : Attribute
{
    /// <summary>The name.</summary>
    public string Name { get; } = name;
}
