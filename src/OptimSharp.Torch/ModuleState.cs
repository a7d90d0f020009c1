using OptimSharp.Engine;
using TorchSharp;

namespace OptimSharp.Torch;

/// <summary>A module's parameters and buffers as a <see cref="StateDict"/>, under PyTorch's keys.</summary>
public static class ModuleState
{
    const string BatchCount = "num_batches_tracked";

    /// <summary>
    /// A copy of the module's parameters and buffers, those of whole numbers too, in PyTorch's order: of each module its parameters, its buffers, then its
    /// children. Tensors that layers share are there under each of their names, over one memory, and are saved so.
    /// </summary>
    public static StateDict StateDict(this torch.nn.Module module)
    {
        var state = new StateDict { PythonType = "collections.OrderedDict" };
        var copies = new Dictionary<TensorIdentity, TensorData>();
        foreach (var (name, tensor) in Tensors(module))
        {
            var place = new TensorIdentity(tensor, byImplementation: false);
            if (copies.TryGetValue(place, out var copy))
                state.Add(name, new TensorData(copy.Storage, copy.ElementType, copy.Shape));
            else
                state.Add(name, copies[place] = tensor.ToTensorData());
        }
        return state;
    }

    /// <summary>
    /// Takes over a copy of parameters and buffers, of ours or PyTorch's making. The module keeps its tensors, and their types and devices: real numbers are
    /// rounded to the tensor's type; whole numbers must be of the same type.
    /// </summary>
    /// <param name="module">The module.</param>
    /// <param name="state">The state dict.</param>
    /// <param name="strict">
    /// Whether both sides must have the same names, shapes and kinds of numbers. When false, tensors that the state dict lacks, or has in another shape or
    /// kind, stay as they are, and what only the state dict has is left out. Batch normalisation's <c>num_batches_tracked</c>, which old checkpoints don't have,
    /// may always be missing. A tensor that layers share is there when it is there under one of its names.
    /// </param>
    /// <returns>What became of each tensor. When none was loaded, <see cref="Warnings"/> says so, too.</returns>
    /// <exception cref="StateDictException">Names, shapes or types do not fit. Nothing was changed.</exception>
    public static LoadReport LoadStateDict(this torch.nn.Module module, StateDict state, bool strict = true)
    {
        var tensors = Tensors(module);
        ArgumentNullException.ThrowIfNull(state);
        var names = tensors.ToDictionary(t => t.Name, t => t.Tensor);
        var unexpected = state.Keys.Where(key => key.Name is not { } name || !names.ContainsKey(name)).ToArray();
        if (strict && unexpected.Length > 0)
            throw state.Wrong(unexpected[0], state[unexpected[0]], $"a parameter or buffer of the module, which has: {string.Join(", ", names.Keys)}", StatePrefix.Advice(state, names.Keys));
        var saved = tensors.Where(t => state.ContainsKey(t.Name) && (strict || Expected(Numbers(state.GetTensor(t.Name)), t.Tensor) is null))
            .GroupBy(t => new TensorIdentity(t.Tensor), t => t.Name).ToDictionary(g => g.Key, g => g.First());
        var loads = new List<(torch.Tensor To, TensorData From)>();
        var report = new List<LoadedEntry>();
        foreach (var (name, tensor) in tensors)
        {
            if (!state.ContainsKey(name))
            {
                if (saved.TryGetValue(new(tensor), out string? other))
                {
                    report.Add(new(name, LoadOutcome.Loaded, other)); // a file may have a tensor that layers share under one name only
                    continue;
                }
                if (strict && name != BatchCount && !name.EndsWith("." + BatchCount, StringComparison.Ordinal))
                    throw new StateDictException(name, "is missing" + StatePrefix.Advice(state, names.Keys));
                report.Add(new(name, LoadOutcome.Kept));
                continue;
            }
            if (Torch.Tensors.ShareElements(tensor.Handle))
                throw new StateDictException(name, "can't be loaded: elements of the module's tensor share their memory. Give it memory of its own, tensor.clone()");
            var data = Numbers(state.GetTensor(name));
            if (Expected(data, tensor) is { } expected)
            {
                if (strict)
                    throw state.Wrong(name, data, expected);
                report.Add(new(name, LoadOutcome.Kept, name, Reason: $"must be {expected}, but is {data}"));
                continue;
            }
            loads.Add((tensor, data));
            report.Add(new(name, LoadOutcome.Loaded, name));
        }
        report.AddRange(unexpected.Select(key => new LoadedEntry(key.ToString(), LoadOutcome.Dropped, key.ToString())));
        using (torch.no_grad())
        {
            using var scope = torch.NewDisposeScope();
            // All copies are made before the first tensor changes: memory may run out.
            foreach (var (to, from) in loads.ConvertAll(load => (load.To, From: load.From.ToTensor())))
                to.detach().copy_(from);
        }
        if (loads.Count == 0 && tensors.Count > 0)
            Warnings.Raise(module, $"Nothing was loaded into the module: no entry of the state dict has the name and shape of one of its tensors{StatePrefix.Advice(state, names.Keys)}.");
        return new(report);
    }

    /// <summary>The tensors of a module's state, in PyTorch's order. TorchSharp's own <c>state_dict()</c> leaves out the later names of a shared tensor.</summary>
    internal static List<(string Name, torch.Tensor Tensor)> Tensors(torch.nn.Module module)
    {
        ArgumentNullException.ThrowIfNull(module);
        var all = module.state_dict();
        var known = all.Values.Select(tensor => new TensorIdentity(tensor)).ToHashSet();
        var ordered = new List<(string Name, torch.Tensor Tensor)>();
        Collect(module, "");
        foreach (var (name, tensor) in all) // a module may override what belongs to its state
            ordered.Add((name, tensor));
        return ordered;

        void Collect(torch.nn.Module part, string prefix)
        {
            foreach (var (name, parameter) in part.named_parameters(recurse: false))
                Take(prefix + name, parameter);
            foreach (var (name, buffer) in part.named_buffers(recurse: false))
                Take(prefix + name, buffer);
            foreach (var (name, child) in part.named_children())
                Collect(child, $"{prefix}{name}.");
        }

        void Take(string name, torch.Tensor tensor)
        {
            if (all.Remove(name, out var listed))
                ordered.Add((name, listed));
            else if (known.Contains(new(tensor)))
                ordered.Add((name, tensor));
        }
    }

    /// <summary>What a tensor's values would have to be; null when they are.</summary>
    /// <summary>8-bit floats, which TorchSharp does not have, as what they stand for.</summary>
    static TensorData Numbers(TensorData data) => Float8.Has(data.ElementType) ? data.To(ElementType.Float32) : data;

    static string? Expected(TensorData data, torch.Tensor tensor)
    {
        if (tensor.dtype.ToElementType() is not { } type)
            return $"absent: the module's tensor is of type {tensor.dtype}";
        bool like = data.ElementType == type || data.ElementType.IsTrainable() && type.IsTrainable() && data.ElementType.IsComplex() == type.IsComplex();
        return like && data.Shape.SequenceEqual(tensor.shape) ? null
            : $"[{string.Join(", ", tensor.shape)}] and {(!type.IsTrainable() ? type.ToString() : type.IsComplex() ? "complex" : "real")}";
    }
}
