using System.Numerics;

namespace OptimSharp.Engine;

/// <summary>Copies of whole parameters in host memory, for as long as a step takes: for rules that look at a parameter more than once, or at rows.</summary>
internal sealed unsafe class WholeCopies : ICollectedWork
{
    readonly List<Action> fetches = [];
    readonly List<(Parameter Parameter, HostTensor Values)> values = [];
    readonly List<HostTensor> gradients = [];

    /// <summary>The parameter as it will be in host memory when the step's work begins.</summary>
    public StepTarget Add<T>(in StepTarget target) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var parameter = target.Parameter;
        var copy = new HostTensor(parameter.Shape, parameter.ElementType);
        values.Add((parameter, copy));
        fetches.Add(() => parameter.CopyTo(copy));
        if (target.Rows is not null || !target.Memory.Gradient.IsNull) // in host memory already
            return new(parameter, target.Memory with { Values = copy.Address }, target.GradType, target.Rows, null, target.States);
        var gradient = new HostTensor([parameter.Numbers], Storage.Of<T>());
        gradients.Add(gradient);
        fetches.Add(() => parameter.Read((T*)gradient.Start, ofGradient: true));
        return new(parameter, new(copy.Address, gradient.Address), Storage.Of<T>(), null, null, target.States);
    }

    public void Prepare()
    {
        foreach (var fetch in fetches)
            fetch();
    }

    public void Run(ref bool hasBegun)
    {
        hasBegun |= values.Count > 0;
        foreach (var (parameter, copy) in values)
            parameter.CopyFrom(copy);
    }

    public void Clear()
    {
        fetches.Clear();
        foreach (var (_, copy) in values)
            copy.Dispose();
        values.Clear();
        gradients.ForEach(gradient => gradient.Dispose());
        gradients.Clear();
    }

    public void Dispose() => Clear();
}
