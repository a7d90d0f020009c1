using System.Numerics;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>
/// One step's whole-tensor work: (rule, parameter, states), one after the other, each with several threads inside. The lists
/// are reused, so a warm step allocates nothing.
/// </summary>
internal sealed class TensorPlan
{
    readonly List<Batch> batches = [];
    TensorMath? math;

    public void Add<TRule, T>(in TRule rule, in StepTarget target, List<StateTensor>? l0, List<StateTensor>? l1)
        where TRule : struct, ITensorRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        math ??= new(target.Parameter.Backend.CreateTensorOps());
        foreach (var batch in batches)
        {
            if (batch is Batch<TRule, T> match)
            {
                match.Items.Add((rule, target, l0, l1));
                return;
            }
        }
        var made = new Batch<TRule, T>();
        made.Items.Add((rule, target, l0, l1));
        batches.Add(made);
    }

    public void Run()
    {
        foreach (var batch in batches)
            batch.Run(math!);
    }

    public void Clear()
    {
        foreach (var batch in batches)
            batch.Clear();
    }

    abstract class Batch
    {
        public abstract void Run(TensorMath math);

        public abstract void Clear();
    }

    sealed unsafe class Batch<TRule, T> : Batch
        where TRule : struct, ITensorRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        public List<(TRule Rule, StepTarget Target, List<StateTensor>? L0, List<StateTensor>? L1)> Items { get; } = [];

        public override void Clear() => Items.Clear();

        public override void Run(TensorMath math)
        {
            foreach (var (rule, target, l0, l1) in Items)
            {
                if (target.Parameter.Count == 0)
                    continue;
                try
                {
                    Run(rule, target, new(math, l0), new(math, l1), math);
                }
                finally
                {
                    math.End();
                }
            }
        }

        /// <summary>In place where memory is the host's and of the compute type; else through scratch memory.</summary>
        static void Run(TRule rule, in StepTarget target, MatrixList<T> l0, MatrixList<T> l1, TensorMath math)
        {
            var parameter = target.Parameter;
            nint count = (nint)parameter.Numbers;
            bool onHost = !target.Memory.Values.IsNull, inPlace = onHost && parameter.ElementType == Storage.Of<T>();
            fixed (byte* values = &target.Memory.Values.Start, gradient = &target.Memory.Gradient.Start)
            {
                T* param = inPlace ? (T*)values : math.Ops.Take<T>(count), grad = inPlace ? (T*)gradient : math.Ops.Take<T>(count);
                if (!inPlace && onHost)
                {
                    if (target.States.Kept is { } kept)
                        kept.LoadAll((BFloat16*)values, (float*)param, count);
                    else
                        Storage.Load(values, parameter.ElementType.Real(), param, count);
                    Storage.Load(gradient, parameter.ElementType.Real(), grad, count);
                }
                else if (!inPlace)
                {
                    parameter.Read(param, ofGradient: false);
                    parameter.Read(grad, ofGradient: true);
                }
                int parts = parameter.ElementType.Parts();
                var x = new TensorCell<T>
                {
                    Param = Of(param, parameter.Shape, parts, math),
                    Grad = Of(grad, parameter.Shape, parts, math),
                    S0 = Open(target.States.S0, parts, math),
                    S1 = Open(target.States.S1, parts, math),
                    S2 = Open(target.States.S2, parts, math),
                    S3 = Open(target.States.S3, parts, math),
                    S4 = Open(target.States.S4, parts, math),
                    S5 = Open(target.States.S5, parts, math),
                    L0 = l0,
                    L1 = l1,
                };
                rule.Update(x, math);
                Close(target.States.S0, x.S0);
                Close(target.States.S1, x.S1);
                Close(target.States.S2, x.S2);
                Close(target.States.S3, x.S3);
                Close(target.States.S4, x.S4);
                Close(target.States.S5, x.S5);
                if (target.States.Kept is { } keeping)
                    keeping.SaveAll((float*)param, (BFloat16*)values, count);
                else if (!inPlace && onHost)
                    Storage.Save(param, values, parameter.ElementType.Real(), count);
                else if (!inPlace)
                    parameter.Write(param);
            }
        }

        static Matrices<T> Of(T* start, ReadOnlySpan<long> shape, int parts, TensorMath math)
        {
            nint columns = shape.Length > 0 ? (nint)shape[^1] : 1, rows = shape.Length > 1 ? (nint)shape[^2] : 1, batch = 1;
            for (int i = 0; i < shape.Length - 2; i++)
                batch *= (nint)shape[i];
            return new(math, start, batch, rows, columns * parts);
        }

        static Matrices<T> Open(StateTensor? state, int parts, TensorMath math)
        {
            if (state is null)
                return default;
            if (state is HostTensor { Start: var start } && state.Type == Storage.Of<T>())
                return Of((T*)start, state.Shape, parts, math);
            T* copy = math.Ops.Take<T>((nint)state.Numbers);
            state.Read(copy);
            return Of(copy, state.Shape, parts, math);
        }

        static void Close(StateTensor? state, Matrices<T> values)
        {
            if (state is not null && !(state is HostTensor && state.Type == Storage.Of<T>()))
                state.Write(values.Start);
        }
    }
}
