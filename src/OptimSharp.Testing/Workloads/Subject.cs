using System.Numerics;

namespace OptimSharp.Testing;

/// <summary>An optimizer that laws are checked on: how to make one, and what it takes, which is found by trying.</summary>
internal sealed class Subject
{
    static readonly ElementType[] AllTypes =
        [ElementType.Float32, ElementType.Float64, ElementType.Float16, ElementType.BFloat16, ElementType.Complex64, ElementType.Complex128];

    readonly Func<IReadOnlyList<Parameter>, Optimizer> create;
    readonly List<(ElementType Type, bool Sparse)> taken = [];
    string refusal = "";

    public Subject(Func<IReadOnlyList<Parameter>, Optimizer> create, LawOptions options)
    {
        options.Check();
        this.create = create;
        Options = options;
        foreach (var type in options.ElementTypes ?? AllTypes)
        {
            if (!Try(type) && options.ElementTypes is not null)
                throw new ArgumentException($"The optimizer does not take parameters of type {type}: {refusal}", nameof(options));
        }
        if (taken.Count == 0)
            throw new ArgumentException($"The optimizer takes no parameters and gradients of those that were tried: {refusal}", nameof(create));
        long[] shape = TakesVectors || !TakesMatrices ? [6] : [3, 2];
        using var made = create([Made(taken[0].Type, shape), Made(taken[0].Type, shape)]);
        HasOneGroup = made.ParameterGroups.Count == 1;
    }

    public LawOptions Options { get; }

    /// <summary>Whether a step needs a closure.</summary>
    public bool NeedsClosure { get; private set; }

    /// <summary>Whether all parameters have the same options. If not, it matters which is which.</summary>
    public bool HasOneGroup { get; }

    /// <summary>The element types that it takes.</summary>
    public IEnumerable<ElementType> Types => taken.Select(t => t.Type).Distinct();

    /// <summary>Each element type with each kind of gradient that it takes, and half types with state of either precision, which goes another way through the engine.</summary>
    public IEnumerable<Setting> Settings =>
        from way in taken
        from precision in Options.StatePrecisions ?? (way.Type is ElementType.Float16 or ElementType.BFloat16 ? [StatePrecision.Compute, StatePrecision.Parameter] : [StatePrecision.Compute])
        where !way.Sparse || precision is not (StatePrecision.Dynamic8 or StatePrecision.Linear4 or StatePrecision.Float8) // rows would cut blocks
        select new Setting(this, way.Type, precision, way.Sparse);

    bool TakesVectors { get; set; }

    bool TakesMatrices { get; set; }

    public bool Takes(ElementType type, bool sparse) => taken.Contains((type, sparse));

    /// <summary>A new optimizer, with state in this precision.</summary>
    public Optimizer Create(IReadOnlyList<Parameter> parameters, StatePrecision precision = StatePrecision.Compute)
    {
        var made = create(parameters) ?? throw new ArgumentException("No optimizer was made: the function returned null.", nameof(parameters));
        GroupChanges.For(made).SetPrecision(made, precision);
        if (Options.ParameterPrecision is { } kept)
            GroupChanges.For(made).SetPrecision(made, kept);
        return made;
    }

    /// <summary>
    /// A shape of about this many elements: of exactly as many for elementwise optimizers, for which shapes mean nothing; else of vectors and matrices
    /// in turn, or of what the optimizer takes.
    /// </summary>
    public long[] ShapeOf(int count, int index)
    {
        if (TakesVectors && (Options.Elementwise || !TakesMatrices || index % 2 == 0))
            return [count];
        if (Options.Elementwise)
            return [1, count];
        long rows = Math.Clamp((long)Math.Sqrt(count), 1, 16);
        return [rows, count / rows];
    }

    /// <summary>The optimizer's class with its options.</summary>
    public string Describe()
    {
        var (type, sparse) = taken[0];
        using var made = create([Made(type, TakesVectors && !sparse ? [6] : [3, 2])]);
        var groups = made.ParameterGroups.Select(g => string.Join(", ", g.OptionKeys.Select(key => $"{key}={Text(g[key])}")));
        return $"{made.GetType().Name}({string.Join("; ", groups)})";
    }

