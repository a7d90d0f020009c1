using OptimSharp.Engine;
using OptimSharp.Rules;

namespace OptimSharp.Benchmarks;

/// <summary>
/// The memory's roof: opens the same gradients, reads and writes the same bytes as an optimizer with this many state tensors, and computes
/// next to nothing.
/// </summary>
sealed class Roof : IContender
{
    readonly StepPlan plan = new();
    readonly OpenGradients opening = new();
    readonly StepContext.Entry[] entries;
    readonly HostTensor?[][] states;
    readonly Workload workload;
    readonly int slots;

    public Roof(Workload workload, int slots)
    {
        this.workload = workload;
        this.slots = slots;
        entries = [.. workload.Parameters.Select(p => new StepContext.Entry { Parameter = p })];
        states = [.. workload.Parameters.Select(p => Enumerable.Range(0, 3)
            .Select(i => i < slots ? new HostTensor(p.Shape, p.ElementType.Compute()) : null).ToArray())];
    }

    public void Step()
    {
        opening.Run(entries, Execution.ThreadCount, GradientUse.Read);
        for (int i = 0; i < entries.Length; i++)
        {
            var target = new StepTarget(entries[i].Parameter, entries[i].Memory, entries[i].Parameter.ElementType, null, null, new() { S0 = states[i][0], S1 = states[i][1], S2 = states[i][2] });
            switch (slots)
            {
                case 0: plan.AddParameter<MoveRule<None>, float>(default, target); break;
                case 1: plan.AddParameter<MoveRule<One>, float>(default, target); break;
                case 2: plan.AddParameter<MoveRule<Two>, float>(default, target); break;
                default: plan.AddParameter<MoveRule<Three>, float>(default, target); break;
            }
        }
        plan.Run(Execution.ThreadCount);
        foreach (ref var entry in entries.AsSpan())
        {
            entry.Parameter.EndStep();
            entry.Memory = default;
        }
    }

    public void Dispose()
    {
        foreach (var state in states.SelectMany(s => s))
            state?.Dispose();
        workload.Dispose();
    }

    interface ICount
    {
        static abstract int Value { get; }
    }

    readonly struct None : ICount
    {
        public static int Value => 0;
    }

    readonly struct One : ICount
    {
        public static int Value => 1;
    }

    readonly struct Two : ICount
    {
        public static int Value => 2;
    }

    readonly struct Three : ICount
    {
        public static int Value => 3;
    }

    readonly struct MoveRule<TSlots> : IUpdateRule<float> where TSlots : ICount
    {
        public static int Slots => TSlots.Value;

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.AggressiveInlining)]
        public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, float>
        {
            var g = x.Grad;
            if (Slots > 0)
                x.S0 += g;
            if (Slots > 1)
                x.S1 += g;
            if (Slots > 2)
                x.S2 += g;
            x.Param += g;
        }
    }
}
