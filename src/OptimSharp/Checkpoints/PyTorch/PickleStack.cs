using System.Runtime.InteropServices;

namespace OptimSharp.PyTorch;

/// <summary>The stack that a pickle is read with, and its marks.</summary>
internal sealed class PickleStack(PickleInput input, Func<string, CheckpointException> error)
{
    readonly List<object?> values = [];
    readonly List<int> marks = [];

    public bool IsEmpty => values.Count == 0 && marks.Count == 0;

    /// <summary>Whether nothing is left since the last mark.</summary>
    public bool IsAtFloor => values.Count == Floor;

    int Floor => marks.Count > 0 ? marks[^1] : 0;

    public void Push(object? value) => values.Add(value);

    public void Mark() => marks.Add(values.Count);

    public object? Top() => !IsAtFloor ? values[^1] : throw TooFew();

    public object? Pop() => Pop(1)[0];

    public object?[] Pop(int count) => values.Count - Floor >= count ? Take(values.Count - count) : throw TooFew();

    public object?[] PopToMark()
    {
        if (marks.Count == 0)
            throw error($"has the end of a list without its start, before byte {input.At}");
        object?[] items = Take(marks[^1]);
        marks.RemoveAt(marks.Count - 1);
        return items;
    }

    /// <summary>Takes away a mark with nothing behind it, if there is one.</summary>
    public bool PopMark()
    {
        if (marks.Count == 0 || !IsAtFloor)
            return false;
        marks.RemoveAt(marks.Count - 1);
        return true;
    }

    object?[] Take(int first)
    {
        object?[] items = CollectionsMarshal.AsSpan(values)[first..].ToArray();
        values.RemoveRange(first, values.Count - first);
        return items;
    }

    CheckpointException TooFew() => error($"takes more from its stack than is there, before byte {input.At}");
}
