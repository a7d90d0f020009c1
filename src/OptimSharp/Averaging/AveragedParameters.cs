using System.Globalization;
using OptimSharp.Engine;

namespace OptimSharp;

/// <summary>
/// Running averages of parameters: stochastic weight averaging (SWA), an exponential moving average (EMA), or one of your own.
/// PyTorch's <c>torch.optim.swa_utils.AveragedModel</c>, over plain parameters; OptimSharp.Torch has <c>AveragedModel</c> for modules.
/// </summary>
/// <remarks>
/// <para>
/// <see cref="Update()"/> takes the parameters' present values into the averages: the first ones are copied. All tensors go through in one pass over
/// memory, on several threads where that pays; bits do not depend on them, and nothing is allocated.
/// </para>
/// <para>
/// Izmailov and others, <see href="https://arxiv.org/abs/1803.05407">Averaging Weights Leads to Wider Optima and Better Generalization</see>, 2018.
/// </para>
/// <para>
/// Not for use by several threads at once: a call during another thread's is an <see cref="InvalidOperationException"/>. So is one that changes averages from
/// within an averaging function; <see cref="Dispose"/> in one frees them at the end of the call that it is in.
/// </para>
/// </remarks>
/// <example><code>
/// using var averages = new AveragedParameters(parameters, Averaging.Ema(0.999));
/// optimizer.Step();
/// averages.Update();
/// using (averages.SwapIn())
///     Evaluate();
/// </code></example>
public sealed partial class AveragedParameters : IStateful, ISwapSource, IDisposable
{
    readonly Parameter[] live;
    readonly StateTensor[] averages;
    readonly int parameterCount; // those after are buffers
    readonly AveragingOptions options;
    readonly bool isPlan; // of parameters without memory
    readonly Turn turn;

    /// <param name="parameters">The parameters. Their names are the keys of the state; those without get their number.</param>
    /// <param name="averaging">How they are averaged; null: equally.</param>
    /// <param name="options">How averages are kept.</param>
    /// <param name="buffers">Tensors that belong to the model and are not trained: averaged or copied, as the options say.</param>
    /// <exception cref="ArgumentException">There are no parameters, or one is there twice, or two have the same name.</exception>
    public AveragedParameters(IEnumerable<Parameter> parameters, Averaging? averaging = null, AveragingOptions? options = null, IEnumerable<Parameter>? buffers = null)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        turn = new(this, "an average", Free);
        Averaging = averaging ?? Averaging.Equal;
        this.options = options ?? new();
        if (this.options.Precision is not (StatePrecision.Compute or StatePrecision.Parameter or StatePrecision.BFloat16))
            throw new ArgumentException($"Averages are kept in numbers: {nameof(AveragingOptions.Precision)} must be {nameof(StatePrecision.Compute)}, {nameof(StatePrecision.Parameter)} or {nameof(StatePrecision.BFloat16)}, but is {this.options.Precision}.", nameof(options));
        Parameter[] trained = [.. parameters];
        parameterCount = trained.Length;
        live = [.. trained, .. buffers ?? []];
        if (live.Length == 0)
            throw new ArgumentException("There are no parameters to average.", nameof(parameters));
        done = new bool[live.Length];
        Names = [.. live.Select((p, i) => p is null ? throw new ArgumentNullException(nameof(parameters), "A parameter is null.")
            : p.Name.Length > 0 ? p.Name : i.ToString(CultureInfo.InvariantCulture))];
        if (Names.GroupBy(name => name).FirstOrDefault(g => g.Count() > 1) is { } same)
            throw new ArgumentException($"{same.Count()} parameters have the name '{same.Key}': averages are kept by name.", nameof(parameters));
        if (live.GroupBy(p => p.Identity).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new ArgumentException($"Parameter {twice.First()} is there {twice.Count()} times.", nameof(parameters));
        isPlan = Array.Exists(live, p => p.IsMeta);
        foreach (var parameter in live.Where(p => !p.IsMeta))
        {
            RefusePart(parameter);
            parameter.Locate(); // throws when it can't be used
        }
        averages = new StateTensor[live.Length];
        for (int i = 0; i < live.Length; i++)
        {
            var type = live[i].ElementType;
            averages[i] = type.IsTrainable() ? live[i].Backend.CreateState(live[i], live[i].Shape, this.options.Precision.TypeFor(type))
                : new HostTensor(live[i].Shape, type);
            if (!live[i].IsMeta)
                live[i].CopyTo(averages[i]);
        }
    }

