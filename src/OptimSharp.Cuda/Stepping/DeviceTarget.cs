using OptimSharp.Engine;

namespace OptimSharp.Cuda;

/// <summary>Where a parameter is on a device, and its gradient, if that is there.</summary>
internal readonly record struct ParameterPlace(nint Param, nint Grad);

/// <summary>A parameter in a step: where it is on the device, and which of its rows the step is for.</summary>
/// <param name="At">Where parameter, gradient and states are, and how many numbers the step is for. A sparse gradient has its rows one after the other.</param>
/// <param name="Types">What they are stored as.</param>
/// <param name="Slots">How many states the rule has.</param>
/// <param name="RowSize">How many numbers a row has.</param>
/// <param name="Rows">Which rows a sparse gradient has, rising; null: all.</param>
internal readonly record struct DeviceTarget(Places At, KernelTypes Types, int Slots, long RowSize, long[]? Rows)
{
    /// <summary>How many rows the step is for.</summary>
    public int RowCount => RowSize == 0 ? 0 : checked((int)(At.Count / RowSize));

    /// <summary>The same with one state more.</summary>
    /// <param name="address">Where it is.</param>
    /// <param name="type">What it is stored as.</param>
    public DeviceTarget With(nint address, ElementType type)
    {
        var at = At;
        at.States[Slots] = address;
        return this with { At = at, Types = Types.With(Slots, type), Slots = Slots + 1 };
    }

    /// <summary>Part of a row.</summary>
    /// <param name="row">Which one of those that the step is for.</param>
    /// <param name="first">Its first number.</param>
    /// <param name="count">How many.</param>
    public Places Row(int row, long first, long count)
    {
        long gradient = row * RowSize + first, place = (Rows?[row] ?? row) * RowSize + first;
        var at = At;
        at.Count = count;
        at.Param += (nint)(place * Types.Param.Size());
        at.Grad += (nint)(gradient * Types.Grad.Size());
        for (int slot = 0; slot < Slots; slot++)
            at.States[slot] += (nint)(place * Types.State(slot).Size());
        return at;
    }
}
