using OptimSharp.Engine;

namespace OptimSharp.Cuda.Tests;

/// <summary>A trial's parameters once more in a device's memory, with an optimizer of their own that is to do the same.</summary>
sealed unsafe class CudaTwin : IDisposable
{
    readonly Trial trial;
    readonly List<CudaMemory> values = [], gradients = [];
    readonly List<CudaParameter> parameters = [];

    /// <param name="trial">The trial.</param>
    /// <param name="create">Makes its optimizer.</param>
    /// <param name="device">The device.</param>
    /// <param name="offset">How many bytes behind its alignment each tensor begins.</param>
    /// <param name="stateOnHost">Whether its state is in host memory.</param>
    public CudaTwin(Trial trial, Func<IReadOnlyList<Parameter>, Optimizer> create, CudaDevice device, int offset, bool stateOnHost = false)
    {
        this.trial = trial;
        foreach (var parameter in trial.Parameters)
        {
            long bytes = parameter.Count * parameter.ElementType.Size();
            values.Add(device.Allocate(bytes + offset));
            gradients.Add(device.Allocate(bytes + offset));
            parameters.Add(Parameter.OnCuda(parameter.Name, values[^1].Address + offset, parameter.ElementType, device, parameter.Shape));
            Numbers(parameter, ofGradient: false, numbers => CudaMemory.Copy(device, parameters[^1].Address, numbers, bytes));
            parameters[^1].Gradient = gradients[^1].Address + offset;
        }
        Optimizer = create(stateOnHost ? parameters.WithStateOnHost() : parameters);
    }

    public Optimizer Optimizer { get; }

    /// <summary>Steps the trial and this, each time with gradients of the trial's.</summary>
    public void StepBoth(int steps, int gradients)
    {
        for (int step = 0; step < steps; step++)
        {
            trial.GiveGradients(step % gradients);
            TakeGradients();
            trial.Optimizer.Step();
            Optimizer.Step();
        }
    }

    /// <summary>Takes the trial's gradients over, to the bit.</summary>
    public void TakeGradients()
    {
        foreach (var (mine, theirs) in parameters.Zip(trial.Parameters))
            Numbers(theirs, ofGradient: true, numbers => CudaMemory.Copy(mine.Device, mine.Gradient, numbers, theirs.Count * theirs.ElementType.Size()));
    }

    /// <summary>What differs first from the trial's, to the bit; null: nothing. NaN is NaN.</summary>
    public string? Difference()
    {
        foreach (var (mine, theirs) in parameters.Zip(trial.Parameters))
        {
            if (Difference(Numbers(theirs, false), Numbers(mine, false)) is { } value)
                return $"{mine.Name}{value}";
            var (state, expected) = (Optimizer.StateOf(mine), trial.Optimizer.StateOf(theirs));
            if (!(state?.TensorKeys ?? []).SequenceEqual(expected?.TensorKeys ?? []) || state?.Step != expected?.Step)
                return $"state of {mine.Name}";
            foreach (string key in state?.TensorKeys ?? [])
            {
                if (Difference(expected!.Tensor(key), state!.Tensor(key)) is { } difference)
                    return $"{key} of {mine.Name}{difference}";
            }
            foreach (string key in state?.ScalarKeys ?? [])
            {
                if (!state!.Scalar(key).Equals(expected!.Scalar(key)))
                    return $"{key} of {mine.Name}: {state.Scalar(key):R}, but on the host {expected.Scalar(key):R}";
            }
        }
        return null;
    }

    public void Dispose()
    {
        Optimizer.Dispose();
        foreach (var memory in values.Concat(gradients))
            memory.Dispose();
    }

    static string? Difference(ReadOnlySpan<double> host, ReadOnlySpan<double> device)
    {
        for (int i = 0; i < host.Length; i++)
        {
            if (BitConverter.DoubleToInt64Bits(host[i]) != BitConverter.DoubleToInt64Bits(device[i]) && !(double.IsNaN(host[i]) && double.IsNaN(device[i])))
                return $"[{i}]: {device[i]:R}, but on the host {host[i]:R}";
        }
        return null;
    }

    static double[] Numbers(Parameter parameter, bool ofGradient)
    {
        double[] numbers = new double[parameter.Numbers];
        fixed (double* to = numbers)
            parameter.Read(to, ofGradient);
        return numbers;
    }

    delegate void Taker(void* numbers);

    /// <summary>A host parameter's numbers as they are stored.</summary>
    static void Numbers(Parameter parameter, bool ofGradient, Taker take)
    {
        double[] numbers = Numbers(parameter, ofGradient);
        var type = parameter.ElementType.Real();
        byte[] stored = new byte[numbers.Length * type.Size()];
        fixed (double* from = numbers)
        fixed (byte* to = stored)
        {
            Storage.Save(from, to, type, numbers.Length); // exact: they were of the type
            take(to);
        }
    }
}