    /// <summary>How models are averaged.</summary>
    public Averaging Averaging { get; }

    /// <summary>How many models were averaged. PyTorch's <c>n_averaged</c>.</summary>
    public long Count { get; private set; }

    /// <summary>The names under which averages are kept, in order: parameters, then buffers.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Where to get the model's tensors again once some were disposed because the model was moved.</summary>
    internal Func<IEnumerable<Parameter>>? Source { get; init; }

    /// <summary>The object of the user's that these averages are a part of: it is what was disposed.</summary>
    internal object Owner
    {
        init => turn.Owner = value;
    }

    /// <summary>Goes up with every change of an average.</summary>
    internal long Version { get; private set; }

    /// <summary>The model's tensors that are averaged, in the order of <see cref="Names"/>.</summary>
    internal ReadOnlySpan<Parameter> Live => live;

    ReadOnlySpan<Parameter> ISwapSource.Live => live;

    /// <summary>A copy of an average.</summary>
    /// <exception cref="KeyNotFoundException">There is none of this name.</exception>
    public TensorData Average(string name)
    {
        using var inside = Enter("Average", Stage.Evaluating);
        return TensorData.From(averages[IndexOf(name) is >= 0 and var i ? i
            : throw new KeyNotFoundException($"There is no average '{name}'; there are: {string.Join(", ", Names)}.")]);
    }

    /// <summary>Takes the parameters as they are now into the averages.</summary>
    /// <exception cref="InvalidOperationException">A parameter can't be used any more, or the averages are swapped in. Nothing has changed.</exception>
    public void Update()
    {
        using var inside = Enter("Update", 0);
        Refresh();
        Check(live);
        Update(live);
    }

    /// <summary>Takes another model's parameters into the averages. They are matched by name, or by position where they have none.</summary>
    /// <param name="model">As many parameters (and buffers), of the same names and shapes.</param>
    /// <exception cref="ArgumentException">Names or shapes differ. Nothing has changed.</exception>
    /// <exception cref="InvalidOperationException">A parameter can't be used any more, or averages are swapped in. Nothing has changed.</exception>
    public void Update(IEnumerable<Parameter> model)
    {
        using var inside = Enter("Update", 0);
        var models = Match(model, nameof(model));
        Check(models);
        Update(models);
    }

    /// <summary>
    /// Takes a model's state dict into the averages, such as that of a checkpoint. Entries that are not averaged are left out.
    /// </summary>
    /// <exception cref="StateDictException">An average has no entry of its name and shape. Nothing has changed.</exception>
    public void Update(StateDict model)
    {
        ArgumentNullException.ThrowIfNull(model);
        using var inside = Enter("Update", 0);
        var tensors = new HostTensor[live.Length];
        try
        {
            for (int i = 0; i < live.Length; i++)
                tensors[i] = Read(model, Names[i], i);
            Update([.. tensors.Select(StateParameter.Over)]);
        }
        finally
        {
            foreach (var tensor in tensors)
                tensor?.Dispose();
        }
    }

    /// <summary>
    /// Puts the averages into the parameters until the scope is disposed; then the parameters are what they were before, to the bit, whatever was done to
    /// them in between.
    /// </summary>
    /// <remarks>Scopes may be nested, also with those of other averages of the same parameters, and be disposed in any order. A scope whose parameters were disposed in it, because the model was moved, ends with an
    /// <see cref="InvalidOperationException"/> that names them, unless <see cref="Rebind"/> was told the new ones before.</remarks>
    /// <exception cref="InvalidOperationException">No model was averaged yet, or a parameter can't be used any more. Nothing has changed.</exception>
    public IDisposable SwapIn()
    {
        using var inside = Enter("SwapIn", 0);
        CheckUpdated();
        Refresh();
        return SwapScope.Open(this);
    }

