using System.Numerics;
using System.Runtime.CompilerServices;

namespace OptimSharp.Engine;

/// <summary>
/// A number for what a value is computed from and how: equal for equal formulas, in every process and on every machine; for two others the same one
/// by chance in 2⁶⁴. It costs a few cycles an operation, so a rule's can be taken at every step.
/// </summary>
internal static class Fingerprint
{
    /// <summary>Of a literal: 0 has 0, as the value that a lane has by default.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Literal(int value) => value == 0 ? 0 : Of(Operation.Literal, (ulong)value);

    /// <summary>Of an operation and the fingerprints of its operands; of what is read, and the number of it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Of(Operation operation, ulong a, ulong b = 0) =>
        Mix(a * 0x9E3779B97F4A7C15 + BitOperations.RotateLeft(b, 29) * 0xC2B2AE3D27D4EB4F + ((ulong)operation + 1) * 0x165667B19E3779F9);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Of(Operation operation, ulong a, ulong b, ulong c, ulong d) => Of(operation, Of(operation, a, b), Of(operation, c, d));

    /// <summary>Of a whole rule: what becomes of the parameter, of the states and, where the rule writes it, of the gradient, and how many coefficients were asked for.</summary>
    public static ulong Of(ulong param, ReadOnlySpan<ulong> states, int coefficients, ulong? grad)
    {
        ulong all = Mix(param + (ulong)coefficients);
        if (grad is { } written)
            all = Of(Operation.Grad, all, written);
        foreach (ulong state in states)
            all = Of(Operation.State, all, state);
        return all;
    }

    /// <summary>Of what a rule measures: what is summed, how many coefficients were asked for, and how many states lie before them in a kernel's row.</summary>
    public static ulong OfSums(ReadOnlySpan<ulong> sums, int coefficients, int states)
    {
        ulong all = Mix((ulong)coefficients + ((ulong)states << 32) + 0x27D4EB2F165667C5);
        foreach (ulong sum in sums)
            all = Of(Operation.Add, all, sum);
        return all;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static ulong Mix(ulong x)
    {
        x = (x ^ (x >> 32)) * 0xD6E8FEB86659FD93;
        return x ^ (x >> 32);
    }
}
