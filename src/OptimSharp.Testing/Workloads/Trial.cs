using System.Numerics;
using System.Runtime.InteropServices;

namespace OptimSharp.Testing;

/// <summary>
/// An optimizer with parameters of made-up numbers, to be stepped. The numbers come in one stream over all parameters, and the outcome is
/// read in one: so it does not depend on how many parameters share them, unless the optimizer's step does.
/// </summary>
internal abstract class Trial : IDisposable
{
    /// <summary>Parameters and their optimizer before the first step.</summary>
    /// <param name="setting">The optimizer, and the kind of its parameters.</param>
    /// <param name="sizes">How many elements each parameter has, about.</param>
    /// <param name="layout">Where they are; null: in arrays.</param>
    /// <param name="create">Makes the optimizer; null: as the setting says.</param>
    public static Trial Start(Setting setting, IReadOnlyList<int> sizes, HostLayout? layout = null, Func<IReadOnlyList<Parameter>, Optimizer>? create = null)
    {
        layout ??= HostLayout.Arrays;
        create ??= setting.Create;
        return setting.Type switch
        {
            ElementType.Float32 => new Trial<float, float>(setting, sizes, layout, create, x => (float)x, x => x),
            ElementType.Float64 => new Trial<double, double>(setting, sizes, layout, create, x => x, x => x),
            ElementType.Float16 => new Trial<Half, Half>(setting, sizes, layout, create, x => (Half)x, x => (double)x),
            ElementType.BFloat16 => new Trial<BFloat16, BFloat16>(setting, sizes, layout, create, x => (BFloat16)(float)x, x => x),
            ElementType.Complex64 => new Trial<Complex64, float>(setting, sizes, layout, create, x => (float)x, x => x),
            _ => new Trial<Complex, double>(setting, sizes, layout, create, x => x, x => x),
        };
    }

    /// <summary>What all steps leave, or the first ones.</summary>
    public static Outcome Run(Setting setting, IReadOnlyList<int> sizes, HostLayout? layout = null, int? steps = null)
    {
        using var trial = Start(setting, sizes, layout);
        for (int step = 0; step < (steps ?? setting.Options.Steps); step++)
            trial.Step(step);
        return trial.Read();
    }

    public abstract Optimizer Optimizer { get; }

    public abstract IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>Gives all parameters their gradients of a step, counted from 0.</summary>
    public abstract void GiveGradients(int step);

    /// <summary>Gives the gradients of a step, and takes it.</summary>
    public void Step(int step) => Step(() => GiveGradients(step));

    /// <summary>Takes a step with gradients that are given here; where a closure is needed, by a closure that computes its own and then gives these.</summary>
    public abstract void Step(Action gradients);

    /// <summary>Gives the last parameter a sparse gradient with a row that it does not have, or a dense one.</summary>
    public abstract void GiveWrong(bool sparse);

    /// <summary>Puts NaN in the place of the numbers of the gradients, which are dense, for which this is true.</summary>
    public abstract void Spoil(Func<int, bool> which);

    /// <summary>Takes over values from another trial of the same sizes.</summary>
    public abstract void CopyValues(Trial from);

    /// <summary>All numbers now, of these parameters or of all.</summary>
    public abstract Outcome Read(Range? which = null);

    /// <summary>The gradients now.</summary>
    public abstract Outcome ReadGradients();

    public abstract void Dispose();
}

