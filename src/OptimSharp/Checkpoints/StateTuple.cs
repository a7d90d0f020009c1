using System.Collections;

namespace OptimSharp;

/// <summary>
/// A list of a <see cref="StateDict"/> that is a tuple in Python, as an optimizer's <c>betas</c>. It is read like a list; what tells it apart is
/// what it is written as. C# tuples become one: <c>dict["betas"] = (0.9, 0.999)</c>.
/// </summary>
/// <param name="items">The values.</param>
/// <param name="pythonType">The class in a PyTorch file when it isn't a plain <c>tuple</c>: <c>torch.Size</c>.</param>
public sealed class StateTuple(IEnumerable<object?> items, string? pythonType = null) : IReadOnlyList<object?>
{
    readonly object?[] items = [.. items];

    /// <summary>The class in a PyTorch file when it isn't a plain <c>tuple</c>: <c>torch.Size</c>. Else null.</summary>
    public string? PythonType { get; } = pythonType;

    /// <summary>How many values there are.</summary>
    public int Count => items.Length;

    /// <summary>A value.</summary>
    public object? this[int index] => items[index];

    /// <summary>The values.</summary>
    public IEnumerator<object?> GetEnumerator() => items.AsEnumerable().GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The values as Python writes them: <c>(0.9, 0.999)</c>.</summary>
    public override string ToString() => StateDict.Text(this);
}