    /// <summary>Copies the averages to another model's parameters. They are matched by name, or by position where they have none.</summary>
    /// <exception cref="ArgumentException">Names or shapes differ. Nothing has changed.</exception>
    /// <exception cref="InvalidOperationException">No model was averaged yet.</exception>
    public void CopyTo(IEnumerable<Parameter> model)
    {
        using var inside = Enter("CopyTo", 0);
        CheckUpdated();
        CopyAll(model);
    }

    /// <summary>
    /// Averages from now on the parameters of these names and shapes: those that a model got by being moved to another device or type. The averages stay
    /// as and where they are.
    /// </summary>
    /// <exception cref="ArgumentException">Names or shapes differ. Nothing has changed.</exception>
    public void Rebind(IEnumerable<Parameter> model)
    {
        using var inside = Enter("Rebind", 0);
        Replace(model);
    }

    /// <summary>Frees the averages. Scopes of <see cref="SwapIn"/> that are open still restore the parameters.</summary>
    /// <exception cref="InvalidOperationException">Another thread is using the averages. Nothing was freed.</exception>
    public void Dispose()
    {
        turn.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>The memory of the averages, in bytes, by precision: as <see cref="MemoryUse.Copies"/>. That of the model is not in it. Of parameters that are <see cref="Parameter.Meta"/> it is planned.</summary>
    /// <exception cref="InvalidOperationException">Another thread is using the averages.</exception>
    /// <exception cref="ObjectDisposedException">They were disposed.</exception>
    public MemoryReport MemoryReport()
    {
        using var inside = turn.Enter("MemoryReport", within: Stage.Evaluating);
        var count = new MemoryCount();
        foreach (var average in averages)
            count.Add(MemoryUse.Copies, (turn.Owner as Lookahead)?.GetType().Name ?? nameof(AveragedParameters), null, turn.Owner is Lookahead ? "cached_params" : "averages", average);
        return new(count.Entries, isPlan);
    }

    Turn.Inside Enter(string call, Stage within) => isPlan ? throw MetaParameter.Refused(Array.Find(live, p => p.IsMeta)!, call) : turn.Enter(call, within);

    /// <summary>What enters the average, and how many models.</summary>
    public override string ToString() => $"{Averaging} of {Count} models with {parameterCount} parameters";

    void Replace(IEnumerable<Parameter> model)
    {
        Match(model, nameof(model)).CopyTo(live, 0);
        byIdentity = null;
    }

    void ISwapSource.PutInto(int index) => live[index].CopyFrom(averages[index]);

    void ISwapSource.Refresh() => Refresh();

    void Free()
    {
        plan.Forget();
        foreach (var average in averages)
            average.Dispose();
    }

    /// <summary>Takes the model's tensors anew when some were disposed.</summary>
    internal void Refresh()
    {
        if (Source is null || turn.IsDisposed)
            return;
        foreach (var parameter in live)
        {
            if (!parameter.IsUsable)
            {
                try
                {
                    Replace(Source());
                    return;
                }
                catch (ArgumentException e)
                {
                    throw new InvalidOperationException($"Parameters of the model that is averaged were disposed, and those that it has now are others: {e.Message}", e);
                }
            }
        }
    }

    /// <summary>Sets the averages of the buffers to what the model's buffers are: statistics that were computed with the averages.</summary>
    internal void SetBuffers(IEnumerable<Parameter> model)
    {
        using var inside = Enter("SetBuffers", 0);
        var models = Match(model, nameof(model));
        for (int i = parameterCount; i < models.Length; i++)
            models[i].CopyTo(averages[i]);
        Version++;
    }

    /// <summary>Copies the averages to a model's parameters.</summary>
    internal void Copy(IEnumerable<Parameter> model)
    {
        using var inside = Enter("Module", 0);
        CopyAll(model);
    }

    void CopyAll(IEnumerable<Parameter> model)
    {
        var targets = Match(model, nameof(model));
        for (int i = 0; i < targets.Length; i++)
            targets[i].CopyFrom(averages[i]);
    }

    internal void CheckUpdated()
    {
        turn.Check();
        if (Count == 0)
            throw new InvalidOperationException("No model was averaged yet: call Update first.");
    }
}
