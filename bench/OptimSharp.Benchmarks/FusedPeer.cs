using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace OptimSharp.Benchmarks;

/// <summary>
/// libtorch's fused CPU optimizers (what PyTorch runs with <c>fused=True</c>), called through libtorch's C dispatcher. The lists of
/// tensors are built at each step, as PyTorch builds them, with gradients fetched anew.
/// </summary>
sealed unsafe partial class FusedPeer : IContender
{
    const ulong Abi = (2UL << 56) | (10UL << 48);

    readonly string name;
    readonly Tensor[] tensors;
    readonly Tensor[][] states; // lists of tensors after parameters and gradients, in the operator's order
    readonly ulong[] numbers;

    FusedPeer(string name, Tensor[] tensors, Tensor[][] states, params ReadOnlySpan<ulong> numbers)
    {
        this.name = name;
        this.tensors = tensors;
        this.states = states;
        this.numbers = numbers.ToArray();
    }

    /// <summary>The fused operator of an optimizer; null, and nothing made, when libtorch has none.</summary>
    public static FusedPeer? For(string optimizer, Func<Tensor[]> make) =>
        optimizer is "Adam" or "AdamW" or "SGD" or "Adagrad" ? For(optimizer, make()) : null;

    public static FusedPeer For(string optimizer, Tensor[] tensors)
    {
        const ulong No = 0, Null = 0; // false, and no tensor
        return optimizer switch
        {
            "Adam" or "AdamW" => new(optimizer == "Adam" ? "aten::_fused_adam_" : "aten::_fused_adamw_", tensors,
                [Zeros(), Zeros(), [], Steps()],
                Number(1e-3), Number(0.9), Number(0.999), Number(optimizer == "Adam" ? 0 : 1e-2), Number(1e-8), No, No, Null, Null),
            "SGD" => new("aten::_fused_sgd_", tensors,
                [Zeros()],
                Number(0), Number(0.9), Number(1e-3), Number(0), No, No, No, Null, Null),
            "Adagrad" => new("aten::_fused_adagrad_", tensors,
                [Zeros(), Steps()],
                Number(1e-2), Number(0), Number(0), Number(1e-10), No, Null, Null),
            _ => throw new ArgumentException($"libtorch has no fused {optimizer}.", nameof(optimizer)),
        };

        Tensor[] Zeros() => [.. tensors.Select(t => zeros_like(t, requires_grad: false))];
        Tensor[] Steps() => [.. tensors.Select(_ => ones(Array.Empty<long>()))];
    }

    public void Step()
    {
        ulong* stack = stackalloc ulong[2 + states.Length + numbers.Length];
        int top = 0;
        using var noGrad = no_grad();
        stack[top++] = List(tensors);
        var grads = tensors.Select(t => t.grad!).ToArray();
        stack[top++] = List(grads);
        foreach (var list in states)
            stack[top++] = List(list);
        foreach (ulong number in numbers)
            stack[top++] = number;
        if (CallDispatcher(name, "", stack, Abi) != 0)
            throw new InvalidOperationException($"{name} failed.");
        Tensors.Dispose(grads);
    }

    public void Dispose()
    {
        Tensors.Dispose(tensors);
        foreach (var list in states)
            Tensors.Dispose(list);
    }

    /// <summary>Sets all tensors to zeros, in one call.</summary>
    public static void Zero(Tensor[] tensors)
    {
        ulong* stack = stackalloc ulong[1] { List(tensors) };
        if (CallDispatcher("aten::_foreach_zero_", "", stack, Abi) != 0)
            throw new InvalidOperationException("_foreach_zero_ failed.");
    }

    static ulong Number(double value) => BitConverter.DoubleToUInt64Bits(value);

    /// <summary>A list that the operator takes over, with handles of its own.</summary>
    static ulong List(Tensor[] tensors)
    {
        Check(NewList((nuint)tensors.Length, out nint list));
        foreach (var tensor in tensors)
        {
            Check(NewHandle(tensor.Handle, out nint handle));
            Check(PushBack(list, (ulong)handle));
        }
        return (ulong)list;

        static void Check(int error)
        {
            if (error != 0)
                throw new InvalidOperationException("libtorch's dispatcher refused a list.");
        }
    }

    [LibraryImport("torch_cpu", EntryPoint = "torch_call_dispatcher", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int CallDispatcher(string name, string overload, ulong* stack, ulong abi);

    [LibraryImport("torch_cpu", EntryPoint = "torch_new_list_reserve_size")]
    private static partial int NewList(nuint size, out nint list);

    [LibraryImport("torch_cpu", EntryPoint = "torch_list_push_back")]
    private static partial int PushBack(nint list, ulong item);

    [LibraryImport("torch_cpu", EntryPoint = "aoti_torch_new_tensor_handle")]
    private static partial int NewHandle(nint tensor, out nint handle);
}
