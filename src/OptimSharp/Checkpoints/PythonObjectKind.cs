namespace OptimSharp;

/// <summary>How Python would make a <see cref="PythonObject"/>.</summary>
public enum PythonObjectKind
{
    /// <summary>It is the class or function itself, as <c>torch.nn.functional.relu</c>.</summary>
    Reference,

    /// <summary>The class or function called with the arguments, as <c>datetime.timedelta(3)</c>.</summary>
    Call,

    /// <summary>An instance of the class that was not initialised: <c>cls.__new__(cls, …)</c>; all that it has is in state, items and entries.</summary>
    Instance,

    /// <summary>A storage that stands for itself; its one argument is a tensor of its elements.</summary>
    Storage,
}
