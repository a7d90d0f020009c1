using System.Numerics;
using System.Runtime.CompilerServices;

namespace OptimSharp.Kernels;

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
        fixed (byte* a = &work.S0.Start, b = &work.S1.Start, c = &work.S2.Start)
        {
            nint param = first * work.ParamType.Size(), state = first * work.StateType.Size();
            if (work.ParamType == Storage.Of<T>() && (TRule.Slots == 0 || work.StateType == Storage.Of<T>()))
            {
                ElementwiseKernel<TRule, T>.Run(rule, (T*)(p + param), (T*)(g + param),
                    (T*)(a + state), (T*)(b + state), (T*)(c + state), last - first, wide);
            }
            else
            {
                Staged(rule, work, p + param, g + param, a + state, b + state, c + state, last - first, wide);
            }
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
            Storage.Load(g, work.ParamType, grad, n);
            if (TRule.Slots > 0) Storage.Load(a, work.StateType, s0, n);
            if (TRule.Slots > 1) Storage.Load(b, work.StateType, s1, n);
            if (TRule.Slots > 2) Storage.Load(c, work.StateType, s2, n);
            ElementwiseKernel<TRule, T>.Run(rule, param, grad, s0, s1, s2, n, wide);
            Storage.Save(param, p, work.ParamType, n);
            if (TRule.Slots > 0) Storage.Save(s0, a, work.StateType, n);
            if (TRule.Slots > 1) Storage.Save(s1, b, work.StateType, n);
            if (TRule.Slots > 2) Storage.Save(s2, c, work.StateType, n);

            nint paramStep = n * work.ParamType.Size(), stateStep = n * work.StateType.Size();
            p += paramStep;
            g += paramStep;
            a += stateStep;
            b += stateStep;
            c += stateStep;
            count -= n;
        }
    }
}
