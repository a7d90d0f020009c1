using TorchSharp;

namespace OptimSharp.Torch;

/// <summary>
/// Running averages of a module's parameters: stochastic weight averaging (SWA), an exponential moving average (EMA), or one of your own. PyTorch's
/// <c>torch.optim.swa_utils.AveragedModel</c>.
/// </summary>
/// <remarks>
/// <para>
/// TorchSharp's modules can't be copied, so there are three ways to use the averages: in the model itself for a while (<see cref="SwapIn"/>), in another
/// module of the same kind (<see cref="CopyTo"/>), or called like a model: give a second module, or a function that makes one, and <see cref="Module"/> is
/// the model with the averages.
/// </para>
/// <para>
/// Buffers (the statistics of batch normalisation) are copied from the model at each update, or averaged too
/// (<see cref="AveragingOptions.UseBuffers"/>). Where they are copied, the statistics do not belong to averaged weights:
/// <see cref="BatchNorm.UpdateStatistics{TModule, TBatch}(IEnumerable{TBatch}, AveragedModel{TModule}, torch.Device, bool)"/> computes them at the end.
/// </para>
/// <para>
/// When the model was moved to another device or type, the next call finds its new parameters. Averages stay where they were made.
/// Not for use by several threads at once.
/// </para>
/// </remarks>
/// <typeparam name="TModule">The module's class.</typeparam>
public sealed class AveragedModel<TModule> : IStateful, IDisposable
    where TModule : torch.nn.Module
{
    const string CountKey = "n_averaged", Prefix = "module.";

    readonly TModule model;
    readonly TModule? copy;
    readonly bool ownsCopy;
    long copied = -1; // the version that the copy has

    /// <summary>Averages that are swapped into the model or copied out.</summary>
    /// <param name="model">The model.</param>
    /// <param name="averaging">How its parameters are averaged; null: equally.</param>
    /// <param name="options">What is averaged, and how averages are kept.</param>
    /// <exception cref="ArgumentException">The model has no parameters.</exception>
    public AveragedModel(TModule model, Averaging? averaging = null, AveragingOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        this.model = model;
        var (parameters, buffers) = Collect(model);
        Averages = new(parameters, averaging, options, buffers) { Owner = this, Source = () => { var (p, b) = Collect(model); return [.. p, .. b]; } };
    }

    /// <summary>Averages that can also be called like a model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="copy">A second module, whose parameters will be the averages.</param>
    /// <param name="averaging">How parameters are averaged; null: equally.</param>
    /// <param name="options">What is averaged, and how averages are kept.</param>
    /// <exception cref="ArgumentException">The model has no parameters, or the second one has others, or they are the same.</exception>
    public AveragedModel(TModule model, TModule copy, Averaging? averaging = null, AveragingOptions? options = null) : this(model, averaging, options)
    {
        ArgumentNullException.ThrowIfNull(copy);
        try
        {
            if (ReferenceEquals(model, copy))
                throw new ArgumentException("The second module is the model itself; give another one, or use SwapIn.", nameof(copy));
            this.copy = copy;
            Averages.Match(All(copy), nameof(copy));
        }
        catch
        {
            Averages.Dispose();
            throw;
        }
    }

    /// <param name="model">The model.</param>
    /// <param name="factory">Makes a second module. It is disposed with the averages.</param>
    /// <param name="averaging">How parameters are averaged; null: equally.</param>
    /// <param name="options">What is averaged, and how averages are kept.</param>
    /// <inheritdoc cref="AveragedModel{TModule}(TModule, TModule, Averaging, AveragingOptions)" path="/summary|/exception"/>
    public AveragedModel(TModule model, Func<TModule> factory, Averaging? averaging = null, AveragingOptions? options = null)
        : this(model, (factory ?? throw new ArgumentNullException(nameof(factory)))(), averaging, options) => ownsCopy = true;

    /// <summary>How models are averaged.</summary>
    public Averaging Averaging => Averages.Averaging;

    /// <summary>How many models were averaged. PyTorch's <c>n_averaged</c>.</summary>
    public long Count => Averages.Count;

    /// <summary>
    /// The second module, with the averages as they are now, rounded to its types. Before the first update: the model as it was when this was made. Its mode
    /// (<c>train()</c>, <c>eval()</c>) is its own.
    /// </summary>
    /// <exception cref="InvalidOperationException">There is no second module.</exception>
    public TModule Module
    {
        get
        {
            var module = copy ?? throw new InvalidOperationException(
                "There is no second module to call: give one, or a function that makes one, to the constructor; or use SwapIn or CopyTo.");
            if (copied != Averages.Version)
            {
                Averages.Copy(All(module));
                copied = Averages.Version;
            }
            return module;
        }
    }

    /// <summary>The averages themselves: what a <see cref="TrainingStep"/> takes, to update them in its own pass.</summary>
    public AveragedParameters Averages { get; }

    /// <summary>Takes the model as it is now into the averages. The first one is copied.</summary>
    /// <exception cref="InvalidOperationException">Averages are swapped into the model, or it was disposed. Nothing has changed.</exception>
    public void Update() => Averages.Update();

    /// <summary>Takes another model into the averages.</summary>
    /// <exception cref="ArgumentException">Names or shapes differ. Nothing has changed.</exception>
    /// <exception cref="InvalidOperationException">Averages are swapped into that model, or it was disposed. Nothing has changed.</exception>
    public void Update(TModule other)
    {
        if (ReferenceEquals(other, model))
            Update();
        else
            Averages.Update(All(other));
    }

    /// <summary>Takes a model's state dict into the averages, such as that of a checkpoint: to average the last of a run.</summary>
    /// <exception cref="StateDictException">Names, shapes or types do not fit. Nothing has changed.</exception>
    public void Update(StateDict state)
    {
        ArgumentNullException.ThrowIfNull(state);
        var names = ModuleState.Tensors(model).Select(t => t.Name).ToHashSet();
        foreach (var key in state.Keys)
        {
            if (key.Name is not { } name || !names.Contains(name))
                throw state.Wrong(key, state[key], $"a parameter or buffer of the model, which has: {string.Join(", ", names)}");
        }
        Averages.Update(state);
    }

    /// <summary>
    /// Puts the averages into the model until the scope is disposed; then its parameters and buffers are what they were before, to the bit, whatever was done to
    /// them in between.
    /// </summary>
    /// <remarks>Scopes may be nested, also with those of other averages of the same model, and be disposed in any order.</remarks>
    /// <exception cref="InvalidOperationException">No model was averaged yet, or the model was disposed. Nothing has changed.</exception>
    public IDisposable SwapIn() => Averages.SwapIn();

    /// <summary>Copies the averages to another module of the same names and shapes, rounded to its types.</summary>
    /// <exception cref="ArgumentException">Names or shapes differ. Nothing has changed.</exception>
    /// <exception cref="InvalidOperationException">No model was averaged yet.</exception>
    public void CopyTo(torch.nn.Module module) => Averages.CopyTo(All(module));

    /// <summary>A copy of the averages under PyTorch's keys: <c>n_averaged</c>, and <c>module.</c> with each name of the module's state.</summary>
    public StateDict StateDict()
    {
        var own = Averages.StateDict();
        var state = new StateDict { PythonType = own.PythonType };
        state.Add(CountKey, own[CountKey]);
        foreach (var (name, canonical) in Names())
            state.Add(Prefix + name, own[Prefix + canonical]);
        return state;
    }

    /// <summary>Takes over a copy of averages, of ours or PyTorch's making, converted to the types they are kept in here.</summary>
    /// <exception cref="StateDictException">Names, shapes or types do not fit. Nothing has changed.</exception>
    public void LoadStateDict(StateDict state)
    {
        ArgumentNullException.ThrowIfNull(state);
        var names = Names();
        var known = names.Select(n => Prefix + n.Name).ToHashSet();
        foreach (var key in state.Keys)
        {
            if (key != CountKey && (key.Name is not { } name || !known.Contains(name)))
                throw state.Wrong(key, state[key], $"{CountKey}, or {Prefix} and a name of the model's state: {string.Join(", ", names.Select(n => n.Name))}", StatePrefix.Advice(state, known));
        }
        if (known.FirstOrDefault(name => !state.ContainsKey(name)) is { } missing)
            throw new StateDictException(missing, "is missing" + StatePrefix.Advice(state, known));
        var own = Averages.StateDict(); // what is not saved, buffers that are not persistent, stays
        own[CountKey] = state[CountKey];
        foreach (var (name, canonical) in names)
            own[Prefix + canonical] = state[Prefix + name];
        Averages.LoadStateDict(own);
    }

    /// <summary>Frees the averages, and the second module when a function made it. Scopes of <see cref="SwapIn"/> that are open still restore the model.</summary>
    public void Dispose()
    {
        Averages.Dispose();
        if (ownsCopy)
            copy?.Dispose();
    }

    /// <summary>What enters the average, and how many models.</summary>
    public override string ToString() => Averages.ToString();

    /// <summary>Takes the statistics that were computed with the averages, in the model or the copy, as the averages' buffers.</summary>
    internal void SetBuffers(bool fromCopy)
    {
        Averages.SetBuffers(All(fromCopy ? copy! : model));
        if (fromCopy)
            copied = Averages.Version;
    }

    /// <summary>The second module with the averages; null when there is none.</summary>
    internal TModule? Copy => copy is null ? null : Module;

    /// <summary>The model that is averaged.</summary>
    internal TModule Model => model;

    static Parameter[] All(torch.nn.Module module)
    {
        var (parameters, buffers) = Collect(module);
        return [.. parameters, .. buffers];
    }

    static (IReadOnlyList<Parameter> Parameters, IReadOnlyList<Parameter> Buffers) Collect(torch.nn.Module module)
    {
        ArgumentNullException.ThrowIfNull(module);
        var parameters = module.Parameters();
        return (parameters, [.. module.named_buffers().Select(b => new TorchParameter(b.buffer, b.name, isBuffer: true))
            .DistinctBy(b => b.Identity).ExceptBy(parameters.Select(p => p.Identity), b => b.Identity)]);
    }

    /// <summary>The names of the model's state, each with that of its average: tensors that layers share have one average and several names.</summary>
    List<(string Name, string Canonical)> Names()
    {
        var known = new HashSet<string>(Averages.Names);
        var canonical = new Dictionary<TensorIdentity, string>();
        var tensors = ModuleState.Tensors(model);
        foreach (var (name, tensor) in tensors)
        {
            if (known.Contains(name))
                canonical[new(tensor)] = name;
        }
        return [.. tensors.Select(t => (t.Name, known.Contains(t.Name) ? t.Name : canonical[new(t.Tensor)]))];
    }
}
