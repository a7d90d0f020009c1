namespace OptimSharp.Engine;

/// <summary>What is done with the memory of gradients while they are open: how they lie decides what can be.</summary>
internal enum GradientUse
{
    /// <summary>They are read.</summary>
    Read,

    /// <summary>They are changed, and nobody looks at them afterwards: a copy of one in host memory does as well.</summary>
    Change,

    /// <summary>They are written to: no two elements of one may share their memory.</summary>
    Write,
}