    bool Try(ElementType type)
    {
        int before = taken.Count;
        refusal = "";
        foreach (bool closure in (bool[])[false, true])
        {
            foreach (bool sparse in (bool[])[false, true])
            {
                if (closure && taken.Count > before)
                    continue; // the trials' closure has dense gradients
                bool vector = Takes(type, [6], sparse, closure), matrix = Takes(type, [3, 2], sparse, closure);
                TakesVectors |= vector && !sparse;
                TakesMatrices |= matrix && !sparse;
                if (sparse ? matrix : vector || matrix)
                    taken.Add((type, sparse));
            }
            if (taken.Count > before)
            {
                NeedsClosure = closure;
                return true;
            }
        }
        return false;
    }

    bool Takes(ElementType type, long[] shape, bool sparse, bool closure)
    {
        try
        {
            foreach (var precision in Options.StatePrecisions ?? [StatePrecision.Compute])
            {
                var parameter = Made(type, shape);
                using var made = Create([parameter], precision);
                GiveGradient(parameter, sparse);
                if (closure)
                    made.Step(() => 1.0);
                else
                    made.Step();
            }
            return true;
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            if (refusal.Length == 0)
                refusal = e.Message;
            return false;
        }
    }

    static Parameter Made(ElementType type, long[] shape) => type switch
    {
        ElementType.Float32 => Parameter.Of("p0", new float[6], shape),
        ElementType.Float64 => Parameter.Of("p0", new double[6], shape),
        ElementType.Float16 => Parameter.Of("p0", new Half[6], shape),
        ElementType.BFloat16 => Parameter.Of("p0", new BFloat16[6], shape),
        ElementType.Complex64 => Parameter.Of("p0", new Complex64[6], shape),
        ElementType.Complex128 => Parameter.Of("p0", new Complex[6], shape),
        _ => throw new ArgumentException($"Optimizers take no parameters of type {type}.", nameof(type)),
    };

    static void GiveGradient(Parameter parameter, bool sparse)
    {
        Give(parameter as Parameter<float>);
        Give(parameter as Parameter<double>);
        Give(parameter as Parameter<Half>);
        Give(parameter as Parameter<BFloat16>);
        Give(parameter as Parameter<Complex64>);
        Give(parameter as Parameter<Complex>);

        void Give<T>(Parameter<T>? given) where T : unmanaged
        {
            if (given is null)
                return;
            if (sparse)
                given.SparseGradient = new(new long[] { 1 }, new T[given.Count / given.Shape[0]]);
            else
                given.UseGradient();
        }
    }

    /// <summary>An option's value.</summary>
    public static string Text(object? value) => value switch
    {
        null => "none",
        bool flag => flag ? "true" : "false",
        object?[] parts => $"({string.Join(", ", parts.Select(Text))})",
        _ => FormattableString.Invariant($"{value}"),
    };
}

/// <summary>A subject with one element type, state precision and kind of gradient.</summary>
internal sealed record Setting(Subject Subject, ElementType Type, StatePrecision Precision, bool Sparse)
{
    const int RowSize = 5; // of parameters with sparse gradients

    public LawOptions Options => Subject.Options;

    public bool Elementwise => Options.Elementwise;

    /// <summary>How many numbers an element is.</summary>
    public int Parts => Type.IsComplex() ? 2 : 1;

    public Optimizer Create(IReadOnlyList<Parameter> parameters) => Subject.Create(parameters, Precision);

    public long[] ShapeOf(int count, int index) => Sparse ? [count / RowSize, RowSize] : Subject.ShapeOf(count, index);

    string Kept => Precision switch
    {
        StatePrecision.Compute => Type.IsHalf() ? ", state in single precision" : "",
        StatePrecision.Parameter => ", state in the parameters' type",
        _ => $", state in {Precision}",
    };

    public override string ToString() =>
        $"{Type} parameters, {(Sparse ? "sparse" : "dense")} gradients{Kept}"
        + FormattableString.Invariant($", {Options.Steps} steps, seed {Options.Seed}");
}
