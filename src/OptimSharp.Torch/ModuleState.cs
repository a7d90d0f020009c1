using OptimSharp.Kernels;
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
    /// Whether both sides must have the same names. When false, tensors whose names the state dict lacks stay as they are, and what only the state
    /// dict has is left out. Batch normalisation's <c>num_batches_tracked</c>, which old checkpoints don't have, may always be missing.
    /// </param>
    /// <exception cref="StateDictException">Names, shapes or types do not fit. Nothing was changed.</exception>
    public static void LoadStateDict(this torch.nn.Module module, StateDict state, bool strict = true)
    {
        var tensors = Tensors(module);
        ArgumentNullException.ThrowIfNull(state);
        var names = tensors.ToDictionary(t => t.Name, t => t.Tensor);
        foreach (var key in state.Keys)
        {
            if (strict && (key.Name is not { } name || !names.ContainsKey(name)))
                throw state.Wrong(key, state[key], $"a parameter or buffer of the module, which has: {string.Join(", ", names.Keys)}");
        }
        var loads = new List<(torch.Tensor To, TensorData From)>();
        foreach (var (name, tensor) in tensors)
        {
            if (state.ContainsKey(name) && Torch.Tensors.ShareElements(tensor.Handle))
                throw new StateDictException(name, "can't be loaded: elements of the module's tensor share their memory. Give it memory of its own, tensor.clone()");
            if (state.ContainsKey(name))
                loads.Add((tensor, Check(state, name, tensor)));
            else if (strict && name != BatchCount && !name.EndsWith("." + BatchCount, StringComparison.Ordinal))
                _ = state[name]; // says that it is missing
        }
        using var noGrad = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        // All copies are made before the first tensor changes: memory may run out.
        foreach (var (to, from) in loads.ConvertAll(load => (load.To, From: load.From.ToTensor())))
            to.detach().copy_(from);
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

    static TensorData Check(StateDict state, string name, torch.Tensor tensor)
    {
        var data = state.GetTensor(name);
        var type = tensor.dtype.ToElementType() ?? throw state.Wrong(name, data, $"absent: the module's tensor is of type {tensor.dtype}");
        bool like = data.ElementType == type || data.ElementType.IsTrainable() && type.IsTrainable() && data.ElementType.IsComplex() == type.IsComplex();
        return like && data.Shape.SequenceEqual(tensor.shape) ? data
            : throw state.Wrong(name, data, $"[{string.Join(", ", tensor.shape)}] and {(!type.IsTrainable() ? type.ToString() : type.IsComplex() ? "complex" : "real")}");
    }
}