/// <typeparam name="T">The parameters' elements.</typeparam>
/// <typeparam name="TReal">The numbers that one consists of.</typeparam>
sealed class Trial<T, TReal> : Trial
    where T : unmanaged
    where TReal : unmanaged
{
    readonly Setting setting;
    readonly Func<double, TReal> store;
    readonly Func<TReal, double> load;
    readonly HostParameter<T>[] parameters;
    readonly TReal[][] gradients;

    public Trial(Setting setting, IReadOnlyList<int> sizes, HostLayout layout, Func<IReadOnlyList<Parameter>, Optimizer> create, Func<double, TReal> store, Func<TReal, double> load)
    {
        (this.setting, this.store, this.load) = (setting, store, load);
        long[][] shapes = [.. sizes.Select(setting.ShapeOf)];
        (var values, gradients) = Made<TReal>.For(setting, setting.Parts * shapes.Sum(Count), store);
        parameters = [.. shapes.Select((s, i) => layout.Create<T>($"p{i}", s, Count(s)))];
        try
        {
            Deal(values, p => p.Values);
            Optimizer = create(Parameters);
        }
        catch
        {
            Free();
            throw;
        }

        static int Count(long[] shape) => (int)shape.Aggregate(1L, (a, b) => a * b);
    }

    public override Optimizer Optimizer { get; }

    public override IReadOnlyList<Parameter> Parameters => [.. parameters.Select(p => p.Parameter)];

    public override void GiveGradients(int step)
    {
        if (setting.Sparse)
            DealRows(MemoryMarshal.Cast<TReal, T>(gradients[step]), step);
        else
            Deal(gradients[step], p => p.UseGradient());
    }

    public override void Step(Action gradients)
    {
        if (!setting.Subject.NeedsClosure)
        {
            gradients();
            Optimizer.Step();
            return;
        }
        gradients(); // a closure has gradients of its own: these are for those that are to be wrong
        bool areWrong = parameters[^1].Parameter.SparseGradient is not null && !setting.Sparse;
        Optimizer.Step(() => areWrong ? 1 : Bowl());
    }

    public override void GiveWrong(bool sparse)
    {
        var last = parameters[^1];
        if (!sparse)
        {
            last.UseGradient();
            return;
        }
        long rows = last.Parameter.Shape[0];
        last.Parameter.SparseGradient = new(new[] { rows }, new T[rows == 0 ? 0 : last.Values.Length / rows]);
    }

    public override void Spoil(Func<int, bool> which)
    {
        int at = 0;
        foreach (var parameter in parameters)
        {
            foreach (ref var number in MemoryMarshal.Cast<T, TReal>(parameter.UseGradient()))
            {
                if (which(at++))
                    number = store(double.NaN);
            }
        }
    }

    public override void CopyValues(Trial from)
    {
        foreach (var (mine, theirs) in parameters.Zip(((Trial<T, TReal>)from).parameters))
            theirs.Values.CopyTo(mine.Values);
    }

    public override Outcome Read(Range? which = null)
    {
        var outcome = new Outcome(setting.Type);
        foreach (var parameter in parameters[which ?? ..])
        {
            string name = parameter.Parameter.Name;
            outcome.Add(Outcome.Values, name, Numbers(parameter.Values));
            var state = Optimizer.StateOf(parameter.Parameter);
            foreach (string key in state?.TensorKeys ?? [])
                outcome.Add(key, name, state!.Tensor(key));
            foreach (string key in state?.ListKeys ?? [])
                outcome.Add(key, name, [.. state!.TensorList(key).SelectMany(x => x)]);
            foreach (string key in state?.ScalarKeys ?? [])
                outcome.AddScalar(key, name, state!.Scalar(key));
            outcome.AddScalar("step", name, state?.Step ?? 0);
        }
        return outcome;
    }

    public override Outcome ReadGradients()
    {
        var outcome = new Outcome(setting.Type);
        foreach (var parameter in parameters)
        {
            var sparse = parameter.Parameter.SparseGradient;
            outcome.Add("gradient", parameter.Parameter.Name, Numbers(sparse is { } rows ? rows.Rows.Span : parameter.Gradient));
            outcome.Add("indices", parameter.Parameter.Name, sparse is { } those ? [.. those.Indices.ToArray().Select(i => (double)i)] : []);
        }
        return outcome;
    }

    public override void Dispose()
    {
        Optimizer.Dispose();
        Free();
    }

    void Free()
    {
        foreach (var parameter in parameters)
            parameter.Dispose();
    }

    double[] Numbers(ReadOnlySpan<T> elements) => Array.ConvertAll(MemoryMarshal.Cast<T, TReal>(elements).ToArray(), x => load(x));

    void Deal(ReadOnlySpan<TReal> numbers, Func<HostParameter<T>, Span<T>> to)
    {
        foreach (var parameter in parameters)
        {
            var span = MemoryMarshal.Cast<T, TReal>(to(parameter));
            numbers[..span.Length].CopyTo(span);
            numbers = numbers[span.Length..];
        }
    }

    /// <summary>A third of the rows, or none, in no order; every second of them twice.</summary>
    void DealRows(ReadOnlySpan<T> numbers, int step)
    {
        foreach (var parameter in parameters)
        {
            long rows = parameter.Parameter.Shape[0], rowSize = parameter.Parameter.Shape[1];
            long[] indices = [.. Enumerable.Range(0, (int)rows / 2).Select(i => (i * 7L + step) % rows / (1 + i % 2))];
            parameter.Parameter.SparseGradient = new(indices, numbers[..(int)(indices.Length * rowSize)].ToArray());
            numbers = numbers[parameter.Values.Length..];
        }
    }

    /// <summary>The loss Σ ½c(p − a)², and its gradients, for made-up c between 0 and 2 and a = ½.</summary>
    double Bowl()
    {
        double loss = 0;
        int at = 0;
        foreach (var parameter in parameters)
        {
            var values = MemoryMarshal.Cast<T, TReal>(parameter.Values);
            var gradient = MemoryMarshal.Cast<T, TReal>(parameter.UseGradient());
            for (int i = 0; i < values.Length; i++)
            {
                double c = 1 + load(gradients[0][at++]), distance = load(values[i]) - 0.5;
                loss += c * distance * distance / 2;
                gradient[i] = store(c * distance);
            }
        }
        return loss;
    }
}
