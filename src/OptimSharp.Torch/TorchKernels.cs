using System.Collections.Concurrent;
using OptimSharp.Cuda;
using OptimSharp.Engine;

namespace OptimSharp.Torch;

/// <summary>Which tensors the kernels of OptimSharp.Cuda reach: those on NVIDIA's GPUs whose numbers lie row by row. Others are computed by tensor operators, and that is said once for each reason.</summary>
internal static class TorchKernels
{
    const string Switch = "OPTIMSHARP_CUDA_KERNELS"; // 0: off

    static readonly ConcurrentDictionary<int, CudaDevice?> Devices = [];
    static readonly ConcurrentDictionary<string, bool> Said = [];
    static readonly ConcurrentDictionary<CudaDevice, CudaOffload> Offloads = [];
    static readonly OffloadBackend OffloadByTensors = new(TorchBackend.Instance);

    /// <summary>What runs the rules of parameters with state in host memory.</summary>
    public static OffloadBackend OffloadOf(CudaDevice? device) => device is null ? OffloadByTensors : Offloads.GetOrAdd(device, static device => new(device, TorchBackend.Instance));

    /// <summary>A device by libtorch's number, which is the driver's; null where there are no kernels for it.</summary>
    public static CudaDevice? DeviceAt(int index) => Devices.GetOrAdd(index, static index =>
    {
        if (Environment.GetEnvironmentVariable(Switch) == "0")
            return null;
        CudaDevice? device = null;
        string? reason;
        try
        {
            reason = WhyNot(device = CudaDevice.OnLegacyStream(Math.Max(index, 0)));
        }
        catch (Exception e) when (e is CudaException or ArgumentOutOfRangeException)
        {
            reason = e.Message;
        }
        if (reason is null)
            return device;
        Say($"driver {index}", $"Parameters on GPU {index} are stepped by libtorch's tensor operators, which is slow. {reason}");
        return null;
    });

    /// <summary>Tries a device before it is trusted with a model: a step and a norm there, beside the same on the host.</summary>
    /// <returns>Why its kernels are not to be used; null: they are.</returns>
    /// <exception cref="CudaException">The driver refused something.</exception>
    internal static unsafe string? WhyNot(CudaDevice device)
    {
        const int Count = 1003; // by four at once, and a rest
        float[] values = [.. Enumerable.Range(0, Count).Select(i => MathF.Cos(i))], gradients = [.. Enumerable.Range(0, Count).Select(i => MathF.Sin(3 * i))], there = new float[Count];
        using CudaMemory place = device.Allocate(Count * sizeof(float)), gradient = device.Allocate(Count * sizeof(float));
        place.CopyFrom<float>(values);
        gradient.CopyFrom<float>(gradients);
        var (mine, theirs) = (Parameter.Of("probe", values), Parameter.OnCuda("probe", place.Address, ElementType.Float32, device, Count));
        mine.Gradient = gradients;
        theirs.Gradient = gradient.Address;
        using AdamW host = new([mine]), onDevice = new([theirs]);
        for (int step = 0; step < 2; step++)
        {
            host.UpdateAlone();
            onDevice.UpdateAlone();
        }
        place.CopyTo<float>(there);
        Span<double> norm = stackalloc double[1];
        device.Gradients.Gather([new(gradient.Address, ElementType.Float32, Count)], new NormOrder(2), GradientChange.None, norm);
        fixed (float* numbers = gradients)
        {
            return there.AsSpan().SequenceEqual(values) && norm[0] == GradientChunk.GatherAll((byte*)numbers, ElementType.Float32, Count, new NormOrder(2), GradientChange.None) ? null
                : $"A step of AdamW on {device} came to other numbers than on the host.";
        }
    }

    /// <summary>The step that kernels take a parameter in, and where it is for them; null where they don't reach it.</summary>
    public static (CudaStep Step, ParameterPlace Place)? Reach(StepPlan plan, in StepTarget target)
    {
        var parameter = (TorchParameter)target.Parameter;
        if (parameter.Kernels is not { } device)
            return null;
        bool isElsewhere = target.Rows is null && target.Memory.Gradient.IsNull; // else the gradient is in host memory, and taken to the device
        var place = new ParameterPlace(parameter.PlainAddress, isElsewhere ? parameter.PlainGradient : 0);
        if (parameter.Count > 0 && (place.Param == 0 || isElsewhere && place.Grad == 0))
        {
            Say("layout", $"Parameter {parameter}{(place.Param == 0 ? "" : "'s gradient")} is not contiguous: it is stepped by libtorch's tensor operators, which is slow. So are others like it.");
            return null;
        }
        return (CudaStep.Of(plan, device), place);
    }

    /// <summary>Whether kernels reach a parameter with a dense gradient on its device.</summary>
    public static bool Reach(TorchParameter parameter) => parameter.Kernels is not null && (parameter.Count == 0 || parameter.PlainAddress != 0 && parameter.PlainGradient != 0);

    /// <summary>The step in which an average can be updated by kernels; null where it can't.</summary>
    public static CudaStep? Reach(StepPlan plan, TorchParameter model, TorchState average, ElementType compute) =>
        model.Kernels is { } device && average.IsBeside(model) && (model.PlainAddress != 0 || model.Count == 0) && average.Type.Compute() == compute && model.ElementType.Compute() == compute
            ? CudaStep.Of(plan, device) : null;

    /// <summary>Gradients by the device whose kernels reach them; null for none.</summary>
    public static List<(CudaDevice? Device, List<int> Places, List<GradientPlace> Gradients)> Gradients(ReadOnlySpan<Parameter> parameters)
    {
        var all = new List<(CudaDevice? Device, List<int> Places, List<GradientPlace> Gradients)>();
        for (int i = 0; i < parameters.Length; i++)
        {
            var parameter = (TorchParameter)parameters[i];
            var device = parameter.Kernels;
            nint address = device is null ? 0 : parameter.PlainGradient;
            if (address == 0)
                device = null;
            int at = all.FindIndex(of => of.Device == device);
            if (at < 0)
            {
                at = all.Count;
                all.Add((device, [], []));
            }
            all[at].Places.Add(i);
            all[at].Gradients.Add(new(address, parameter.ElementType, parameter.Numbers));
        }
        return all;
    }

    /// <summary>Forgets which reasons were said, for tests.</summary>
    internal static void SayAgain() => Said.Clear();

    static void Say(string reason, string message)
    {
        if (Said.TryAdd(reason, true))
            Warnings.Raise(typeof(TorchKernels), message);
    }
}
