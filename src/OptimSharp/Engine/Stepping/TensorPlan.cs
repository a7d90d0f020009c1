using System.Numerics;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>
/// One step's whole-tensor work: (update, parameter, states), one after the other, each with several threads inside. The lists
/// are reused, so a warm step allocates nothing.
/// </summary>
internal sealed class TensorPlan
{
    readonly List<Batch> batches = [];
    TensorOps? ops;

    public void Add<TUpdate, T>(in TUpdate update, in StepTarget target)
        where TUpdate : struct, ITensorUpdate<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        ops ??= target.Parameter.Backend.CreateTensorOps();
        foreach (var batch in batches)
        {
            if (batch is Batch<TUpdate, T> match)
            {
                match.Items.Add((update, target));
                return;
            }
        }
        var made = new Batch<TUpdate, T>();
        made.Items.Add((update, target));
        batches.Add(made);
    }

    public void Run()
    {
        foreach (var batch in batches)
            batch.Run(ops!);
    }

    public void Clear()
    {
        foreach (var batch in batches)
            batch.Clear();
    }

    abstract class Batch
    {
        public abstract void Run(TensorOps ops);

        public abstract void Clear();
    }

    sealed unsafe class Batch<TUpdate, T> : Batch
        where TUpdate : struct, ITensorUpdate<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        public List<(TUpdate Update, StepTarget Target)> Items { get; } = [];

        public override void Clear() => Items.Clear();

        public override void Run(TensorOps ops)
        {
            foreach (var (update, target) in Items)
            {
                if (target.Parameter.Count > 0)
                    Run(update, target, ops);
                ops.Release();
            }
        }

        /// <summary>In place where memory is the host's and of the compute type; else through scratch memory.</summary>
        static void Run(TUpdate update, in StepTarget target, TensorOps ops)
        {
            var parameter = target.Parameter;
            var shape = parameter.Shape;
            nint count = (nint)parameter.Numbers;
            var x = new WholeTensor<T> { Columns = shape.Length > 0 ? (nint)shape[^1] : 1, Rows = shape.Length > 1 ? (nint)shape[^2] : 1 };
            x.Batch = count / (x.Rows * x.Columns);
            bool onHost = !target.Memory.Values.IsNull, inPlace = onHost && parameter.ElementType == Storage.Of<T>();
            fixed (byte* values = &target.Memory.Values.Start, gradient = &target.Memory.Gradient.Start)
            {
                x.Param = inPlace ? (T*)values : ops.Take<T>(count);
                x.Grad = inPlace ? (T*)gradient : ops.Take<T>(count);
                if (!inPlace && onHost)
                {
                    Storage.Load(values, parameter.ElementType, x.Param, count);
                    Storage.Load(gradient, parameter.ElementType, x.Grad, count);
                }
                else if (!inPlace)
                {
                    parameter.Read(x.Param, ofGradient: false);
                    parameter.Read(x.Grad, ofGradient: true);
                }
                x.S0 = Open(target.S0, ops);
                x.S1 = Open(target.S1, ops);
                update.Update(x, ops);
                Close(target.S0, x.S0);
                Close(target.S1, x.S1);
                if (!inPlace && onHost)
                    Storage.Save(x.Param, values, parameter.ElementType, count);
                else if (!inPlace)
                    parameter.Write(x.Param);
            }
        }

        static T* Open(StateTensor? state, TensorOps ops)
        {
            if (state is null)
                return null;
            if (state is HostTensor { Start: var start } && state.Type == Storage.Of<T>())
                return (T*)start;
            T* copy = ops.Take<T>((nint)state.Numbers);
            state.Read(copy);
            return copy;
        }

        static void Close(StateTensor? state, T* values)
        {
            if (state is not null && !(state is HostTensor && state.Type == Storage.Of<T>()))
                state.Write(values);
        }
    }
}
