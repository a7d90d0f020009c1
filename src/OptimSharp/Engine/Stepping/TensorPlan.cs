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
    readonly List<TensorMath> maths = []; // of host memory, and of each device

    public void Add<TRule, T>(in TRule rule, in StepTarget target, List<StateTensor>? l0, List<StateTensor>? l1)
        where TRule : struct, ITensorRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var math = MathFor(target.Parameter);
        foreach (var batch in batches)
        {
            if (batch is Batch<TRule, T> match)
            {
                match.Items.Add((rule, target, l0, l1, math));
                return;
            }
        }
        var made = new Batch<TRule, T>();
        made.Items.Add((rule, target, l0, l1, math));
        batches.Add(made);
    }

    TensorMath MathFor(Parameter parameter)
    {
        var backend = parameter.Backend;
        foreach (var known in maths)
        {
            if (backend.IsFor(known.Device, parameter))
                return known;
        }
        var math = new TensorMath(backend.CreateDeviceOps(parameter));
        maths.Add(math);
        return math;
    }

    /// <param name="hasBegun">Becomes true when a parameter or its state are about to change.</param>
    public void Run(ref bool hasBegun)
    {
        foreach (var batch in batches)
            batch.Run(ref hasBegun);
    }

    public void Clear()
    {
        foreach (var batch in batches)
            batch.Clear();
    }

    abstract class Batch
    {
        public abstract void Run(ref bool hasBegun);

        public abstract void Clear();
    }

    sealed unsafe class Batch<TRule, T> : Batch
        where TRule : struct, ITensorRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        public List<(TRule Rule, StepTarget Target, List<StateTensor>? L0, List<StateTensor>? L1, TensorMath Math)> Items { get; } = [];

        public override void Clear() => Items.Clear();

        public override void Run(ref bool hasBegun)
        {
            foreach (var (rule, target, l0, l1, math) in Items)
            {
                if (target.Parameter.Count == 0)
                    continue;
                try
                {
                    if (math.Device is { } device)
                        RunThere(rule, target, new(math, l0), new(math, l1), math, device, ref hasBegun);
                    else
                        Run(rule, target, new(math, l0), new(math, l1), math, ref hasBegun);
                }
                finally
                {
                    math.End();
                }
            }
        }

        /// <summary>In place where memory is the host's and of the compute type; else through scratch memory.</summary>
        static void Run(TRule rule, in StepTarget target, MatrixList<T> l0, MatrixList<T> l1, TensorMath math, ref bool hasBegun)
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
                hasBegun = true;
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

        /// <summary>On the device: in place where the numbers are of the compute type, row by row; else on copies there.</summary>
        static void RunThere(TRule rule, in StepTarget target, MatrixList<T> l0, MatrixList<T> l1, TensorMath math, DeviceOps device, ref bool hasBegun)
        {
            var parameter = target.Parameter;
            int parts = parameter.ElementType.Parts();
            DeviceMemory? param = device.Place<T>(parameter, ofGradient: false), grad = device.Place<T>(parameter, ofGradient: true);
            var x = new TensorCell<T>
            {
                Param = Of(null, parameter.Shape, parts, math, param ?? device.Take<T>((nint)parameter.Numbers)),
                Grad = Of(null, parameter.Shape, parts, math, grad ?? device.Take<T>((nint)parameter.Numbers)),
                S0 = OpenThere(target.States.S0, parts, math, device),
                S1 = OpenThere(target.States.S1, parts, math, device),
                S2 = OpenThere(target.States.S2, parts, math, device),
                S3 = OpenThere(target.States.S3, parts, math, device),
                S4 = OpenThere(target.States.S4, parts, math, device),
                S5 = OpenThere(target.States.S5, parts, math, device),
                L0 = l0,
                L1 = l1,
            };
            if (param is null)
                device.Read(parameter, ofGradient: false, x.Param);
            if (grad is null)
                device.Read(parameter, ofGradient: true, x.Grad);
            hasBegun = true;
            rule.Update(x, math);
            CloseThere(target.States.S0, x.S0, device);
            CloseThere(target.States.S1, x.S1, device);
            CloseThere(target.States.S2, x.S2, device);
            CloseThere(target.States.S3, x.S3, device);
            CloseThere(target.States.S4, x.S4, device);
            CloseThere(target.States.S5, x.S5, device);
            if (param is null)
                device.Write(x.Param, parameter);
        }

        static Matrices<T> OpenThere(StateTensor? state, int parts, TensorMath math, DeviceOps device)
        {
            if (state is null)
                return default;
            var place = device.Place<T>(state);
            var opened = Of(null, state.Shape, parts, math, place ?? device.Take<T>((nint)state.Numbers));
            if (place is null)
                device.Read(state, opened);
            return opened;
        }

        static void CloseThere(StateTensor? state, Matrices<T> values, DeviceOps device)
        {
            if (state is not null && device.Place<T>(state) is null)
                device.Write(values, state);
        }

        static Matrices<T> Of(T* start, ReadOnlySpan<long> shape, int parts, TensorMath math, DeviceMemory? memory = null)
        {
            nint columns = shape.Length > 0 ? (nint)shape[^1] : 1, rows = shape.Length > 1 ? (nint)shape[^2] : 1, batch = 1;
            for (int i = 0; i < shape.Length - 2; i++)
                batch *= (nint)shape[i];
            return new(math, start, batch, rows, columns * parts, memory);
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
