using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>
/// Runs a rule over a stretch of host memory, whatever it is stored as. What is stored in the compute type is updated
/// in place; anything else goes through a block that fits the first-level cache: widened, updated, rounded back.
/// </summary>
internal static unsafe class HostKernel<TRule, T>
    where TRule : struct, IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    const int Block = 512;

    /// <summary>Updates elements <paramref name="first"/> to <paramref name="last"/> (not included).</summary>
    public static void Run(in TRule rule, in StepPlan.Work work, nint first, nint last, bool wide)
    {
        fixed (byte* p = &work.Param.Start, g = &work.Grad.Start)
        {
            byte* a = work.S0, b = work.S1, c = work.S2;
            if (work.Frame is not null)
            {
                FramedKernel<TRule, T>.Run(rule, work, p, g, a, b, c, first, last, wide);
                return;
            }
            if (work.Rows is not { } rows)
            {
                Stretch(rule, work, p, g, a, b, c, first, first, last - first, wide);
                return;
            }
            while (first < last)
            {
                nint row = first / work.RowSize, column = first - row * work.RowSize;
                nint count = Math.Min(work.RowSize - column, last - first);
                Stretch(rule, work, p, g, a, b, c, (nint)rows[row] * work.RowSize + column, first, count, wide);
                first += count;
            }
        }
    }

    /// <summary>Elements from <paramref name="at"/> on in parameter and state, with the gradient from <paramref name="gradAt"/> on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Stretch(in TRule rule, in StepPlan.Work work, byte* p, byte* g, byte* a, byte* b, byte* c, nint at, nint gradAt, nint count, bool wide)
    {
        nint param = at * work.ParamType.Size(), grad = gradAt * work.GradType.Size(), state = at * work.StateType.Size();
        var type = Storage.Of<T>();
        if (work.ParamType == type && work.GradType == type && (TRule.Slots == 0 || work.StateType == type))
        {
            ElementwiseKernel<TRule, T>.Run<Off>(rule, (T*)(p + param), (T*)(g + grad),
                (T*)(a + state), (T*)(b + state), (T*)(c + state), count, wide);
        }
        else
        {
            if (typeof(T) == typeof(float) && wide && Vector.IsHardwareAccelerated
                && work.ParamType == ElementType.BFloat16 && work.GradType == ElementType.BFloat16 && (TRule.Slots == 0 || work.StateType == type))
            {
                nint done = TRule.Slots > 0 // where state is float, nothing is rounded but the parameter in the end
                    ? BFloat16Kernel<TRule, T>.Run<Off>(rule, (BFloat16*)(p + param), (BFloat16*)(g + grad), (T*)(a + state), (T*)(b + state), (T*)(c + state), count)
                    : BFloat16Kernel<TRule, T>.Run<On>(rule, (BFloat16*)(p + param), (BFloat16*)(g + grad), null, null, null, count);
                (param, grad, state, count) = (param + done * sizeof(BFloat16), grad + done * sizeof(BFloat16), state + done * sizeof(float), count - done);
            }
            Staged(rule, work, p + param, g + grad, a + state, b + state, c + state, count, wide);
        }
    }

    [SkipLocalsInit]
    static void Staged(in TRule rule, in StepPlan.Work work, byte* p, byte* g, byte* a, byte* b, byte* c, nint count, bool wide)
    {
        T* memory = stackalloc T[(2 + TRule.Slots) * Block];
        T* param = memory, grad = memory + Block, s0 = grad + Block, s1 = s0 + Block, s2 = s1 + Block;
        while (count > 0)
        {
            int n = (int)Math.Min(count, Block);
            Storage.Load(p, work.ParamType, param, n);
            Storage.Load(g, work.GradType, grad, n);
            if (TRule.Slots > 0) Storage.Load(a, work.StateType, s0, n);
            if (TRule.Slots > 1) Storage.Load(b, work.StateType, s1, n);
            if (TRule.Slots > 2) Storage.Load(c, work.StateType, s2, n);
            ElementwiseKernel<TRule, T>.Run<On>(rule, param, grad, s0, s1, s2, n, wide);
            Storage.Save(param, p, work.ParamType, n);
            if (TRule.Slots > 0) Storage.Save(s0, a, work.StateType, n);
            if (TRule.Slots > 1) Storage.Save(s1, b, work.StateType, n);
            if (TRule.Slots > 2) Storage.Save(s2, c, work.StateType, n);

            nint stateStep = n * work.StateType.Size();
            p += n * work.ParamType.Size();
            g += n * work.GradType.Size();
            a += stateStep;
            b += stateStep;
            c += stateStep;
            count -= n;
        }
    }
}
