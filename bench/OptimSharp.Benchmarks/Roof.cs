using OptimSharp.Kernels;

namespace OptimSharp.Benchmarks;

/// <summary>
/// The memory's roof: reads and writes the same bytes as an optimizer with this many state tensors, and computes next to nothing.
/// </summary>
sealed unsafe class Roof : IContender
{
    readonly StepPlan plan = new();
    readonly Parameter[] parameters;
    readonly HostTensor[][] states;
    readonly Workload workload;
    readonly int slots;

    public Roof(Workload workload, int slots)
    {
        this.workload = workload;
        this.slots = slots;
        parameters = [.. workload.Parameters];
        states = [.. parameters.Select(p => Enumerable.Range(0, slots)
            .Select(_ => new HostTensor(p.Shape, p.ElementType.Compute())).ToArray())];
    }

    public void Step()
    {
        for (int i = 0; i < parameters.Length; i++)
        {
            parameters[i].BeginStep(out var memory);
            var work = new StepPlan.Work
            {
                Param = memory.Values,
                Grad = memory.Gradient,
                S0 = slots > 0 ? (byte*)states[i][0].Start : null,
                S1 = slots > 1 ? (byte*)states[i][1].Start : null,
                S2 = slots > 2 ? (byte*)states[i][2].Start : null,
                ParamType = parameters[i].ElementType,
                GradType = parameters[i].ElementType,
                StateType = parameters[i].ElementType.Compute(),
                Count = (nint)parameters[i].Count,
            };
            switch (slots)
            {
                case 0: plan.Add<MoveRule<None>, float>(default, work); break;
                case 1: plan.Add<MoveRule<One>, float>(default, work); break;
                case 2: plan.Add<MoveRule<Two>, float>(default, work); break;
                default: plan.Add<MoveRule<Three>, float>(default, work); break;
            }
        }
        plan.Run(Execution.ThreadCount);
        foreach (var parameter in parameters)
            parameter.EndStep();
    }

    public void Dispose()
    {
        foreach (var state in states.SelectMany(s => s))
            state.Dispose();
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
